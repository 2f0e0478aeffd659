/* A recording, heard before there is anything else: pieces of it, one after the other, from any time to any other. */

import { stemsPath } from "/page/api.js";

const PIECE_SECONDS = 60;

export class Ear extends EventTarget {
  constructor(session, take) {
    super();
    Object.assign(this, { session, take, position: 0, playing: false });
    this.sound = new Audio();
    this.sound.addEventListener("ended", () => this.next());
    this.sound.addEventListener("error", () => this.sound.getAttribute("src") && this.stop());
  }

  play(from, to = this.take.seconds) {
    this.until = Math.min(to, this.take.seconds);
    this.playing = true;
    this.piece(from < this.until - 0.05 ? from : 0);
    this.frame();
  }

  piece(from) {
    const { take, stamp, sample_rate: rate } = this.take;
    this.from = from;
    const n = Math.max(1, Math.round(Math.min(PIECE_SECONDS, this.until - from) * rate));
    const address = `/sound/mixture?at=${stamp}&start=${Math.floor(from * rate)}&n=${n}`;
    this.sound.src = stemsPath(this.session, "first", take, address);
    this.sound.play().catch(() => {}); // whoever stops at once
  }

  next() {
    const from = this.from + PIECE_SECONDS;
    if (from < this.until - 0.05) this.piece(from);
    else {
      this.stop();
      this.place(0);
    }
  }

  stop() {
    this.playing = false;
    this.sound.pause();
    this.sound.removeAttribute("src");
    cancelAnimationFrame(this.waiting);
    this.dispatchEvent(new Event("move"));
  }

  /* Where it goes on, or begins. */
  place(seconds) {
    if (this.playing) this.play(seconds);
    this.position = seconds;
    this.dispatchEvent(new Event("move"));
  }

  frame() {
    cancelAnimationFrame(this.waiting);
    this.position = this.from + this.sound.currentTime;
    this.dispatchEvent(new Event("move"));
    if (this.playing) this.waiting = requestAnimationFrame(() => this.frame());
  }
}
