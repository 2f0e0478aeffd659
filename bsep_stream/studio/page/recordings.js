/* Recordings: dropped, chosen, shown with waveform, level, and words about what could be better. */

import { encoded, remove, sessionPath, upload } from "/page/api.js";
import { pickInto, shelf } from "/page/shelf.js";
import { Ear } from "/page/ear.js";
import { PAUSE_ICON, PLAY_ICON, icon } from "/page/shared.js";
import { soloBars, solosEditor } from "/page/solos.js";
import { Timeline, steer } from "/page/timeline.js";
import { clockText, glyph, iconButton, node, themeColour, toast, trying } from "/page/dom.js";

export const ACCEPTED = {
  words: "WAV, FLAC, AIFF, OGG, MP3 · mono or stereo · any sample rate",
  types: "audio/*,.wav,.flac,.aif,.aiff,.aifc,.ogg,.oga,.opus,.mp3,.caf,.au,.w64,.rf64",
};

export function dropZone(onFiles, { big = false } = {}) {
  const input = node("input", { type: "file", multiple: true, accept: ACCEPTED.types, class: "unseen", "aria-label": "Choose recordings" });
  input.addEventListener("change", () => {
    if (input.files.length) onFiles([...input.files]);
    input.value = "";
  });
  const zone = node("label", { class: `drop ${big ? "big" : ""}` }, input, glyph("drop"),
    node("span", {}, node("b", {}, big ? "Drop a recording here" : "Drop another take of the same session"), big ? " or click to choose one" : " or click"));
  for (const kind of ["dragenter", "dragover"]) zone.addEventListener(kind, () => zone.classList.add("over"));
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (files.length) onFiles(files);
  });
  return zone;
}

/* One after the other; how many were kept. */
export async function uploadAll(session, files, onShare = uploadToast) {
  let kept = 0;
  for (const file of files) {
    const share = onShare(file.name);
    const path = sessionPath(session, `/recordings?name=${encoded(file.name)}`);
    if (await trying(() => upload(path, file, share.say))) kept += 1;
    share.done();
  }
  return kept;
}

function uploadToast(name) {
  const bar = node("progress", { max: 1, value: 0, "aria-label": `Reading ${name}` });
  const element = node("div", { class: "toast" }, node("span", {}, `Reading ${name}`), bar);
  document.getElementById("toasts").append(element);
  return { say: (share) => (bar.value = share), done: () => element.remove() };
}

export function recordingsCard(store) {
  const onChange = () => store.refresh();
  const { session } = store;
  let [shown, parts] = [null, []];
  const rows = node("div", { class: "takes" });
  const zone = dropZone(async (files) => {
    await uploadAll(session.name, files);
    onChange();
  });
  const fromFolder = shelf(async (path) => {
    if (await trying(() => pickInto(session.name, path))) onChange();
  });
  const more = node("div", {}, zone, fromFolder);
  const element = node("section", { class: "card recordings", "aria-label": "Recording" }, node("h2", {}, "Recording"), rows, more);
  const hush = () => parts.forEach(({ ear }) => ear.stop());
  const show = (begun) => {
    const { takes } = store.session;
    const now = JSON.stringify([takes.map(({ file, stamp }) => [file, stamp]), begun]);
    if (now !== shown) { // whoever types the times of a passage goes on
      hush();
      const open = rows.querySelector(".solo-marks")?.open;
      parts = takes.map((take) => row(store, take, !begun, onChange));
      rows.replaceChildren(...parts.map((part) => part.element));
      if (open) rows.querySelectorAll(".solo-marks").forEach((each) => (each.open = true));
      more.hidden = begun;
      zone.classList.toggle("big", takes.length === 0);
      requestAnimationFrame(draw);
    }
    shown = now;
    parts.forEach((part) => part.show());
  };
  const draw = () => rows.querySelectorAll("canvas").forEach((canvas) => drawWaveform(canvas, canvas.take));
  new ResizeObserver(draw).observe(rows);
  document.addEventListener("theme", draw);
  return { element, show, hush };
}

function row(store, take, removable, onChange) {
  const session = store.name;
  const canvas = node("canvas", { class: "wave", role: "img", "aria-label": `Waveform of ${take.file}` });
  canvas.take = take;
  const ear = new Ear(session, take);
  const markable = store.session.takes.length === 1 && take.seconds > 0;
  const [head, region] = [node("div", { class: "playhead", hidden: true }), node("div", { class: "region", hidden: true })];
  const bars = soloBars(store, take.seconds);
  const frame = node("div", { class: "wave-frame" }, canvas, bars.element, region, head);
  const choose = (span) => {
    region.hidden = !span;
    if (span) [region.style.left, region.style.width] = [`${(100 * span[0]) / take.seconds}%`, `${(100 * (span[1] - span[0])) / take.seconds}%`];
  };
  const editor = solosEditor(store, (from, to) => ear.play(from, to), choose);
  editor.begin(take.seconds);
  if (take.seconds > 0) {
    steer(frame, new Timeline(take.seconds), {
      whole: true,
      seek: (seconds) => (choose(null), ear.place(seconds)),
      choose: (span) => markable && (choose(span), editor.take(span)),
    });
  }
  const play = node("button", { type: "button", class: "play small", disabled: !take.seconds, onclick: () => (ear.playing ? ear.stop() : ear.play(ear.position)) });
  const moved = () => {
    head.hidden = !ear.playing && ear.position === 0;
    head.style.transform = `translateX(${(100 * ear.position) / take.seconds}%)`;
    const words = ear.playing ? `Pause ${take.file}` : `Hear ${take.file}`;
    if (play.title === words) return;
    [play.title, play.ariaLabel] = [words, words];
    play.replaceChildren(icon(ear.playing ? PAUSE_ICON : PLAY_ICON));
  };
  ear.addEventListener("move", moved);
  moved();
  const level = take.rms_db === null ? [] : [`level ${levelText(take.rms_db)}`, `peak ${levelText(take.peak_db)}`];
  const kind = { 1: "mono", 2: "stereo" }[take.channels] ?? `${take.channels} channels`;
  const facts = take.sample_rate ? [clockText(take.seconds, 1), kind, `${take.sample_rate / 1000} kHz`, ...level] : [];
  const away = async () => {
    await trying(() => remove(sessionPath(session, `/recordings?name=${encoded(take.file)}`)));
    onChange();
  };
  const element = node("article", { class: "take" },
    node("div", { class: "take-head" }, play, node("div", { class: "take-words" }, node("h3", {}, take.file), node("span", { class: "facts" }, facts.join(" · "))),
      ...(removable ? [iconButton("trash", `Leave out ${take.file}`, away, "bare")] : [])),
    frame,
    node("ul", { class: "remarks" }, ...take.remarks.map(({ kind: tone, text }) => node("li", { class: tone }, text))),
    ...(markable ? [editor.element] : []));
  return { element, ear, show: () => (bars.show(), editor.show()) };
}

const levelText = (value) => `${value.toFixed(1).replace("-", "−")} dB`;

/* low, high: whole numbers from -127 to 127, as many as points. */
export function drawWaveform(canvas, take, ink = null) {
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale)));
  const height = (canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale)));
  const pen = canvas.getContext("2d");
  const { low, high } = take;
  pen.fillStyle = ink ?? themeColour("--wave");
  if (!low.length) return;
  const middle = height / 2;
  pen.beginPath();
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x / width) * low.length);
    const to = Math.max(from + 1, Math.floor(((x + 1) / width) * low.length));
    let [bottom, top] = [127, -127];
    for (let i = from; i < to; i++) [bottom, top] = [Math.min(bottom, low[i]), Math.max(top, high[i])];
    const y = middle - (top / 127) * middle * 0.94;
    pen.rect(x, y, 1, Math.max(scale, middle - (bottom / 127) * middle * 0.94 - y));
  }
  pen.fill();
}

export { toast };
