/* What plays: desk, sounds, timeline and rack of a take. It goes on while one changes the room. */

import { encoded, get } from "/page/api.js";
import { toast } from "/page/dom.js";
import { Rack } from "/page/rack.js";
import { Sounds } from "/page/sounds.js";
import { StudioDesk } from "/page/studiodesk.js";
import { Timeline } from "/page/timeline.js";

const SETTLE_MS = 3000; // news of a correction come a little after it

/* The deck of the take that is chosen; the one before is closed if it was another. */
export async function openDeck(store, version) {
  const key = JSON.stringify([store.take, version, version === "learned" ? store.stamp(version) : 0]);
  if (store.deck?.key !== key) {
    store.deck?.close();
    store.deck = new Deck(store, version, key);
  }
  const { deck } = store;
  try {
    await (deck.opened ??= deck.open()); // news may want it while it is being opened
  } catch (error) {
    if (store.deck === deck) store.deck = null; // the next one who comes tries again
    deck.close();
    throw error;
  }
  return deck;
}

class Deck extends EventTarget {
  constructor(store, version, key) {
    super();
    Object.assign(this, { store, version, key, take: store.take, loaded: 0 });
    this.sounds = new Sounds(store.name, version, store.take);
    this.rack = new Rack(store);
    this.notes = [];
    this.correcting = 0; // corrections of this window that are under way
    this.seen = store.stamp(version);
    this.onNews = () => this.compare();
    store.addEventListener("news", this.onNews);
  }

  /* Stems that another window has changed are not those that play here. */
  compare() {
    const stamp = this.store.stamp(this.version, this.take);
    if (!stamp || stamp === this.seen) return;
    this.seen = stamp;
    if (this.version !== "first" || this.correcting || performance.now() - this.correctedAt < SETTLE_MS) return;
    toast("These stems were corrected in another window.", "good", { label: "Load them", run: () => location.reload() });
  }

  async open() {
    const [about] = await Promise.all([this.sounds.about(), this.rack.load()]);
    this.about = about;
    const tracks = about.tracks.map((track) => ({
      ...track, buffer: null, muted: track.kind === "mixture", solo: false, level: 0,
      ...(track.kind === "mixture" ? {} : this.rack.flagsOf(track.name)),
    }));
    const segment = (start, n, signal) => this.sounds.segment(start, n, signal);
    this.desk = new StudioDesk(tracks, about.seconds, about.sampleRate, segment);
    this.desk.addEventListener("trouble", (event) => toast(event.message, "bad"));
    this.desk.effects = this.rack.any;
    this.timeline = new Timeline(about.seconds);
    this.rack.addEventListener("load", () => this.fromRack());
    this.ready = this.load();
    this.ready.catch((error) => error.name !== "AbortError" && toast(error.message, "bad"));
    await this.readNotes();
  }

  async load() {
    const buffers = await this.sounds.buffers(() => {
      this.loaded += 1;
      this.dispatchEvent(new Event("loaded"));
    });
    this.desk.tracks.forEach((track, index) => (track.buffer = buffers[index]));
    this.sounding = true;
    this.dispatchEvent(new Event("ready"));
    this.spectra = await this.sounds.spectrograms();
    this.dispatchEvent(new Event("spectra"));
  }

  async readNotes(warm = false) {
    const board = await get(this.store.path(`/notes/${encoded(this.take)}${warm ? "?warm=1" : ""}`));
    this.notes = board.notes;
    this.corrected = board.corrected;
    this.dispatchEvent(new Event("notes"));
  }

  /* Set a track, on the desk and in the rack. */
  set(track, values) {
    this.desk.set(track, values);
    this.rack.setLevel(track);
  }

  fromRack() {
    for (const track of this.desk.tracks) if (track.kind !== "mixture") this.desk.set(track, this.rack.flagsOf(track.name));
    this.desk.setEffects(this.rack.any);
  }

  /* New samples after a correction; what plays goes on with them. */
  async patch(start, end) {
    await this.ready.catch(() => {});
    await this.sounds.patch(this.desk.tracks, start, end);
    if (this.desk.playing) await this.desk.seek(this.desk.position);
    this.dispatchEvent(new Event("patched"));
  }

  indexOf(name) {
    return this.store.session.sources.findIndex((source) => source.name === name);
  }

  close() {
    this.store.removeEventListener("news", this.onNews);
    this.rack.close();
    this.sounds.close();
    this.desk?.close();
    this.closed = true;
  }
}
