/* A strip and a spectrogram for every track, one playhead over all of them. */

import { LOWEST_DB, METER_DB, clockText, drawLevels, frequencyTicks, timeTicks } from "/page/shared.js";
import { button, decibels, fit, iconButton, node, shownName, themeColour } from "/page/dom.js";
import { steer } from "/page/timeline.js";

const METER_FLOOR = 1e-6;
const WORDS = { mixture: "The recording as it is", residual: "What no instrument has: breath, strikes, noise" };

/* openEffects: (name) => element under the lane of a track, or null to close it. */
export function lanes(deck, transport, openEffects) {
  const { desk, timeline } = deck;
  const axis = node("div", { class: "axis", "aria-hidden": "true" });
  const rows = desk.tracks.map((track) => lane(deck, transport, track, openEffects));
  const element = node("div", { class: "tracks" }, ...rows.map((row) => row.element), axis);

  let wide = 0; // sizes are remembered: to ask for one while the page changes costs a layout of all of it
  const drawAxis = () => {
    const length = timeline.to - timeline.from;
    axis.replaceChildren(...timeTicks(timeline.from, length, wide).map(({ label, place }) => {
      const tick = node("span", {}, label);
      tick.style.left = `${100 * place}%`;
      return tick;
    }));
  };
  const paint = () => rows.forEach((row) => row.paint());
  /* A lane in each turn of the loop, so that what plays and moves is never held up. */
  let turn = 0;
  const draw = () => {
    const mine = (turn += 1);
    rows.forEach((row) => setTimeout(() => mine === turn && row.draw()));
    drawAxis();
  };
  const show = () => {
    rows.forEach((row) => row.show());
    rows.forEach((row) => row.loop(desk.region));
  };
  transport.onFrame((position) => {
    const place = timeline.place(position);
    rows.forEach((row, index) => row.move(place < 0 || place > 1 ? -1 : place, desk.peak(index)));
  });
  desk.addEventListener("change", show);
  timeline.addEventListener("change", () => (draw(), show()));
  deck.addEventListener("spectra", () => (paint(), draw()));
  deck.addEventListener("notes", draw);
  const themed = () => element.isConnected && (paint(), draw());
  document.addEventListener("theme", themed);
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      if (target === axis) wide = contentRect.width;
      else rows.find(({ canvas }) => canvas === target).size = [contentRect.width, contentRect.height];
    }
    if (wide) draw();
  });
  [axis, ...rows.map(({ canvas }) => canvas)].forEach((each) => sizes.observe(each));
  paint();
  show();
  return { element, draw: () => (paint(), draw()), close: () => document.removeEventListener("theme", themed) };
}

function lane(deck, transport, track, openEffects) {
  const { desk, timeline } = deck;
  const name = shownName(track.name);
  const toggle = (letter, verb, change) =>
    node("button", { type: "button", class: `toggle ${verb.toLowerCase()}`, "aria-label": `${verb} ${name}`, title: `${verb} ${name}`,
      onclick: () => deck.set(track, change()) }, letter);
  const mute = toggle("M", "Mute", () => ({ muted: !track.muted }));
  const solo = toggle("S", "Solo", () => ({ solo: !track.solo }));
  const fx = track.kind === "mixture" ? null : node("button", { type: "button", class: "toggle fx", "aria-label": `Effects of ${name}`, title: `Effects of ${name}`, "aria-expanded": "false" }, "FX");
  const fader = node("input", { type: "range", class: "fader", min: LOWEST_DB, max: 6, step: 0.5, value: track.level, "aria-label": `Level of ${name}`,
    oninput: () => deck.set(track, { level: Number(fader.value) }), ondblclick: () => deck.set(track, { level: 0 }) });
  const level = node("span", { class: "db" });
  const meter = node("div", { class: "meter", "aria-hidden": "true" }, node("div"));
  const strip = node("div", { class: "strip" }, node("h3", { title: WORDS[track.kind] ?? null }, name), node("div", { class: "keys" }, mute, solo, ...(fx ? [fx] : [])), node("div", { class: "level" }, fader, level), meter);
  const scale = node("div", { class: "scale", "aria-hidden": "true" });
  const canvas = node("canvas", { class: "levels", role: "img", "aria-label": `Spectrogram of ${name}` });
  const [loopPart, head, bar] = [node("div", { class: "loop-part" }), node("div", { class: "playhead" }), meter.firstChild];
  const view = node("div", { class: "view" }, canvas, loopPart, head);
  steer(view, timeline, transport);
  const element = node("div", { class: `track ${track.kind}` }, strip, scale, view);
  element.dataset.track = track.name;
  const image = document.createElement("canvas");
  const index = deck.indexOf(track.name);
  element.style.setProperty("--track", index < 0 ? "var(--grey)" : `var(--source-${(index % 4) + 1})`);
  let inks = null;

  if (fx) {
    let panel = null;
    fx.addEventListener("click", () => {
      if (panel) (panel.remove(), (panel = null));
      else element.append((panel = openEffects(track.name)));
      fx.setAttribute("aria-expanded", Boolean(panel));
    });
  }

  /* In the colours of the theme. */
  const paint = () => {
    if (!deck.spectra) return;
    const colour = themeColour(index < 0 ? "--grey" : `--source-${(index % 4) + 1}`);
    inks = [themeColour("--ground"), colour, themeColour("--strongest")];
    scale.replaceChildren(...frequencyTicks(deck.spectra.octaves).map(({ label, short, place }) => {
      const tick = node("span", { "data-short": short }, label);
      tick.style.top = `${100 * place}%`;
      return tick;
    }));
  };

  /* The part that the timeline shows. */
  const draw = () => {
    const ratio = devicePixelRatio || 1;
    const [width, height] = row.size.map((pixels) => Math.round(pixels * ratio));
    if (!width || !height) return;
    fit(canvas, width, height);
    const pen = canvas.getContext("2d");
    if (!inks) return;
    drawLevels(image, ...pooled(deck.spectra, deck.spectra.levels[track.name], timeline, width, height), inks);
    pen.drawImage(image, 0, 0, width, height);
    if (deck.showNotes !== false) drawNotes(pen, deck, track, width, height, ratio);
  };

  const show = () => {
    element.classList.toggle("silent", !desk.audible(track));
    mute.setAttribute("aria-pressed", track.muted);
    solo.setAttribute("aria-pressed", track.solo);
    if (fx) fx.setAttribute("aria-pressed", deck.rack.strip(track.name).effects.length > 0);
    fader.value = track.level;
    const text = decibels(track.level);
    fader.setAttribute("aria-valuetext", text);
    level.replaceChildren(text);
  };
  const loop = (region) => {
    loopPart.style.display = region ? "block" : "none";
    if (!region) return;
    loopPart.style.left = `${100 * timeline.place(region[0])}%`;
    loopPart.style.width = `${100 * (timeline.place(region[1]) - timeline.place(region[0]))}%`;
  };
  /* For every picture while it plays: nothing that needs a layout. */
  const move = (place, peak) => {
    head.style.transform = `translateX(${100 * place}%)`;
    const high = 1 + (20 * Math.log10(Math.max(peak, METER_FLOOR))) / METER_DB;
    bar.style.transform = `scaleX(${Math.min(1, Math.max(0, high)).toFixed(3)})`;
  };
  const row = { element, canvas, size: [0, 0], paint, draw, show, loop, move };
  return row;
}

const CONTRAST = 0.75; // below 1: soft sounds are painted stronger

/* The strongest level behind every pixel of the part that is shown: thin lines stay, however small the picture. */
function pooled({ rows, columns, steps }, levels, timeline, width, height) {
  const first = (timeline.from / timeline.seconds) * columns;
  const shown = ((timeline.to - timeline.from) / timeline.seconds) * columns;
  const [wide, tall] = [Math.max(1, Math.min(width, Math.round(shown))), Math.min(height, rows)];
  const out = new Uint8Array(wide * tall);
  const shades = Uint8Array.from({ length: steps + 1 }, (_, step) => Math.round(steps * (step / steps) ** CONTRAST));
  const edges = Int32Array.from({ length: wide + 1 }, (_, x) => Math.min(columns, Math.floor(first + (x / wide) * shown)));
  for (let y = 0; y < tall; y++) {
    const [low, high] = [Math.floor((y / tall) * rows), Math.max(Math.floor((y / tall) * rows) + 1, Math.floor(((y + 1) / tall) * rows))];
    for (let x = 0; x < wide; x++) {
      let most = 0;
      const end = Math.max(edges[x] + 1, edges[x + 1]);
      for (let row = low; row < high; row++) {
        for (let column = edges[x]; column < end; column++) most = Math.max(most, levels[row * columns + column]);
      }
      out[y * wide + x] = shades[most];
    }
  }
  return [out, { rows: tall, columns: wide, steps }];
}

/* Notes that were found, where they sound: a line for each, in the colour of its player on the mixture. */
function drawNotes(pen, deck, track, width, height, ratio) {
  const { timeline } = deck;
  const [low, high] = deck.spectra.octaves;
  const mixture = track.kind === "mixture";
  if (!mixture && track.kind !== "source") return;
  const shown = deck.notes.filter((note) => (mixture || note.source === track.name) && note.end > timeline.from && note.start < timeline.to);
  const y = (note) => ((high - Math.log2(440) - (note.key - 69) / 12) / (high - low)) * height;
  const stroke = (notes, ink, thickness) => {
    pen.strokeStyle = themeColour(ink);
    pen.lineWidth = thickness * ratio;
    pen.beginPath();
    for (const note of notes) {
      const [x, end] = [timeline.place(note.start) * width, timeline.place(note.end) * width];
      pen.moveTo(x + ratio, y(note));
      pen.lineTo(Math.max(end - ratio, x + 2 * ratio), y(note));
    }
    pen.stroke();
  };
  pen.lineCap = "round";
  stroke(shown, "--halo", 4);
  if (!mixture) return stroke(shown, "--pitch", 2);
  for (const { name } of deck.store.session.sources) {
    stroke(shown.filter(({ source }) => source === name), `--source-${(deck.indexOf(name) % 4) + 1}`, 2);
  }
}

export { button, clockText, iconButton };
