/* The desk: all players on one clock.

Every track is one buffer. To play, all of them start at the same time of the same AudioContext, those that are
silent too: muting and soloing move gains and never start or stop a player, so that tracks cannot drift apart.
*/

const RAMP_SECONDS = 0.01; // a gain that jumps clicks
const START_SECONDS = 0.06; // time to hand all players over before the first of them must sound
const LOWEST_DB = -48; // the lower end of a fader is silence

class Desk extends EventTarget {
  /* tracks: [{name, kind, buffer, muted, solo, level}], level in dB */
  constructor(tracks, seconds) {
    super();
    this.tracks = tracks;
    this.seconds = seconds;
    this.loop = false;
    this.offset = 0; // where playing starts, or stands
    this.context = null;
    this.playing = null; // {sources, at}
    this.strips = [];
  }

  /* Whether a track is to be heard: a solo takes precedence, also over its own mute. */
  audible(track) {
    return this.tracks.some((each) => each.solo) ? track.solo : !track.muted;
  }

  gain(track) {
    return this.audible(track) && track.level > LOWEST_DB ? 10 ** (track.level / 20) : 0;
  }

  /* Gain and meter of every track, into the destination of a context. */
  connect(context) {
    return this.tracks.map((track) => {
      const fader = new GainNode(context, { gain: this.gain(track) });
      const meter = new AnalyserNode(context, { fftSize: 1024 });
      fader.connect(meter).connect(context.destination);
      return { track, fader, meter };
    });
  }

  /* Start all players of a context at one time; from: seconds into the tracks. */
  start(context, strips, at, from) {
    return strips.map(({ track, fader }) => {
      const source = new AudioBufferSourceNode(context, {
        buffer: track.buffer,
        loop: this.loop,
        loopStart: 0,
        loopEnd: this.seconds,
      });
      source.connect(fader);
      source.start(at, from);
      return source;
    });
  }

  async play() {
    if (this.playing) return;
    if (!this.context) {
      this.context = new AudioContext({ sampleRate: this.tracks[0].buffer.sampleRate, latencyHint: "interactive" });
      this.strips = this.connect(this.context);
    }
    const wanted = (this.wanted = {}); // a pause while the context wakes up must win
    await this.context.resume();
    if (this.wanted !== wanted || this.playing) return;
    if (this.offset >= this.seconds - 0.01) this.offset = 0;
    const at = this.context.currentTime + START_SECONDS;
    this.playing = { sources: this.start(this.context, this.strips, at, this.offset), at };
    this.changed();
  }

  pause() {
    this.wanted = null;
    if (!this.playing) return;
    const position = this.position;
    for (const source of this.playing.sources) source.stop();
    this.playing = null;
    this.offset = position;
    this.changed();
  }

  async toggle() {
    if (this.playing) this.pause();
    else await this.play();
  }

  async seek(seconds) {
    const wasPlaying = Boolean(this.playing);
    if (wasPlaying) this.pause();
    this.offset = Math.min(Math.max(seconds, 0), this.seconds);
    if (wasPlaying && this.offset < this.seconds) await this.play();
    this.changed();
  }

  async setLoop(loop) {
    this.loop = loop;
    if (this.playing) await this.seek(this.position); // players keep the end that they started with
    this.changed();
  }

  /* What is heard now, in seconds: the clock of the context less the way to the ear. */
  get position() {
    if (!this.playing) return this.offset;
    const late = this.context.outputLatency || 0;
    const position = this.offset + Math.max(0, this.context.currentTime - this.playing.at - late);
    return this.loop ? position % this.seconds : Math.min(position, this.seconds);
  }

  /* To be called now and then while playing: stops at the end. */
  tick() {
    if (this.playing && !this.loop && this.position >= this.seconds) {
      this.pause();
      this.offset = 0;
      this.changed();
    }
  }

  set(track, values) {
    Object.assign(track, values);
    for (const strip of this.strips) {
      strip.fader.gain.setTargetAtTime(this.gain(strip.track), this.context.currentTime, RAMP_SECONDS / 3);
    }
    this.changed();
  }

  /* Peak of what a strip plays at the moment, 0 to 1 and beyond. */
  peak(index) {
    const strip = this.strips[index];
    if (!strip || !this.playing) return 0;
    strip.samples ??= new Float32Array(strip.meter.fftSize);
    strip.meter.getFloatTimeDomainData(strip.samples);
    return strip.samples.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/* Buffers of all sounds on the page; an OfflineAudioContext may decode before the reader has touched anything. */
async function decodeSounds(names, sampleRate, onDone) {
  const decoder = new OfflineAudioContext(1, 1, sampleRate);
  let done = 0;
  const decode = async (name, index) => {
    const element = document.getElementById(`sound-${index}`);
    const bytes = bytesOf(element.textContent);
    element.remove(); // the text is no longer needed, and large
    try {
      const buffer = await decoder.decodeAudioData(bytes.buffer);
      onDone((done += 1));
      return buffer;
    } catch (error) {
      throw new Error(`this browser cannot decode the sound of ${name}`, { cause: error });
    }
  };
  return Promise.all(names.map(decode));
}

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
