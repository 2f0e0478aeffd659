/* Who plays alone where: passages that the user marks on the waveform or by their times. The next training takes them as
   given; a few seconds of each instrument are the best help that there is. */

import { post, sessionPath, send } from "/page/api.js";
import { button, clockText, colour, iconButton, node, shownName, toast, trying } from "/page/dom.js";

const FIRST_SECONDS = 5; // of a passage that nobody has chosen yet

export const clockOf = (seconds) => clockText(seconds, 1);

/* Seconds of "1:02.5" or "62.5"; NaN if it is no time. */
export function secondsOf(text) {
  const parts = text.trim().replace(",", ".").split(":");
  if (parts.length > 3 || !parts.every((part) => /^\d+(\.\d*)?$/.test(part))) return NaN;
  return parts.reduce((sum, part) => 60 * sum + Number(part), 0);
}

/* Say that one plays alone; where it is said, how it goes on is said, too. */
export async function markSolo(store, source, from, to) {
  const saved = await trying(() => post(store.path("/solos"), { source, from, to }));
  if (!saved) return false;
  store.takeIn(saved);
  const begun = store.news.training.phase !== "new";
  const room = { label: "To the training", run: () => (location.hash = `#/${encodeURIComponent(store.name)}/session`) };
  toast(`${shownName(source)} plays alone from ${clockOf(from)} to ${clockOf(to)}. ${begun ? "A new training takes that as given." : "The training will take that as given."}`, "good", begun ? room : null);
  return true;
}

const unmark = async (store, solo) => {
  const saved = await trying(() => send("DELETE", sessionPath(store.name, "/solos"), solo));
  if (saved) store.takeIn(saved);
  else await store.refresh();
};

/* Bars over a picture of the whole recording, in the colours of the players. */
export function soloBars(store, seconds) {
  const element = node("div", { class: "solo-bars", "aria-hidden": "true" });
  const show = () => element.replaceChildren(...(store.session.solos ?? []).map(({ source, from, to }) => {
    const bar = node("div", {});
    bar.style.left = `${(100 * from) / seconds}%`;
    bar.style.width = `${(100 * (to - from)) / seconds}%`;
    bar.style.background = colour(store.session.sources.findIndex(({ name }) => name === source));
    return bar;
  }));
  return { element, show };
}

/* The fields and the list. hear(from, to) plays a passage, choose(span) shows it on the waveform. */
export function solosEditor(store, hear, choose) {
  const label = node("span", {});
  const time = (words) => node("input", { type: "text", class: "time", inputmode: "decimal", autocomplete: "off", "aria-label": words, oninput: () => typed() });
  const [from, to] = [time("The passage begins at"), time("The passage ends at")];
  const who = node("select", { "aria-label": "Who plays alone in the passage" });
  const listen = button("Hear", () => valid() && hear(...span()), { title: "Hear the passage" });
  const mark = button("Mark", null, { kind: "primary small", type: "submit" });
  const list = node("ul", { class: "solos", "aria-label": "Passages in which one plays alone" });
  const form = node("form", { class: "row solo-form", onsubmit: (event) => (event.preventDefault(), keep()) },
    node("label", { class: "field" }, "From ", from), node("label", { class: "field" }, "to ", to), who, listen, mark);
  const state = node("p", { class: "hint" });
  const element = node("details", { class: "solo-marks" }, node("summary", {}, label),
    node("p", { class: "hint" }, "Drag over the waveform, or type the times, and say who plays alone there. Some seconds of each tell the training how they sound; most of all where two instruments are alike."),
    form, list, state);

  const span = () => [secondsOf(from.value), secondsOf(to.value)];
  const typed = () => {
    const [begin, end] = span();
    if (begin < end) choose([begin, end]);
  };
  const valid = () => {
    const [begin, end] = span();
    if (begin < end) return true;
    toast(Number.isNaN(begin + end) ? "A time looks like 0:08 or 8.5." : "A passage ends after it begins.", "bad");
    return false;
  };
  const keep = async () => {
    if (!who.value) {
      toast("Say who plays alone there.", "bad");
      who.focus();
    } else if (valid() && (await markSolo(store, who.value, ...span()))) choose(null);
  };
  let shown = null;
  const show = () => {
    const { sources, solos = [] } = store.session;
    state.textContent = store.news?.newSolos ? "The notes were found without this: press “Learn again with the passages”." : "";
    state.hidden = !state.textContent;
    const now = JSON.stringify([sources, solos]);
    if (now === shown) return; // a menu that is open stays open
    shown = now;
    label.textContent = solos.length ? `Where one plays alone (${solos.length})` : "Does one of them play alone somewhere? Say so";
    const chosen = who.value;
    who.replaceChildren(node("option", { value: "" }, sources.length ? "who?" : "name the instruments first"),
      ...sources.map(({ name }) => node("option", { value: name, selected: name === chosen }, `${shownName(name)} alone`)));
    mark.disabled = sources.length < 2;
    list.replaceChildren(...solos.map((solo) => {
      const dot = node("span", { class: "dot", "aria-hidden": "true" });
      dot.style.background = colour(sources.findIndex(({ name }) => name === solo.source));
      const words = `${shownName(solo.source)} alone, ${clockOf(solo.from)} – ${clockOf(solo.to)}`;
      return node("li", {}, dot, node("span", {}, words), button("Hear", () => hear(solo.from, solo.to), { "aria-label": `Hear: ${words}` }),
        iconButton("close", `Take out: ${words}`, () => unmark(store, solo), "bare"));
    }));
  };
  from.value = clockOf(0);
  return {
    element, show,
    /* A passage from the waveform. */
    take: ([begin, end]) => {
      element.open = true;
      [from.value, to.value] = [clockOf(begin), clockOf(end)];
    },
    begin: (seconds) => (to.value ||= clockOf(Math.min(FIRST_SECONDS, seconds))),
  };
}
