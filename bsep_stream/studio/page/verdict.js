/* What the training says of itself, in words; passages that one can click to hear. */

import { button, clockText, node, percent, shownName } from "/page/dom.js";

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
    const passages = verdict.passages.filter(({ take }) => take !== null).map((passage) =>
      button(`${clockText(passage.start, 0)} – ${clockText(passage.end, 0)}`, () => hear(store, passage), { kind: "passage", icon: "loop", title: `${percent(passage.share)} of the sound there is left over` }));
    body.replaceChildren(
      ...plain.map((text) => node("p", {}, said(text))),
      ...verdict.warnings.map((text) => node("p", { class: "warning" }, said(text))),
      ...(passages.length ? [node("p", { class: "hint" }, "Hear what is explained least:"), node("div", { class: "row" }, ...passages)] : []),
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
