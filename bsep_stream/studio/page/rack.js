/* The rack of a session: levels, mute, solo and effects, in step with its file on the server. */

import { get, put } from "/page/api.js";
import { calm, trying } from "/page/dom.js";
import { LOWEST_DB } from "/page/shared.js";

const SEND_MS = 60;
const SILENT_DB = -120;

export class Rack extends EventTarget {
  constructor(store) {
    super();
    this.store = store;
    this.stems = {};
    this.master = { gain_db: 0, effects: [] };
    this.saved = { own: [], shipped: [] };
    this.pending = false; // moved here, and not yet on the server
    this.stamp = this.newest = 0;
    const later = calm(() => this.send(), SEND_MS);
    this.sends = () => {
      this.pending = true;
      later();
    };
    this.onNews = () => {
      this.newest = store.news.rack;
      this.compare();
    };
    store.addEventListener("news", this.onNews);
  }

  /* What another window has moved is moved here, too, before anything of this one overwrites it. */
  async compare() {
    if (this.pending || this.sending || !this.effects || this.newest <= this.stamp) return;
    const values = await get(this.store.path("/rack")).catch(() => null);
    if (values && !this.pending && !this.sending) this.take(values);
  }

  close() {
    this.store.removeEventListener("news", this.onNews);
  }

  async load() {
    [this.effects] = await Promise.all([get("/api/effects"), get(this.store.path("/rack")).then((values) => this.take(values))]);
  }

  take({ rack, saved, stamp }) {
    this.stamp = stamp;
    this.stems = rack.stems;
    this.master = rack.master;
    this.saved = saved;
    this.dispatchEvent(new Event("load"));
  }

  get values() {
    return { stems: this.stems, master: this.master };
  }

  strip(name) {
    if (name === "master") return this.master;
    return (this.stems[name] ??= { gain_db: 0, mute: false, solo: false, effects: [] });
  }

  get any() {
    return this.master.effects.length > 0 || Object.values(this.stems).some(({ effects }) => effects.length > 0);
  }

  /* A fader or switch of a track, as the desk has it. */
  setLevel(track) {
    if (track.kind === "mixture") return;
    const gain = track.level > LOWEST_DB ? track.level : SILENT_DB;
    Object.assign(this.strip(track.name), { gain_db: gain, mute: track.muted, solo: track.solo });
    this.sends();
  }

  flagsOf(name) {
    const { gain_db: gain, mute, solo } = this.strip(name);
    return { level: Math.min(6, Math.max(LOWEST_DB, gain)), muted: mute, solo };
  }

  changed() {
    this.sends();
    this.dispatchEvent(new Event("change"));
  }

  /* One request at a time, the newest values last: in turn, whatever the network does. */
  async send() {
    if (this.sending) {
      this.again = true;
      return;
    }
    this.sending = true;
    do {
      this.again = this.pending = false;
      const kept = await trying(() => put(this.store.path("/rack"), { rack: this.values }));
      if (kept) this.stamp = kept.stamp;
    } while (this.again);
    this.sending = false;
    this.compare();
    this.dispatchEvent(new Event("sent"));
  }

  async keep(name) {
    const values = await trying(() => put(this.store.path("/rack"), { rack: this.values, save: name }));
    if (values) [this.saved, this.stamp] = [values.saved, values.stamp];
    this.dispatchEvent(new Event("change"));
    return values?.name;
  }

  async bring(request) {
    const values = await trying(() => put(this.store.path("/rack"), request));
    if (values) this.take(values);
    return Boolean(values);
  }
}
