/* The sound of a take: buffers, spectrograms, segments of the remix. */

import { ask, bytes, encoded, get, stemsPath } from "/page/api.js";

const PIECE_SECONDS = 8;
const DESK = crypto.randomUUID?.() ?? String(Math.random()).slice(2);

export class Sounds {
  constructor(session, version, take) {
    Object.assign(this, { session, version, take });
    this.stopped = new AbortController();
  }

  path(rest = "") {
    return stemsPath(this.session, this.version, this.take, rest);
  }

  async about() {
    this.desk = await get(this.path());
    return this.desk;
  }

  /* All tracks as buffers, piece by piece: a long one decoded at once would hold the page up. */
  async buffers(onDone) {
    const { tracks, sampleRate, samples, stamp, channels } = this.desk;
    const decoder = new OfflineAudioContext(1, 1, sampleRate);
    const step = Math.round(PIECE_SECONDS * sampleRate);
    return Promise.all(tracks.map(async ({ name }) => {
      await new Promise((resolve) => setTimeout(resolve)); // minutes of silence take a while to be made: one in each turn
      const buffer = new AudioBuffer({ length: samples, sampleRate, numberOfChannels: channels === 2 ? 2 : 1 });
      for (let start = 0; start < samples; start += step) {
        const n = Math.min(step, samples - start);
        const path = this.path(`/sound/${encoded(name)}?at=${stamp}&start=${start}&n=${n}`);
        const piece = await decoder.decodeAudioData(await bytes(path, this.stopped.signal));
        for (let channel = 0; channel < buffer.numberOfChannels; channel++) {
          buffer.copyToChannel(piece.getChannelData(Math.min(channel, piece.numberOfChannels - 1)), channel, start);
        }
      }
      onDone();
      return buffer;
    }));
  }

  /* {rows, columns, octaves, steps, levels: {track: Uint8Array}} */
  async spectrograms() {
    const content = new Uint8Array(await bytes(this.path(`/spectra?at=${this.desk.stamp}`), this.stopped.signal));
    const end = content.indexOf(10);
    const head = JSON.parse(new TextDecoder().decode(content.subarray(0, end)));
    const levels = {};
    for (const [name, place, size] of head.tracks) {
      const packed = content.subarray(end + 1 + place, end + 1 + place + size);
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
      levels[name] = new Uint8Array(await new Response(stream).arrayBuffer());
    }
    return { ...head, levels };
  }

  /* A segment of the remix: one array for each channel, and the peaks of the stems. */
  async segment(start, n, signal) {
    const response = await ask(this.path(`/remix?desk=${DESK}&start=${start}&n=${n}`), { signal });
    const samples = new Float32Array(await response.arrayBuffer());
    const count = samples.length / n;
    const channels = Array.from({ length: count }, (_, channel) => samples.subarray(channel * n, (channel + 1) * n));
    const heard = (response.headers.get("Bsep-Peaks") ?? "").split(",").map(Number);
    const names = response.headers.get("Bsep-Stems")?.split(",") ?? [];
    return { channels, peaks: Object.fromEntries(names.map((name, i) => [decodeURIComponent(name), heard[i]])) };
  }

  /* New samples of a passage into buffers that are there: after notes were corrected. */
  async patch(tracks, start, end) {
    const n = end - start;
    await Promise.all(tracks.filter(({ kind }) => kind !== "mixture").map(async ({ name, buffer }) => {
      const samples = new Float32Array(await bytes(this.path(`/samples/${encoded(name)}?start=${start}&n=${n}`)));
      const count = Math.min(buffer.numberOfChannels, samples.length / n);
      for (let channel = 0; channel < count; channel++) {
        buffer.copyToChannel(samples.subarray(channel * n, (channel + 1) * n), channel, start);
      }
    }));
  }

  close() {
    this.stopped.abort();
  }
}
