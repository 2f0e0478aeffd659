/* The page itself: player, then what was learned, measured and set; colours; start. */

const data = JSON.parse(document.getElementById("data").textContent);
const root = document.documentElement;

function themeColour(name) {
  return getComputedStyle(root).getPropertyValue(name).trim();
}

/* Every source has its colour everywhere; what is no source is grey. */
function colourOf(source) {
  const place = data.sources.indexOf(source);
  return themeColour(place < 0 ? "--grey" : `--source-${(place % 4) + 1}`);
}

function percent(share) {
  const digits = (share > 0.99 && share < 0.9995) || (share < 0.1 && share > 0) ? 1 : 0;
  return `${(100 * share).toFixed(digits)}\u00a0%`;
}

function decibels(value) {
  if (value === null) return "silent";
  return `${value < 0 ? "−" : ""}${Math.abs(value).toFixed(1)}`;
}

function card(title, id, ...children) {
  return node("section", { class: "card", id, "aria-labelledby": `${id}-title` },
    node("h2", { id: `${id}-title` }, title), ...children);
}

function table(caption, head, rows) {
  const cells = (kind, row) => row.map((cell, i) => node(i ? kind : "th", i || kind === "th" ? (kind === "th" ? { scope: "col" } : {}) : { scope: "row" }, cell));
  return node("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    node("table", {}, node("caption", {}, caption), node("thead", {}, node("tr", {}, ...cells("th", head))),
      node("tbody", {}, ...rows.map((row) => node("tr", {}, ...cells("td", row))))));
}

function legend(entries) {
  return node("ul", { class: "legend" }, ...entries.map(([name, colour]) => {
    const mark = node("span", { class: "mark", "aria-hidden": "true" });
    mark.style.background = colour;
    return node("li", {}, mark, name);
  }));
}

function dictionaryCard() {
  const bars = data.dictionary.map((row) => {
    const heading = node("h3", {}, shownName(row.name));
    heading.style.color = colourOf(row.name);
    return node("div", { class: "half" }, heading, barChart(row, colourOf(row.name)));
  });
  return card("Instruments", "dictionary",
    node("p", { class: "hint" }, "How strong the harmonics of each instrument are, in dB below the strongest: what was learned."),
    node("div", { class: "halves" }, ...bars));
}

function trainingCard() {
  const { losses, explained } = data.training;
  const paint = (curves) => curves.map((curve, i) => ({ ...curve, colour: themeColour(`--curve-${(i % 6) + 1}`) }));
  const parts = [];
  for (const [title, curves, options] of [
    ["Loss over the iterations", paint(losses), {}],
    ["Explained energy over the iterations", paint(explained), { percent: true }],
  ]) {
    if (!curves.length) continue;
    const names = curves.map(({ name, colour }) => [shownName(name), colour]);
    const label = `${title}: ${curves.map(({ name, medianY }) => `${name} ends at ${medianY.at(-1)}`).join(", ")}`;
    parts.push(node("div", { class: "half" }, node("h3", {}, title), legend(names), curveChart(label, curves, options)));
  }
  if (!parts.length) parts.push(node("p", {}, "Nothing has been logged yet."));
  return card("Training", "training", node("div", { class: "halves" }, ...parts));
}

function verdictCard() {
  const { sentences, warnings } = data.verdict;
  return card("In words", "verdict", ...sentences.map((text) => node("p", {}, text)),
    ...warnings.map((text) => node("p", { class: "warning" }, text)));
}

function measuresCard() {
  const row = (values) => ["sdr_db", "sir_db", "sar_db", "si_sdr_db"].map((key) => decibels(values[key]));
  const rows = data.measures.stems.map((stem) => [
    shownName(stem.estimate === stem.name ? stem.name : `${stem.name} (in ${stem.estimate})`), ...row(stem)]);
  rows.push(["mean", ...row(data.measures.mean)]);
  return card("Against the true stems", "measures",
    table("dB; one gain per stem is forgiven", ["stem", "SDR", "SIR", "SAR", "SI-SDR"], rows));
}

function energyCard() {
  const { shares } = data.session;
  const rest = shares.residual;
  const rows = Object.entries(shares).map(([name, share]) => [shownName(name), percent(share)]);
  const said = rest === undefined ? "" : `The stems of the instruments hold ${percent(Math.max(0, 1 - rest))} of the energy, the residual the rest. With masks that is all the sound around the tones, and so more than the tones alone explain.`;
  return card("Energy", "energy", node("p", {}, said),
    table("Against the energy of the mixture; stems that sound alike need not add up to 100 %", ["stem", "share"], rows));
}

function latencyCard() {
  const { parts, samples, milliseconds, sampleRate } = data.latency;
  const ms = (count) => `${((1000 * count) / sampleRate).toFixed(1)} ms`;
  const bar = node("div", { class: "stack", role: "img", "aria-label": `Latency ${milliseconds} ms` });
  parts.filter((part) => part.samples > 0).forEach((part, i) => {
    const piece = node("div", { title: `${part.name}: ${ms(part.samples)}` });
    piece.style.flexGrow = part.samples;
    piece.style.background = themeColour(`--curve-${i + 2}`);
    bar.append(piece);
  });
  return card("Latency", "latency", bar,
    table(`As a stream at ${sampleRate} Hz`, ["part", "samples", "time"],
      [...parts.map((part) => [part.name, `${part.samples}`, ms(part.samples)]), ["total", `${samples}`, ms(samples)]]));
}

function settingsCard() {
  return card("Settings", "settings", ...data.settings.map(({ name, values }) =>
    node("details", {}, node("summary", {}, name),
      node("dl", {}, ...values.flatMap(([key, value]) => [node("dt", {}, key), node("dd", {}, value)])))));
}

/* What depends on colours is made anew when they change. */
function buildCards() {
  const { session, training, verdict } = data;
  const small = [
    data.measures ? measuresCard() : null,
    session ? energyCard() : null,
    data.latency ? latencyCard() : null,
  ].filter(Boolean);
  return [
    verdict && verdict.sentences.length + verdict.warnings.length ? verdictCard() : null,
    small.length ? node("div", { class: "row" }, ...small) : null,
    data.dictionary.length ? dictionaryCard() : null,
    training ? trainingCard() : null,
    data.settings ? settingsCard() : null,
  ].filter(Boolean);
}

function summary() {
  const { session } = data;
  const words = (session ? session.tracks.filter(({ kind }) => kind === "source").map(({ name }) => name) : data.sources)
    .map(shownName);
  const facts = [new Intl.ListFormat("en").format(words)];
  if (session) {
    facts.push(clockText(session.seconds, 0), `${(session.sampleRate / 1000).toLocaleString("en")}\u00a0kHz`,
      { 1: "mono", 2: "stereo" }[session.channels] ?? `${session.channels} channels`);
    if (session.seconds < session.wholeSeconds - 0.01) {
      facts.push(`${clockText(session.start)} to ${clockText(session.start + session.seconds)} of ${clockText(session.wholeSeconds)}`);
    }
  }
  return facts.filter(Boolean).join(" · ");
}

function themeButton(onChange) {
  const button = document.getElementById("theme");
  const choices = { auto: "as the system has them", light: "light", dark: "dark" };
  const show = (choice) => {
    if (choice === "auto") delete root.dataset.theme;
    else root.dataset.theme = choice;
    button.textContent = `◐ ${choice[0].toUpperCase()}${choice.slice(1)}`;
    button.setAttribute("aria-label", `Colours: ${choices[choice]}`);
  };
  let current = "auto";
  button.addEventListener("click", () => {
    const names = Object.keys(choices);
    current = names[(names.indexOf(current) + 1) % names.length];
    show(current);
    onChange();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", onChange);
}

async function start() {
  document.title = `${data.title} · bsep-stream`;
  document.getElementById("title").textContent = data.title;
  document.getElementById("summary").textContent = summary();
  document.getElementById("foot").textContent = `Made by bsep-stream ${data.version}.`;
  const main = document.getElementById("main");
  const cards = node("div", { class: "cards" }, ...buildCards());
  const player = data.session ? new Player(data.session, colourOf) : null;
  main.append(...(player ? [player.element] : []), cards);
  themeButton(() => {
    const open = [...cards.querySelectorAll("details")].map((element) => element.open);
    cards.replaceChildren(...buildCards());
    cards.querySelectorAll("details").forEach((element, i) => (element.open = open[i]));
    player?.draw();
  });
  if (player) {
    await player.unpack();
    player.draw();
    const { tracks, sampleRate } = data.session;
    const names = tracks.map(({ name }) => name);
    const said = (n) => (player.status.textContent = `Loading the sound, ${n} of ${names.length}`);
    player.ready(await decodeSounds(names, sampleRate, said));
  }
  globalThis.bsep = { desk: player?.desk, renderMix, wavOf }; // for scripts in the console, and the tests
  root.dataset.state = "ready";
}

start().catch((error) => {
  root.dataset.state = "failed";
  document.getElementById("main").prepend(
    node("p", { class: "notice", role: "alert" }, `The page could not be set up: ${error.message}.`));
  throw error;
});
