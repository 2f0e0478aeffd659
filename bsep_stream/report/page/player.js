/* The controls of the desk: transport, a strip and a spectrogram per track, one playhead over all of them. */

const SKIP_SECONDS = 5;
const METER_DB = 48;
const MIXES = { mixture: "Mixture", stems: "Stems", remix: "Remix" };
const KEYS = [
  ["Space", "play, pause"],
  ["← →", "5 seconds"],
  ["Home", "beginning"],
  ["1 – 9", "solo"],
  ["Shift 1 – 9", "mute"],
];
const PLAY_ICON = "M8 5v14l11-7z";
const PAUSE_ICON = "M6 5h4v14H6zM14 5h4v14h-4z";

function node(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

function shownName(name) {
  return name.replaceAll("_", " ");
}

function icon(path) {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));
}

/* Which tracks a mix is made of. */
function belongs(track, mix) {
  return mix === "stems" ? track.kind === "source" || track.kind === "residual" : track.kind === mix;
}

class Player {
  constructor(session, colourOf) {
    this.session = session;
    this.colourOf = colourOf;
    const tracks = session.tracks.map((track) => ({
      ...track,
      buffer: null,
      muted: !belongs(track, "stems"),
      solo: false,
      level: 0,
    }));
    this.desk = new Desk(tracks, session.seconds);
    this.lanes = tracks.map((track, index) => this.lane(track, index));
    this.axis = node("div", { class: "axis", "aria-hidden": "true" });
    this.tracks = node("div", { class: "tracks" }, ...this.lanes.map(({ element }) => element), this.axis);
    const keys = node("p", { class: "keyboard" }, ...KEYS.flatMap(([key, what]) => [node("kbd", {}, key), ` ${what}   `]));
    this.element = node("section", { class: "player", "aria-label": "Player" }, this.transport(), this.tracks, keys);
    this.desk.addEventListener("change", () => this.show());
    this.tracks.addEventListener("pointermove", (event) => this.readOut(event));
    this.tracks.addEventListener("pointerleave", () => this.readout.replaceChildren());
    document.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.drawOverlays()).observe(this.axis);
    this.show();
  }

  transport() {
    this.playButton = node("button", { type: "button", class: "play", disabled: true, "aria-label": "Play" });
    this.playButton.addEventListener("click", () => this.desk.toggle());
    this.clock = node("span", { class: "clock" });
    this.slider = node("input", {
      type: "range",
      class: "position",
      min: 0,
      max: this.session.seconds,
      step: 0.01,
      value: 0,
      disabled: true,
      "aria-label": "Position",
      oninput: () => this.desk.seek(Number(this.slider.value)),
    });
    this.mixButtons = Object.entries(MIXES)
      .filter(([mix]) => this.desk.tracks.some((track) => belongs(track, mix)))
      .map(([mix, label]) => {
        const button = node("button", { type: "button", onclick: () => this.choose(mix) }, label);
        button.dataset.mix = mix;
        return button;
      });
    const listen = node("div", { class: "segments", role: "group", "aria-label": "Listen to" }, ...this.mixButtons);
    this.loopBox = node("input", { type: "checkbox", onchange: () => this.desk.setLoop(this.loopBox.checked) });
    this.pitchBox = node("input", { type: "checkbox", checked: true, onchange: () => this.drawOverlays() });
    this.saveButton = node("button", { type: "button", class: "quiet", disabled: true }, "Save mix");
    this.saveButton.title = "What you hear, as a WAV file";
    this.saveButton.addEventListener("click", () => saveMix(this.desk, "mix.wav"));
    this.status = node("p", { class: "status", role: "status" }, "Loading the sound");
    this.readout = node("span", { class: "readout", "aria-hidden": "true" });
    const options = [node("label", { class: "check" }, this.loopBox, "Loop")];
    if (this.session.pitches) options.push(node("label", { class: "check" }, this.pitchBox, "Pitches"));
    return node(
      "div",
      { class: "transport", role: "group", "aria-label": "Transport" },
      node("div", { class: "line" }, this.playButton, this.clock, this.slider),
      node("div", { class: "line options" }, listen, ...options, this.saveButton, this.readout, this.status),
    );
  }

  lane(track, index) {
    const name = shownName(track.name);
    const toggle = (letter, verb, change) =>
      node("button", { type: "button", class: `toggle ${verb.toLowerCase()}`, "aria-label": `${verb} ${name}`,
        title: `${verb} ${name}`, onclick: () => this.desk.set(track, change()) }, letter);
    const mute = toggle("M", "Mute", () => ({ muted: !track.muted }));
    const solo = toggle("S", "Solo", () => ({ solo: !track.solo }));
    const fader = node("input", {
      type: "range", class: "fader", min: LOWEST_DB, max: 6, step: 0.5, value: 0, "aria-label": `Level of ${name}`,
      oninput: () => this.desk.set(track, { level: Number(fader.value) }),
      ondblclick: () => this.desk.set(track, { level: 0 }),
    });
    const level = node("span", { class: "db" });
    const meter = node("div", { class: "meter", "aria-hidden": "true" }, node("div"));
    const strip = node(
      "div",
      { class: "strip" },
      node("h3", {}, name),
      node("div", { class: "keys" }, mute, solo),
      node("div", { class: "level" }, fader, level),
      meter,
    );
    const levels = node("canvas", { class: "levels", role: "img", "aria-label": `Spectrogram of ${name}` });
    const pitches = node("canvas", { class: "pitches", "aria-hidden": "true" });
    const head = node("div", { class: "playhead" });
    const view = node("div", { class: "view" }, levels, pitches, head);
    view.dataset.index = index;
    view.addEventListener("pointerdown", (event) => this.seekTo(view, event));
    view.addEventListener("pointermove", (event) => event.buttons & 1 && this.seekTo(view, event));
    const scale = node(
      "div",
      { class: "scale", "aria-hidden": "true" },
      ...frequencyTicks(this.session.spectrogram.octaves).map(({ label, short, place }) => {
        const tick = node("span", { "data-short": short }, label);
        tick.style.top = `${100 * place}%`;
        return tick;
      }),
    );
    const label = `${name}${index < 9 ? `, key ${index + 1}` : ""}`;
    const element = node("article", { class: `track ${track.kind}`, "aria-label": label }, strip, scale, view);
    return { track, element, mute, solo, fader, level, meter: meter.firstChild, levels, pitches };
  }

  ready(buffers) {
    this.desk.tracks.forEach((track, index) => (track.buffer = buffers[index]));
    for (const control of [this.playButton, this.slider, this.saveButton]) control.disabled = false;
    this.status.replaceChildren();
  }

  choose(mix) {
    this.desk.tracks.forEach((track) => this.desk.set(track, { solo: false, muted: !belongs(track, mix) }));
  }

  seekTo(view, event) {
    if (event.button > 0 || this.slider.disabled) return;
    const { left, width } = view.getBoundingClientRect();
    this.desk.seek(((event.clientX - left) / width) * this.session.seconds);
  }

  readOut(event) {
    const view = event.target.closest?.(".view");
    if (!view) return this.readout.replaceChildren();
    const { left, top, width, height } = view.getBoundingClientRect();
    const [low, high] = this.session.spectrogram.octaves;
    const hz = 2 ** (high - ((event.clientY - top) / height) * (high - low));
    const seconds = this.session.start + ((event.clientX - left) / width) * this.session.seconds;
    this.readout.replaceChildren(`${clockText(Math.max(0, seconds), 2)}  ${Math.round(hz)} Hz  ${noteText(hz)}`);
  }

  key(event) {
    const { target, code } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || this.slider.disabled) return;
    const onRange = target.matches?.("input[type=range]");
    const onControl = target.matches?.("button, a, summary, input:not([type=range])");
    const digit = /^Digit([1-9])$/.exec(code);
    if (code === "Space" && !onControl) this.desk.toggle();
    else if (code === "ArrowLeft" && !onRange) this.desk.seek(this.desk.position - SKIP_SECONDS);
    else if (code === "ArrowRight" && !onRange) this.desk.seek(this.desk.position + SKIP_SECONDS);
    else if (code === "Home" && !onRange) this.desk.seek(0);
    else if (digit && this.desk.tracks[digit[1] - 1]) {
      const track = this.desk.tracks[digit[1] - 1];
      this.desk.set(track, event.shiftKey ? { muted: !track.muted } : { solo: !track.solo });
    } else return;
    event.preventDefault();
  }

  /* Everything that does not change while playing. */
  show() {
    const playing = Boolean(this.desk.playing);
    this.playButton.setAttribute("aria-label", playing ? "Pause" : "Play");
    this.playButton.replaceChildren(icon(playing ? PAUSE_ICON : PLAY_ICON));
    this.element.classList.toggle("playing", playing);
    for (const { track, element, mute, solo, fader, level } of this.lanes) {
      const text = track.level > LOWEST_DB ? `${track.level.toFixed(1).replace("-", "−")} dB` : "−∞ dB";
      element.classList.toggle("silent", !this.desk.audible(track));
      mute.setAttribute("aria-pressed", track.muted);
      solo.setAttribute("aria-pressed", track.solo);
      fader.value = track.level;
      fader.setAttribute("aria-valuetext", text);
      level.replaceChildren(text);
    }
    const heard = this.desk.tracks.filter((track) => this.desk.audible(track));
    for (const button of this.mixButtons) {
      const whole = this.desk.tracks.filter((track) => belongs(track, button.dataset.mix));
      const same = whole.length === heard.length && whole.every((track) => heard.includes(track));
      button.setAttribute("aria-pressed", same);
    }
    this.frame();
  }

  /* Everything that changes while playing; asks for the next frame as long as it plays. */
  frame() {
    cancelAnimationFrame(this.waiting);
    this.desk.tick();
    const { position, seconds } = this.desk;
    const { start } = this.session;
    this.tracks.style.setProperty("--at", position / seconds);
    this.slider.style.setProperty("--at", position / seconds);
    this.slider.value = position;
    this.slider.setAttribute("aria-valuetext", `${clockText(start + position, 0)} of ${clockText(start + seconds, 0)}`);
    this.clock.replaceChildren(clockText(start + position), node("span", {}, ` / ${clockText(start + seconds)}`));
    this.lanes.forEach(({ meter }, index) => {
      const decibels = 20 * Math.log10(Math.max(this.desk.peak(index), 1e-6));
      meter.style.setProperty("--peak", Math.min(1, Math.max(0, 1 + decibels / METER_DB)));
    });
    if (this.desk.playing) this.waiting = requestAnimationFrame(() => this.frame());
  }

  async unpack() {
    const { rows, columns, levels } = this.session.spectrogram;
    for (const lane of this.lanes) lane.data = await unpackLevels(levels[lane.track.name], rows, columns);
  }

  /* In the colours of the theme; again, when it changes. */
  draw() {
    for (const { track, element, levels, data } of this.lanes) {
      const colour = this.colourOf(track.kind === "source" ? track.name : null);
      element.style.setProperty("--track", colour);
      const look = getComputedStyle(element);
      const ends = ["--ground", "--strongest"].map((name) => look.getPropertyValue(name).trim());
      drawLevels(levels, data, this.session.spectrogram, [ends[0], colour, ends[1]]);
    }
    this.drawOverlays();
  }

  drawOverlays() {
    const { pitches, start, seconds, spectrogram } = this.session;
    const ticks = timeTicks(start, seconds, this.axis.clientWidth).map(({ label, place }) => {
      const tick = node("span", {}, label);
      tick.style.left = `${100 * place}%`;
      return tick;
    });
    this.axis.replaceChildren(...ticks);
    if (!pitches) return;
    const look = getComputedStyle(document.documentElement);
    const [halo, ink] = ["--halo", "--pitch"].map((name) => look.getPropertyValue(name).trim());
    for (const { track, pitches: canvas } of this.lanes) {
      const tones = this.pitchBox.checked
        ? pitches.tones.filter(({ source }) => track.kind === "mixture" || source === track.name)
        : [];
      const coloured = tones.map(({ source, hz }) => ({
        hz,
        colour: track.kind === "mixture" ? this.colourOf(source) : ink,
      }));
      drawPitches(canvas, coloured, { hop: pitches.hop, seconds, octaves: spectrogram.octaves, halo });
    }
  }
}
