/* The desk of the report page, with a region that loops, and a second sound: stems with their effects, from the server.

Both start at the same time of one clock. Which of them is heard is a matter of two gains, so that comparing with and
without effects is never out of step.
*/

import { Desk } from "/page/shared.js";
import { Remixer } from "/page/remixer.js";

const FADE_SECONDS = 0.02;

export class StudioDesk extends Desk {
  /* segment: (start, n, signal) => {channels: [Float32Array], peaks} of the remix */
  constructor(tracks, seconds, sampleRate, segment) {
    super(tracks, seconds);
    this.region = null; // [from, to] in seconds
    this.effects = false;
    this.rate = sampleRate;
    this.remixer = new Remixer(this, segment);
  }

  get span() {
    return this.region ?? [0, this.seconds];
  }

  connect(context) {
    const live = !(context instanceof OfflineAudioContext);
    const plain = new GainNode(context, { gain: live && this.effects ? 0 : 1 });
    plain.connect(context.destination);
    if (live) {
      this.plain = plain;
      this.wet = new GainNode(context, { gain: this.effects ? 1 : 0 });
      this.wet.connect(context.destination);
    }
    return this.tracks.map((track) => {
      const fader = new GainNode(context, { gain: this.gain(track) });
      const meter = new AnalyserNode(context, { fftSize: 1024 });
      fader.connect(meter).connect(plain);
      return { track, fader, meter };
    });
  }

  start(context, strips, at, from) {
    const [begin, end] = this.span;
    const sources = strips.map(({ track, fader }) => {
      const source = new AudioBufferSourceNode(context, { buffer: track.buffer, loop: this.loop, loopStart: begin, loopEnd: end });
      source.connect(fader);
      source.start(at, from);
      return source;
    });
    if (context === this.context) this.remixer.start(at, from);
    return sources;
  }

  async play() {
    if (this.playing) return;
    const [begin, end] = this.span;
    if (this.loop && (this.offset < begin || this.offset >= end - 0.01)) this.offset = begin;
    await super.play();
  }

  pause() {
    super.pause();
    this.remixer.stop();
  }

  get position() {
    if (!this.playing) return this.offset;
    const late = this.context.outputLatency || 0;
    const position = this.offset + Math.max(0, this.context.currentTime - this.playing.at - late);
    const [begin, end] = this.span;
    if (!this.loop) return Math.min(position, this.seconds);
    return position < end ? position : begin + ((position - begin) % (end - begin));
  }

  /* A region loops as soon as it is there; null is the whole. */
  async setRegion(region) {
    this.region = region;
    this.loop = Boolean(region);
    if (this.playing) await this.seek(region ? region[0] : this.position);
    else if (region) this.offset = region[0];
    this.changed();
  }

  /* With effects, or without: a short crossfade between two sounds that run in step. */
  setEffects(on) {
    this.effects = on;
    if (this.context) {
      const now = this.context.currentTime;
      this.plain.gain.setTargetAtTime(on ? 0 : 1, now, FADE_SECONDS);
      this.wet.gain.setTargetAtTime(on ? 1 : 0, now, FADE_SECONDS);
      if (this.playing) {
        if (on) this.remixer.start(this.playing.at, this.offset);
        else this.remixer.stop();
      }
    }
    this.changed();
  }

  /* The mixture is heard as it is; it has no effects. */
  get wantsEffects() {
    return this.effects && this.tracks.some((track) => track.kind !== "mixture" && this.audible(track));
  }

  peak(index) {
    if (this.effects && this.playing) return this.remixer.peak(this.tracks[index].name);
    return super.peak(index);
  }

  close() {
    this.pause();
    this.remixer.stop();
    this.context?.close();
    this.context = null;
  }
}
