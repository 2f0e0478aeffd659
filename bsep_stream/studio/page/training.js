/* Training: begin, pause, go on, finish; how far it is, how long it takes, how much is explained by now. */

import { post, put } from "/page/api.js";
import { button, inWords, node, percent, themeColour, trying } from "/page/dom.js";

const TIMES = [
  [null, "until nothing improves (recommended)"],
  [1, "at most 1 minute"],
  [2, "at most 2 minutes"],
  [5, "at most 5 minutes"],
  [10, "at most 10 minutes"],
  [30, "at most 30 minutes"],
];
const STEPS = [
  ["listening", "Listens", "looks for the notes of the whole recording"],
  ["first stems", "First stems", "by masks, to be heard while it goes on"],
  ["learning", "Learns", "trains a network on your instruments"],
  ["writing", "Finishes", "writes the model and better stems"],
];
const ORDER = ["new", "starting", ...STEPS.map(([phase]) => phase), "done"];

export function trainingCard(store) {
  const order = (word) => trying(() => post(store.path("/training"), { do: word }));
  const orders = (label, word, options = {}) => button(label, () => order(word), { ...options, "data-do": word });
  const start = orders("Separate", "start", { kind: "primary" });
  const pause = orders("Pause", "pause");
  const finish = orders("Finish now", "finish", { title: "End here: make model and stems of what was learned" });
  const anew = orders("Learn from the corrections", "anew", { kind: "primary", title: "A new run that takes the corrected notes as given" });
  const longer = orders("Learn longer", "longer", { title: "Go on from here, as long again" });
  const listen = node("a", { class: "primary", href: `#/${encodeURIComponent(store.name)}/listen` }, "Listen to the first stems");
  const time = node("select", { "aria-label": "How long to learn", onchange: () => {
    const minutes = time.value === "" ? null : Number(time.value);
    trying(() => put(store.path(), { minutes }));
  } }, ...TIMES.map(([minutes, words]) => node("option", { value: minutes ?? "" }, words)));
  const length = node("label", { class: "field" }, "Learn ", time);
  const steps = node("ol", { class: "steps" }, ...STEPS.map(([phase, label, words]) => {
    const item = node("li", {}, node("span", { class: "mark-step", "aria-hidden": "true" }), node("span", { class: "step" }, node("b", {}, label), node("small", {}, words)), node("span", { class: "step-note" }));
    item.dataset.phase = phase;
    return item;
  }));
  const bar = node("div", { class: "bar-out", role: "progressbar", "aria-label": "Training", "aria-valuemin": 0, "aria-valuemax": 100 }, node("div", { class: "bar-in" }));
  const message = node("p", { class: "message", role: "status" });
  const curve = node("canvas", { class: "curve-canvas", role: "img", "aria-label": "Explained share of the sound" });
  const explained = node("div", { class: "explained" }, node("p", { class: "big-number" }), curve);
  const element = node("section", { class: "card training", "aria-label": "Training" }, node("h2", {}, "Training"), steps, bar, message, explained, length, node("div", { class: "row" }, listen, start, anew, longer, pause, finish));

  let drawn = [];
  const show = () => {
    const { training, notes } = store.news;
    const { phase, running, share, seconds_left: left, explained: points = [] } = training;
    const { sources, takes } = store.session;
    const useless = takes.find(({ remarks }) => remarks.some(({ kind }) => kind === "bad"));
    const missing = !takes.length ? (sources.length < 2 ? "Drop a recording and name the instruments; then it can begin." : "Drop a recording; then it can begin.")
      : useless ? `Nothing can be learned from ${useless.file}: leave it out, or record it again.`
      : sources.length < 2 ? `Name the instruments${sources.length ? ", two at least" : ""}; then it can begin.` : "";
    const begun = phase !== "new";
    const corrected = Object.values(notes).some((stamp) => stamp > 0);
    element.dataset.phase = phase;
    start.hidden = running || phase === "done";
    start.disabled = Boolean(missing);
    start.textContent = { paused: "Go on", failed: "Try again" }[phase] ?? "Separate";
    start.title = missing;
    listen.className = running ? "primary" : "quiet large";
    listen.hidden = phase === "done" || !Object.values(store.news.stems).some(({ first }) => first);
    longer.hidden = running || phase !== "done";
    anew.hidden = running || !(corrected || store.news.newSolos) || phase === "new";
    anew.replaceChildren(corrected ? "Learn from the corrections" : "Learn again with the passages");
    anew.title = corrected ? "A new run that takes the corrected notes as given" : "A new run that takes the passages in which one plays alone as given";
    pause.hidden = !running || phase === "writing";
    finish.hidden = !running || phase !== "learning";
    length.hidden = running;
    const minutes = `${store.session.minutes ?? ""}`;
    if (![...time.options].some(({ value }) => value === minutes)) time.append(node("option", { value: minutes }, `at most ${minutes} minutes`));
    time.value = minutes;
    steps.hidden = bar.hidden = !begun || (phase === "done" && !running);
    const at = ORDER.indexOf({ paused: "learning", starting: "listening" }[phase] ?? phase);
    for (const item of steps.children) {
      const place = ORDER.indexOf(item.dataset.phase);
      const now = running && place === at;
      item.className = place < at || phase === "done" ? "over" : now ? "now" : "";
      item.lastChild.textContent = now && left !== null && left !== undefined && phase === "learning" ? `${inWords(left)} left` : "";
      if (now) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    const whole = phase === "done" ? 1 : share;
    bar.classList.toggle("waiting", Boolean(running) && (whole === null || whole === undefined));
    bar.firstChild.style.width = `${100 * (whole ?? 0)}%`;
    if (whole === null || whole === undefined) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", Math.round(100 * whole));
    message.textContent = training.message ?? (phase === "paused" ? "Paused. Everything is saved." : begun ? "" : missing);
    message.className = `message ${phase === "failed" ? "warning" : ""}`;
    explained.hidden = points.length < 1;
    if (points.length) {
      const last = (phase === "done" && store.news.verdict?.explained) || points.at(-1)[1];
      explained.firstChild.replaceChildren(node("b", {}, percent(last)), " of the sound explained");
      drawn = points;
      drawCurve(curve, points);
    }
  };
  document.addEventListener("theme", () => store.news && show());
  new ResizeObserver(() => curve.clientWidth && drawCurve(curve, drawn)).observe(curve); // it was told before it had a place
  return { element, show };
}

function drawCurve(canvas, points) {
  canvas.hidden = points.length < 2;
  if (canvas.hidden) return;
  const scale = devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  const pen = canvas.getContext("2d");
  const last = Math.max(...points.map(([iteration]) => iteration), 1);
  const lowest = Math.min(...points.map(([, share]) => share));
  const floor = Math.max(0, Math.floor(10 * (lowest - 0.05)) / 10);
  const place = ([iteration, share]) => [3 * scale + (iteration / last) * (width - 6 * scale), height - 3 * scale - ((share - floor) / (1 - floor)) * (height - 6 * scale)];
  pen.strokeStyle = themeColour("--line");
  pen.beginPath();
  for (const share of [floor, (1 + floor) / 2, 1]) pen.moveTo(0, place([0, share])[1]), pen.lineTo(width, place([0, share])[1]);
  pen.stroke();
  const ink = themeColour("--accent");
  pen.beginPath();
  points.forEach((point, i) => pen[i ? "lineTo" : "moveTo"](...place(point)));
  pen.lineWidth = 2.5 * scale;
  pen.lineJoin = "round";
  pen.strokeStyle = ink;
  pen.stroke();
  pen.lineTo(place(points.at(-1))[0], height);
  pen.lineTo(place(points[0])[0], height);
  pen.globalAlpha = 0.12;
  pen.fillStyle = ink;
  pen.fill();
}
