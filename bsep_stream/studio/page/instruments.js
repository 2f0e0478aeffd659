/* Who plays: names from high to low, and how many tones each plays at once. After the training names can still change:
   nothing in a recording says what an instrument is called. */

import { put, sessionPath } from "/page/api.js";
import { button, colour, iconButton, node, shownName, trying } from "/page/dom.js";

const MOST = 4;
const KNOWN = (
  "piccolo flute recorder oboe english_horn clarinet bassoon soprano_saxophone alto_saxophone tenor_saxophone trumpet horn " +
  "trombone tuba violin viola cello double_bass voice soprano alto tenor bass harp guitar piano organ accordion harpsichord " +
  "marimba vibraphone"
).split(" ");
const CHORDS = ["harp", "guitar", "piano", "organ", "accordion", "harpsichord", "marimba", "vibraphone"];

export function instrumentsCard(session, onChange) {
  let sources = session.sources.map((source) => ({ ...source }));
  let [locked, running] = [false, false];
  const rows = node("ol", { class: "instruments" });
  const more = button("Another instrument", () => (sources.push({ name: "", tones: 1 }), show(sources.length - 1)), { icon: "add" });
  const known = node("datalist", { id: "known-instruments" }, ...KNOWN.map((name) => node("option", { value: shownName(name) })));
  const hint = node("p", { class: "hint" }, "From the highest to the lowest: nothing in a recording says what an instrument is called. Choose more tones for those that play chords or ring on.");
  const exchange = button("Exchange the names", () => rename(sources.map(({ name }) => name).reverse()), { icon: "swap", title: "If both came out under each other's names: stems, notes, racks and model follow, nothing is learned again" });
  const element = node("section", { class: "card", "aria-label": "Instruments" }, node("h2", {}, "Instruments"), hint, rows, more, exchange, known);

  const save = async () => {
    const named = sources.filter((source) => source.name.trim());
    const saved = await trying(() => put(sessionPath(session.name), { sources: named }));
    if (saved) onChange(saved);
  };

  /* Everywhere in the session; whatever shows the old names is loaded again. */
  const rename = async (names) => {
    const saved = await trying(() => put(sessionPath(session.name), { rename: names }));
    if (saved) location.reload();
    else show();
  };

  /* A name that another one has is an exchange. */
  const renameOne = (index, name) => {
    const names = sources.map((source) => source.name);
    const other = names.findIndex((each, place) => place !== index && each.toLowerCase() === name.toLowerCase());
    if (other >= 0) names[other] = names[index];
    names[index] = name;
    rename(names);
  };

  const move = (from, to) => {
    sources.splice(to, 0, ...sources.splice(from, 1));
    show();
    save();
  };

  const line = (source, index) => {
    const dot = node("span", { class: "dot", "aria-hidden": "true" });
    dot.style.background = colour(index);
    const place = ["highest", "second", "third", "fourth"][index];
    const last = index === sources.length - 1 && sources.length > 1 ? "lowest" : place;
    const tones = node("select", { "aria-label": `Tones at once of instrument ${index + 1}`, title: "Tones at once", disabled: locked,
      onchange: () => ((source.tones = Number(tones.value)), save()) },
      ...[1, 2, 3, 4].map((n) => node("option", { value: n, selected: n === source.tones }, n === 1 ? "one tone" : `${n} tones`)));
    const name = node("input", { type: "text", value: shownName(source.name), list: "known-instruments", maxlength: 40, disabled: running,
      placeholder: `${last} instrument`, "aria-label": `Name of instrument ${index + 1}, ${last}`, autocomplete: "off",
      onchange: () => {
        const chosen = name.value.trim().replace(/\s+/g, "_");
        if (locked) {
          renameOne(index, chosen);
          return;
        }
        source.name = chosen;
        if (CHORDS.includes(source.name.toLowerCase()) && source.tones === 1) tones.value = source.tones = 4;
        save();
      } });
    return node("li", {}, dot, name, tones,
      ...(locked ? (sources.length > 2 && index && !running ? [iconButton("swap", `Exchange the names of ${shownName(sources[index - 1].name)} and ${shownName(source.name)}`, () => {
        const names = sources.map((each) => each.name);
        names.splice(index - 1, 2, names[index], names[index - 1]);
        rename(names);
      }, "bare")] : []) : [
        iconButton("up", `Higher: ${place}`, () => move(index, index - 1), `bare ${index ? "" : "ghost"}`),
        iconButton("close", `Leave out instrument ${index + 1}`, () => {
          sources.splice(index, 1);
          show();
          save();
        }, `bare ${sources.length > 2 ? "" : "ghost"}`),
      ]));
  };

  const show = (focus = null) => {
    while (sources.length < 2) sources.push({ name: "", tones: 1 });
    rows.replaceChildren(...sources.map(line));
    more.hidden = locked || sources.length >= MOST;
    hint.hidden = locked;
    exchange.hidden = !locked || running || sources.length !== 2;
    if (focus !== null) rows.querySelectorAll("input")[focus].focus();
  };

  return {
    element,
    lock: (now, busy) => {
      if (now === locked && busy === running) return;
      [locked, running] = [now, busy];
      show();
    },
    show: (values) => {
      if (element.contains(document.activeElement)) return; // somebody is typing
      const there = sources.filter((source) => source.name).map(({ name, tones }) => [name, tones]);
      const same = JSON.stringify(there) === JSON.stringify(values.sources.map(({ name, tones }) => [name, tones]));
      if (same && rows.childElementCount) return; // nobody's next click should meet a row that was just replaced
      sources = values.sources.map((source) => ({ ...source }));
      show();
    },
  };
}
