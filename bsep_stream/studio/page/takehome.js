/* Take home: single files, or all of them. */

import { encoded, get, stemsPath } from "/page/api.js";
import { glyph, node, shownName } from "/page/dom.js";
import { nothing } from "/page/listen.js";

const WORDS = {
  "notes.mid": "Notes as MIDI, a track for each player",
  "notes.csv": "Notes as a table; bsep train --notes takes it",
  "model.onnx": "The model: bsep separate, bsep live, and other programs",
  "report.html": "A page with players and pictures, to be sent to anybody",
  "rack.toml": "Effects and levels: bsep separate --rack",
};

const place = (order, name) => (order.includes(name) ? order.indexOf(name) : order.length);

export function view(store) {
  const element = node("div", { class: "parcels" });
  let format = "wav";
  const show = async () => {
    const version = store.version();
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
    const entry = (name, title, words, href) => node("li", {}, node("a", { href, download: "" }, glyph("download"), node("span", {}, node("b", {}, title), node("small", {}, words))));
    const take = store.session.takes.length > 1 ? ` of ${store.take}` : "";
    element.replaceChildren(
      node("section", { class: "card", "aria-label": "Sound" },
        node("div", { class: "head" }, node("h2", {}, `Sound${take}`), choose),
        node("ul", { class: "files" }, ...sounds.map((name) => {
          const stem = name.slice(0, -4);
          const words = { residual: "What no instrument has", remix: "All stems with their effects and levels" }[stem] ?? (version === "learned" ? "By the network" : "By the search");
          return entry(name, shownName(stem), words, link(`${stem}.${format}`));
        }))),
      node("section", { class: "card", "aria-label": "More" }, node("h2", {}, "More"),
        node("ul", { class: "files" }, ...others.map((name) => entry(name, name, WORDS[name] ?? "", link(name))))),
      node("section", { class: "card all", "aria-label": "Everything" },
        node("a", { class: "primary", href: link("all.zip", `?format=${format}`), download: "" }, glyph("download"), " Everything as one ZIP"),
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
