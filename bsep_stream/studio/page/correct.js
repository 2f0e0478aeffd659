/* Correct: where a note went to the wrong player, the user says so. The stems follow at once. */

import { encoded, post, put } from "/page/api.js";
import { button, colour, iconButton, node, shownName, toast, trying } from "/page/dom.js";
import { openDeck } from "/page/deck.js";
import { nothing } from "/page/listen.js";
import { PianoRoll } from "/page/pianoroll.js";
import { transport } from "/page/transport.js";

export function view(store) {
  const element = node("div", { class: "correcting" });
  let parts = null;
  const show = async () => {
    if (!store.news.stems[store.take]?.first) {
      element.replaceChildren(nothing(store));
      return;
    }
    store.chosen = "first"; // what is corrected is to be heard
    const deck = await openDeck(store, "first");
    if (parts?.deck !== deck) {
      parts?.close();
      parts = build(store, deck);
      element.replaceChildren(parts.element);
    }
    await deck.readNotes(true);
    parts.show();
  };
  return { element, show, hide: () => {}, leave: () => parts?.close() };
}

function build(store, deck) {
  const { desk } = deck;
  const past = [];
  let busy = 0;
  const bar = transport(deck, [listenButtons(store, deck)]);
  bar.keys.digits = false;
  const roll = new PianoRoll(deck, bar.seek);
  const count = node("span", { class: "count" });
  const working = node("span", { class: "working", role: "status" });
  const givers = store.session.sources.map((source, index) => {
    const give = button(shownName(source.name), () => giveTo(source.name), { kind: "give", title: `Give the chosen notes to ${shownName(source.name)} (${index + 1})` });
    give.style.setProperty("--track", colour(index));
    give.prepend(node("kbd", {}, `${index + 1}`));
    give.dataset.source = source.name;
    return give;
  });
  const undo = iconButton("undo", "Undo", () => back(), "quiet round");
  const learn = button("Learn from the corrections", () => trying(async () => {
    await post(store.path("/training"), { do: "anew" });
    toast("It learns again, with your notes as given.");
    location.hash = `#/${encodeURIComponent(store.name)}/session`;
  }), { kind: "primary" });
  const tools = node("div", { class: "giving", role: "toolbar", "aria-label": "Give the chosen notes to" },
    count, ...givers, undo, working, node("span", { class: "space" }), learn);
  const help = node("p", { class: "hint" }, "Click a note, or drag over several, then say who plays it. What the player cannot play at the same time goes to the other one. Changed notes carry a bright line.");
  const element = node("section", { class: "player", "aria-label": "Correct" }, bar.element, tools, roll.element, help);

  const show = () => {
    const n = roll.chosen.size;
    count.textContent = n ? `${n} note${n === 1 ? "" : "s"} →` : deck.corrected ? `${deck.notes.length} notes, ${deck.corrected} corrected` : "Click a note, then who plays it";
    for (const give of givers) give.disabled = !n;
    undo.disabled = !past.length;
    const running = store.news.training.running;
    learn.hidden = !deck.corrected;
    learn.disabled = running;
    learn.title = running ? "The training is at work: pause or finish it first" : "A new run that takes the corrected notes as given";
    working.textContent = busy ? "The stems follow…" : "";
    roll.draw();
  };

  const send = async (values) => {
    busy += 1;
    deck.correcting += 1;
    show();
    const answer = await trying(() => put(store.path(`/notes/${encoded(deck.take)}`), values));
    if (answer) {
      deck.notes = answer.notes;
      deck.corrected = answer.corrected;
      deck.dispatchEvent(new Event("notes"));
      const [start, end] = answer.samples;
      if (end > start) await trying(() => deck.patch(start, end));
    }
    busy -= 1;
    deck.correcting -= 1;
    deck.correctedAt = performance.now();
    show();
    return answer;
  };
  const giveTo = async (source) => {
    if (!roll.chosen.size) return;
    const before = new Map(deck.notes.map((note) => [note.id, note.source]));
    for (const note of deck.notes) if (roll.chosen.has(note.id)) note.source = source; // at once; the server says the rest
    show();
    const answer = await send({ notes: [...roll.chosen], source });
    if (!answer) await deck.readNotes();
    else if (answer.moved.length) past.push(Object.fromEntries(answer.moved.map((id) => [id, before.get(id)])));
    show();
  };
  const back = async () => {
    const last = past.pop();
    if (last) await send({ restore: last });
  };
  const key = (event) => {
    if (!element.isConnected || event.target.matches?.("input[type=text], select")) return;
    const digit = /^Digit([1-4])$/.exec(event.code);
    if ((event.ctrlKey || event.metaKey) && event.key === "z") back();
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (digit && store.session.sources[digit[1] - 1]) giveTo(store.session.sources[digit[1] - 1].name);
    else if (event.key === "Escape") roll.choose([]);
    else if (event.target === roll.canvas && event.key === "ArrowUp") roll.step(-1);
    else if (event.target === roll.canvas && event.key === "ArrowDown") roll.step(1);
    else if (event.target === roll.canvas && event.key === "a") roll.choose(deck.notes.map(({ id }) => id));
    else return;
    event.preventDefault();
  };
  document.addEventListener("keydown", key);
  const redraw = () => element.isConnected && show();
  document.addEventListener("theme", redraw);
  store.addEventListener("news", redraw);
  roll.addEventListener("choose", show);
  deck.timeline.addEventListener("change", () => (roll.draw(), roll.showHead(desk.position)));
  bar.onFrame((position) => roll.showHead(position));
  globalThis.studio.roll = roll;
  return {
    deck, element, show,
    close: () => {
      bar.close();
      document.removeEventListener("keydown", key);
      document.removeEventListener("theme", redraw);
      store.removeEventListener("news", redraw);
    },
  };
}

/* Everything, or one player alone. */
function listenButtons(store, deck) {
  const { desk } = deck;
  const alone = (name) => desk.tracks.forEach((track) => desk.set(track, { solo: track.name === name, muted: track.kind === "mixture" }));
  const names = [null, ...store.session.sources.map(({ name }) => name)];
  const buttons = names.map((name) => button(name ? shownName(name) : "All", () => alone(name), { kind: "" }));
  const show = () => {
    const soloed = desk.tracks.filter(({ solo }) => solo).map(({ name }) => name);
    buttons.forEach((each, index) => each.setAttribute("aria-pressed", index ? soloed.length === 1 && soloed[0] === names[index] : !soloed.length));
  };
  desk.addEventListener("change", show);
  show();
  return node("div", { class: "segments", role: "group", "aria-label": "Listen to" }, ...buttons);
}
