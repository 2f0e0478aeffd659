/* Play, clock, overview of the whole recording with region and playhead, zoom, loop; the keys for all of it. */

import { PAUSE_ICON, PLAY_ICON, icon } from "/page/shared.js";
import { button, clockText, iconButton, node, themeColour } from "/page/dom.js";
import { drawWaveform } from "/page/recordings.js";
import { soloBars } from "/page/solos.js";
import { steer } from "/page/timeline.js";

const SKIP_SECONDS = 5;

export function transport(deck, extras = []) {
  const { desk, timeline, store } = deck;
  const play = node("button", { type: "button", class: "play", "aria-label": "Play", disabled: !deck.sounding, onclick: () => desk.toggle() }, icon(PLAY_ICON));
  const now = document.createTextNode("");
  const clock = node("span", { class: "clock" }, now, node("span", {}, ` / ${clockText(desk.seconds)}`));
  const wave = node("canvas", { class: "wave", "aria-hidden": "true" });
  const part = node("div", { class: "window" });
  const region = node("div", { class: "region" });
  const head = node("div", { class: "playhead" });
  const solos = soloBars(store, desk.seconds);
  const overview = node("div", { class: "overview", role: "slider", tabindex: 0, "aria-label": "Position", "aria-valuemin": 0, "aria-valuemax": Math.round(desk.seconds) }, wave, solos.element, part, region, head);
  const loop = iconButton("loop", "Loop: drag over a passage to choose it", () => desk.setRegion(desk.region ? null : [timeline.from, timeline.to]), "quiet round");
  const out = iconButton("zoomout", "Zoom out", () => timeline.zoom(1 / 2, desk.position), "quiet round");
  const into = iconButton("zoomin", "Zoom in", () => timeline.zoom(2, desk.position), "quiet round");
  const all = iconButton("whole", "Show all", () => timeline.showAll(), "quiet round");
  const status = node("span", { class: "status", role: "status" });
  const element = node("div", { class: "transport", role: "group", "aria-label": "Transport" },
    node("div", { class: "line" }, play, clock, overview),
    node("div", { class: "line options" }, ...extras, node("span", { class: "tools" }, loop, out, into, all), status));

  const seek = (seconds) => {
    if (desk.region && (seconds < desk.region[0] || seconds > desk.region[1])) desk.setRegion(null);
    desk.seek(seconds);
    timeline.follow(seconds);
  };
  const choose = (span, done) => {
    showRegion(span);
    if (done) desk.setRegion(span[1] - span[0] > 0.05 ? span : null);
  };
  steer(overview, timeline, { seek, choose, whole: true });

  const showRegion = (span) => {
    region.hidden = !span;
    if (!span) return;
    region.style.left = `${(100 * span[0]) / desk.seconds}%`;
    region.style.width = `${(100 * (span[1] - span[0])) / desk.seconds}%`;
  };
  const paint = () => {
    const take = store.session.takes.find(({ take: name }) => name === deck.take);
    if (take && wave.clientWidth) drawWaveform(wave, take, themeColour("--wave"));
  };
  const listeners = new Set();
  let waiting = 0;

  /* Everything that moves while it plays. */
  const frame = () => {
    cancelAnimationFrame(waiting);
    desk.tick();
    const { position } = desk;
    head.style.transform = `translateX(${(100 * position) / desk.seconds}%)`;
    const text = clockText(position);
    if (text !== now.data) now.data = text;
    for (const listener of listeners) listener(position);
    if (desk.playing) {
      timeline.follow(position);
      waiting = requestAnimationFrame(frame);
    }
  };
  const show = () => {
    const playing = Boolean(desk.playing);
    play.disabled = !deck.sounding;
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    play.replaceChildren(icon(playing ? PAUSE_ICON : PLAY_ICON));
    loop.setAttribute("aria-pressed", Boolean(desk.region));
    showRegion(desk.region);
    part.hidden = timeline.whole;
    part.style.left = `${(100 * timeline.from) / timeline.seconds}%`;
    part.style.width = `${(100 * (timeline.to - timeline.from)) / timeline.seconds}%`;
    overview.setAttribute("aria-valuenow", Math.round(desk.position));
    overview.setAttribute("aria-valuetext", `${clockText(desk.position, 0)} of ${clockText(desk.seconds, 0)}`);
    status.textContent = deck.sounding ? "" : `Loading the sound, ${deck.loaded} of ${desk.tracks.length}`;
    frame();
  };

  const key = (event) => {
    const { target, code } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !element.isConnected || document.querySelector("dialog[open]")) return;
    if (target.matches?.("input:not([type=range]):not([type=checkbox]), select, textarea")) return;
    const onControl = target.matches?.("button, a, summary, input[type=checkbox]");
    const onRange = target.matches?.("input[type=range]");
    const digit = /^Digit([1-9])$/.exec(code);
    if (code === "Space" && !onControl && deck.sounding) desk.toggle();
    else if (code === "ArrowLeft" && !onRange) seek(desk.position - (event.shiftKey ? 1 : SKIP_SECONDS));
    else if (code === "ArrowRight" && !onRange) seek(desk.position + (event.shiftKey ? 1 : SKIP_SECONDS));
    else if (code === "Home" && !onRange) seek(0);
    else if (code === "KeyL") loop.click();
    else if (event.key === "+" || event.key === "=") timeline.zoom(2, desk.position);
    else if (event.key === "-") timeline.zoom(1 / 2, desk.position);
    else if (event.key === "0") timeline.showAll();
    else if (digit && transportKeys.digits && desk.tracks[digit[1] - 1]) {
      const track = desk.tracks[digit[1] - 1];
      deck.set(track, event.shiftKey ? { muted: !track.muted } : { solo: !track.solo });
    } else return;
    event.preventDefault();
  };
  const transportKeys = { digits: true };

  desk.addEventListener("change", show);
  timeline.addEventListener("change", show);
  for (const kind of ["loaded", "ready"]) deck.addEventListener(kind, show);
  document.addEventListener("keydown", key);
  document.addEventListener("theme", paint);
  store.addEventListener("session", solos.show);
  new ResizeObserver(paint).observe(overview);
  solos.show();
  show();
  return {
    element,
    seek,
    choose,
    keys: transportKeys,
    onFrame: (listener) => (listeners.add(listener), listener(desk.position)),
    close: () => {
      cancelAnimationFrame(waiting);
      document.removeEventListener("keydown", key);
      document.removeEventListener("theme", paint);
      store.removeEventListener("session", solos.show);
    },
  };
}

export { button };
