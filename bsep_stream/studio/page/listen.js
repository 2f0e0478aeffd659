/* Listen and mix: the desk. */

import { button, iconButton, node, shownName, toast } from "/page/dom.js";
import { openDeck } from "/page/deck.js";
import { effectsPanel } from "/page/effects.js";
import { lanes } from "/page/lanes.js";
import { markSolo } from "/page/solos.js";
import { transport } from "/page/transport.js";

const MIXES = { mixture: "Recording", stems: "Stems" };
const KEYS = [["Space", "play"], ["← →", "5 s"], ["drag", "loop"], ["L", "loop"], ["+ − 0", "zoom"], ["1 – 9", "solo"], ["Shift 1 – 9", "mute"]];

export function view(store) {
  const element = node("div", { class: "listening" });
  let parts = null;

  const show = async () => {
    const version = store.version();
    if (!version) {
      element.replaceChildren(nothing(store));
      return;
    }
    const deck = await openDeck(store, version);
    if (parts?.deck !== deck) {
      parts?.close();
      parts = build(store, deck, show);
      element.replaceChildren(parts.element);
    }
    parts.refresh();
    if (store.wish) {
      const { start, end } = store.wish;
      store.wish = null;
      deck.timeline.reveal(start, end);
      await deck.desk.setRegion([start, end]);
      deck.ready.then(() => deck.desk.play());
    }
  };
  store.addEventListener("news", () => element.isConnected && !parts && store.version() && show());
  return { element, show, leave: () => (parts?.close(), store.deck?.close(), (store.deck = null)) };
}

export function nothing(store) {
  return node("section", { class: "card nothing" }, node("h2", {}, "Nothing to hear yet"),
    node("p", {}, "The first stems come as soon as the search has listened through the recording, long before the training ends."),
    node("a", { class: "primary", href: `#/${encodeURIComponent(store.name)}/session` }, "To the training"));
}

function build(store, deck, again) {
  const { desk, rack } = deck;
  const mixes = Object.entries(MIXES).map(([mix, label]) => {
    const choose = node("button", { type: "button", onclick: () => listenTo(deck, mix) }, label);
    choose.dataset.mix = mix;
    return choose;
  });
  const segments = node("div", { class: "segments", role: "group", "aria-label": "Listen to" }, ...mixes);
  const effectsBox = node("input", { type: "checkbox", onchange: () => desk.setEffects(effectsBox.checked) });
  const effects = node("label", { class: "check", title: "Compare with and without effects" }, effectsBox, "Effects");
  const notesBox = node("input", { type: "checkbox", checked: true, onchange: () => ((deck.showNotes = notesBox.checked), tracks.draw()) });
  const pitches = node("label", { class: "check" }, notesBox, "Pitches");
  const versions = versionMenu(store, deck, again);
  const alone = aloneMenu(store, deck);
  const bar = transport(deck, [versions.element, segments, effects, pitches, alone.element]);
  const tracks = lanes(deck, bar, (name) => effectsPanel(rack, name, () => heard()));
  const master = masterStrip(deck, () => heard());
  const { covered = 1 } = store.news.training;
  const excerpts = node("p", { class: "hint excerpts", hidden: deck.version !== "first" || covered > 0.98 },
    `The search listens to excerpts of a long recording: these stems cover ${Math.round(100 * covered)} % of it. The rest stays in the residual until the network has learned.`);
  const keys = node("p", { class: "keyboard" }, ...KEYS.flatMap(([key, what]) => [node("kbd", {}, key), ` ${what}   `]));
  const element = node("section", { class: "player", "aria-label": "Desk" }, bar.element, excerpts, tracks.element, master, keys);

  /* Effects that somebody has just put in are to be heard. */
  const heard = () => {
    if (rack.any && !desk.effects) desk.setEffects(true);
    show();
  };
  const show = () => {
    effectsBox.checked = desk.effects;
    effects.hidden = !rack.any && !desk.effects;
    const mixture = desk.tracks.find(({ kind }) => kind === "mixture");
    mixes.forEach((choose) => choose.setAttribute("aria-pressed", (choose.dataset.mix === "mixture") === desk.audible(mixture)));
  };
  desk.addEventListener("change", show);
  rack.addEventListener("change", show);
  show();
  const reload = () => versions.show();
  store.addEventListener("news", reload);
  return {
    deck, element,
    refresh: () => (versions.show(), tracks.draw()),
    close: () => (bar.close(), tracks.close(), alone.close(), store.removeEventListener("news", reload)),
  };
}

/* Who plays alone in the region that is chosen: for the next training. */
function aloneMenu(store, deck) {
  const { desk } = deck;
  const menu = node("select", { "aria-label": "Who plays alone in the chosen passage", title: "For the next training: who plays alone in the passage that loops" });
  const show = () => {
    const { sources, takes } = store.session;
    menu.hidden = !desk.region || takes.length !== 1;
    if (menu.childElementCount !== sources.length + 1) {
      menu.replaceChildren(node("option", { value: "" }, "Plays alone here…"), ...sources.map(({ name }) => node("option", { value: name }, shownName(name))));
    }
  };
  menu.addEventListener("change", async () => {
    const source = menu.value;
    menu.value = "";
    if (source && desk.region) await markSolo(store, source, ...desk.region);
  });
  desk.addEventListener("change", show);
  store.addEventListener("session", show);
  show();
  return { element: menu, close: () => store.removeEventListener("session", show) };
}

/* The recording as it is, or its stems as the desk has them. */
function listenTo(deck, mix) {
  const { desk } = deck;
  for (const track of desk.tracks) {
    if (track.kind === "mixture") desk.set(track, { solo: mix === "mixture", muted: mix !== "mixture" });
  }
  if (mix === "mixture" && desk.effects) {
    deck.before = true;
    desk.setEffects(false);
  } else if (mix === "stems" && deck.before) {
    deck.before = false;
    desk.setEffects(true);
  }
}

function versionMenu(store, deck, again) {
  const words = { first: "First stems", learned: "Better stems" };
  const version = node("div", { class: "segments", role: "group", "aria-label": "Stems of" });
  const takes = node("select", { "aria-label": "Take", onchange: () => ((store.take = takes.value), again()) });
  const element = node("span", { class: "choices" }, takes, version);
  const show = () => {
    const there = store.news.stems[store.take] ?? {};
    const names = Object.keys(words).filter((name) => there[name]);
    version.replaceChildren(...names.map((name) => {
      const choose = node("button", { type: "button", "aria-pressed": `${name === deck.version}`, title: { learned: "Stems by the trained network", first: "Stems by the notes that the search found, as corrected" }[name],
        onclick: () => ((store.chosen = name), again()) }, words[name]);
      choose.dataset.version = name;
      return choose;
    }));
    version.hidden = names.length < 2;
    const all = store.session.takes.map(({ take }) => take);
    takes.replaceChildren(...all.map((take) => node("option", { value: take, selected: take === store.take }, take)));
    takes.hidden = all.length < 2;
    element.hidden = takes.hidden && version.hidden; // no gap for nothing
  };
  return { element, show };
}

function masterStrip(deck, onChange) {
  const { rack } = deck;
  const panel = effectsPanel(rack, "master", onChange);
  const gain = node("input", { type: "range", class: "fader", min: -24, max: 12, step: 0.5, value: rack.master.gain_db, "aria-label": "Level of the remix",
    oninput: () => ((rack.master.gain_db = Number(gain.value)), say(), rack.changed(), onChange()) });
  const level = node("span", { class: "db" });
  const say = () => (level.textContent = `${rack.master.gain_db.toFixed(1).replace("-", "−")} dB`);
  const menu = node("select", { "aria-label": "Load a rack" });
  menu.addEventListener("change", async () => {
    const [kind, ...name] = menu.value.split("/");
    if (kind === "file") file.click();
    else if (kind && (await rack.bring({ load: [kind, name.join("/")] }))) toast(`The rack ${name.join("/")} is on the desk.`);
    menu.value = "";
    onChange();
  });
  const file = node("input", { type: "file", accept: ".toml", class: "unseen", "aria-label": "Rack file", tabindex: -1, onchange: async () => {
    if (file.files[0]) await rack.bring({ toml: await file.files[0].text() });
    file.value = "";
    onChange();
  } });
  const name = node("input", { type: "text", maxlength: 40, placeholder: "Name of the rack", "aria-label": "Name of the rack" });
  const keep = button("Save", async () => {
    const kept = await rack.keep(name.value.trim() || "rack");
    if (kept) toast(`Saved as racks/${kept}.toml in the session.`);
  });
  const show = () => {
    const { own, shipped } = rack.saved;
    const group = (label, kind, entries) => (entries.length ? [node("optgroup", { label }, ...entries.map((entry) => node("option", { value: `${kind}/${entry.name}`, title: entry.words ?? "" }, entry.name)))] : []);
    menu.replaceChildren(node("option", { value: "" }, "Load a rack"), ...group("Yours", "own", own), ...group("Shipped", "shipped", shipped), node("option", { value: "file" }, "From a file…"));
    gain.value = rack.master.gain_db;
    say();
  };
  rack.addEventListener("load", show);
  rack.addEventListener("change", show);
  show();
  return node("div", { class: "master" },
    node("div", { class: "master-head" }, node("h3", {}, "Remix"), node("div", { class: "level" }, gain, level), node("span", { class: "tools" }, menu, file, name, keep)),
    panel);
}

export { iconButton, shownName };
