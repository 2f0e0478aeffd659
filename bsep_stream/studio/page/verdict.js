/* What the training says of itself, in words; passages that one can click to hear. */

import { button, clockText, node, percent, shownName } from "/page/dom.js";

const UNSURE = /^Least sure who plays: (.*); listen there first\.$/;
const SPAN = /^(\d+):(\d\d) to (\d+):(\d\d)$/;
const OF_STAGES = /\biterations and\b/; // figures for whoever asks for them

export function verdictCard(store) {
  const body = node("div", {});
  const element = node("section", { class: "card verdict", "aria-label": "Verdict" }, node("h2", {}, "What was learned"), body);
  let shown = null;
  const show = () => {
    const { verdict } = store.news;
    element.hidden = !verdict;
    const now = JSON.stringify(verdict);
    if (!verdict || now === shown) return;
    shown = now;
    const said = (text) => store.session.sources.reduce((words, { name }) => words.replaceAll(name, shownName(name)), text);
    const plain = verdict.sentences.filter((text) => !OF_STAGES.test(text));
    const stages = verdict.sentences.filter((text) => OF_STAGES.test(text));
    const { takes } = store.session; // times of several takes are told apart by words only
    const unsure = takes.length === 1 ? plain.flatMap((text) => UNSURE.exec(text)?.[1].split(", ") ?? []).map((text) => SPAN.exec(text)).filter(Boolean) : [];
    const doubts = unsure.map(([text, ...times]) => {
      const [from, fromSeconds, to, toSeconds] = times.map(Number);
      return button(text.replace("to", "–"), () => hear(store, { take: takes[0].take, start: 60 * from + fromSeconds, end: 60 * to + toSeconds }), { kind: "passage", icon: "loop", title: "Hear it; who plays is said in Correct" });
    });
    const told = doubts.length ? plain.filter((text) => !UNSURE.test(text)) : plain;
    const passages = verdict.passages.filter(({ take }) => take !== null).map((passage) =>
      button(`${clockText(passage.start, 0)} – ${clockText(passage.end, 0)}`, () => hear(store, passage), { kind: "passage", icon: "loop", title: `${percent(passage.share)} of the sound there is left over` }));
    body.replaceChildren(
      ...told.map((text) => node("p", {}, said(text))),
      ...verdict.warnings.map((text) => node("p", { class: "warning" }, said(text))),
      ...(passages.length ? [node("p", { class: "hint" }, "Hear what is explained least:"), node("div", { class: "row" }, ...passages)] : []),
      ...(doubts.length ? [node("p", { class: "hint" }, "Hear where it is least sure who plays:"), node("div", { class: "row" }, ...doubts)] : []),
      ...(stages.length ? [node("details", { class: "figures" }, node("summary", {}, "How the training went"), ...stages.map((text) => node("p", {}, text)))] : []),
      node("div", { class: "row" }, node("a", { class: "primary", href: `#/${encodeURIComponent(store.name)}/listen` }, "Listen")));
  };
  return { element, show };
}

function hear(store, { take, start, end }) {
  store.take = take;
  store.wish = { start, end };
  location.hash = `#/${encodeURIComponent(store.name)}/listen`;
}
