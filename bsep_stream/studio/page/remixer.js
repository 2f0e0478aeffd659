/* Segments of the remix, fetched a little ahead and scheduled end to end on the clock of the desk. */

const SEGMENT_SECONDS = 0.15;
const LEAD_SECONDS = 0.35; // what is fetched ahead: so late a slider is heard
const MOST_LEAD_SECONDS = 2;
const SOON_SECONDS = 0.12; // the first segment after a start in the middle

export class Remixer {
  constructor(desk, segment) {
    this.desk = desk;
    this.segment = segment;
    this.lead = LEAD_SECONDS;
    this.late = 0; // segments that came after their time
    this.heard = 0;
    this.run = null;
    this.levels = [];
  }

  /* Go with players that start(ed) at a time of the clock, with a place in seconds. */
  start(at, from) {
    this.stop();
    if (!this.desk.effects) return;
    const { context, rate } = this.desk;
    const run = (this.run = { sources: new Set(), stopped: new AbortController(), timer: null });
    const [begin, end] = this.desk.loop ? this.desk.span : [0, this.desk.seconds];
    let place = Math.round(from * rate);
    let time = at;
    const soon = context.currentTime + SOON_SECONDS;
    if (soon > at) { // it plays already: find where it will be soon
      const ahead = Math.round((soon - at) * rate);
      time = at + ahead / rate;
      place += ahead;
      const [low, high] = [Math.round(begin * rate), Math.round(end * rate)];
      if (this.desk.loop && place >= high) place = low + ((place - low) % (high - low));
    }
    this.pump(run, place, time);
  }

  stop() {
    const run = this.run;
    this.run = null;
    this.levels = [];
    if (!run) return;
    clearTimeout(run.timer);
    run.stopped.abort();
    for (const source of run.sources) source.stop();
  }

  async pump(run, place, time) {
    const { context, rate, desk } = { context: this.desk.context, rate: this.desk.rate, desk: this.desk };
    const limit = () => Math.round((desk.loop ? desk.span[1] : desk.seconds) * rate);
    try {
      while (this.run === run) {
        if (time - context.currentTime > this.lead) {
          await new Promise((resolve) => (run.timer = setTimeout(resolve, 40)));
          continue;
        }
        if (place >= limit()) {
          if (!desk.loop) return;
          place = Math.round(desk.span[0] * rate);
        }
        const n = Math.min(Math.round(SEGMENT_SECONDS * rate), limit() - place);
        const { channels, peaks } = await this.segment(place, n, run.stopped.signal);
        if (this.run !== run) return;
        this.schedule(run, channels, peaks, time);
        place += n;
        time += n / rate;
      }
    } catch (error) {
      if (error.name !== "AbortError" && this.run === run) {
        this.stop();
        desk.dispatchEvent(Object.assign(new Event("trouble"), { message: error.message }));
      }
    }
  }

  schedule(run, channels, peaks, time) {
    const { context, rate, wet } = this.desk;
    const buffer = new AudioBuffer({ numberOfChannels: channels.length, length: channels[0].length, sampleRate: rate });
    channels.forEach((samples, channel) => buffer.copyToChannel(samples, channel));
    const late = context.currentTime - time;
    if (late > 0) {
      this.late += 1;
      this.lead = Math.min(MOST_LEAD_SECONDS, 1.5 * this.lead);
      if (late >= buffer.duration) return;
    }
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(wet);
    source.start(late > 0 ? 0 : time, Math.max(0, late));
    source.onended = () => run.sources.delete(source);
    run.sources.add(source);
    this.heard += 1;
    this.levels.push({ time, until: time + buffer.duration, peaks });
    while (this.levels.length > 40) this.levels.shift();
  }

  /* What a stem plays now, behind its fader. */
  peak(name) {
    const now = this.desk.context?.currentTime ?? 0;
    const level = this.levels.find(({ time, until }) => time <= now && now < until);
    return level?.peaks[name] ?? 0;
  }
}
