/* Take home: single files, or all of them. */

import { encoded, get, post, stemsPath } from "/page/api.js";
import { glyph, node, shownName, trying } from "/page/dom.js";
import { nothing } from "/page/listen.js";

const WORDS = {
  "notes.mid": "Notes as MIDI, a track for each player",
  "notes.csv": "Notes as a table; bsep train --notes takes it",
  "model.onnx": "The model: bsep separate, bsep live, and other programs",
  "report.html": "A page with players and pictures, to be sent to anybody",
  "rack.toml": "Effects and levels: bsep separate --rack",
};

/* Made on the server first, so that what goes wrong is a sentence and no broken download. */
function parcel(path, kind, ...parts) {
  const element = node("button", { type: "button", class: kind, onclick: async () => {
    element.setAttribute("aria-busy", "true");
    element.disabled = true;
    const packed = await trying(() => post(path));
    element.removeAttribute("aria-busy");
    element.disabled = false;
    if (packed) location.assign(packed.link);
  } }, ...parts);
  return element;
}

const VERSIONS = { first: ["First stems", "By the notes that the search found, as corrected"], learned: ["Better stems", "By the trained network"] };
const place = (order, name) => (order.includes(name) ? order.indexOf(name) : order.length);

export function view(store) {
  const element = node("div", { class: "parcels" });
  let [format, chosen] = ["wav", null];
  const show = async () => {
    const there = store.news.stems[store.take] ?? {};
    const version = there[chosen] ? chosen : there.learned ? "learned" : there.first ? "first" : null;
    if (!version) {
      element.replaceChildren(nothing(store));
      return;
    }
    const { names, formats } = await get(stemsPath(store.name, version, store.take, "/home"));
    const link = (name, query = "") => stemsPath(store.name, version, store.take, `/home/${encoded(name)}${query}`);
    const order = store.session.sources.map(({ name }) => `${name}.wav`);
    const sounds = names.filter((name) => name.endsWith(".wav")).sort((one, other) => place(order, one) - place(order, other));
    const others = names.filter((name) => !name.endsWith(".wav"));
    const choose = node("div", { class: "segments", role: "group", "aria-label": "Format of the sound" }, ...formats.map((each) =>
      node("button", { type: "button", "aria-pressed": `${each === format}`, onclick: () => ((format = each), show()) }, each.toUpperCase())));
    const entry = (name, title, words, path) => node("li", {}, parcel(path, "parcel", glyph("download"), node("span", {}, node("b", {}, title), node("small", {}, words))));
    const versions = node("div", { class: "segments", role: "group", "aria-label": "Stems of" }, ...Object.entries(VERSIONS).map(([each, [label, title]]) =>
      node("button", { type: "button", title, "aria-pressed": `${each === version}`, onclick: () => ((chosen = each), show()) }, label)));
    versions.hidden = !(there.learned && there.first);
    const take = store.session.takes.length > 1 ? ` of ${store.take}` : "";
    element.replaceChildren(
      node("section", { class: "card", "aria-label": "Sound" },
        node("div", { class: "head" }, node("h2", {}, `Sound${take}`), node("span", { class: "choices" }, versions, choose)),
        node("ul", { class: "files" }, ...sounds.map((name) => {
          const stem = name.slice(0, -4);
          const words = { residual: "What no instrument has", remix: "All stems with their effects and levels" }[stem] ?? (version === "learned" ? "By the network" : "By the search");
          return entry(name, shownName(stem), words, link(`${stem}.${format}`));
        }))),
      node("section", { class: "card", "aria-label": "More" }, node("h2", {}, "More"),
        node("ul", { class: "files" }, ...others.map((name) => entry(name, name, WORDS[name] ?? "", link(name))))),
      node("section", { class: "card all", "aria-label": "Everything" },
        parcel(link("all.zip", `?format=${format}`), "primary", glyph("download"), node("span", {}, "Everything as one ZIP")),
        node("p", { class: "hint" }, "It all lies in the folder of the session, too: the commands of bsep take it from there.")));
  };
  let before = null;
  store.addEventListener("news", () => {
    const now = JSON.stringify([store.news.stems, store.news.model]);
    if (now !== before && element.isConnected) show();
    before = now;
  });
  return { element, show };
}
