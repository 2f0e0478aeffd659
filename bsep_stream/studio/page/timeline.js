/* Which part of the recording is shown; pointers and keys that move in it. */

const SHORTEST_SECONDS = 0.5;
const DRAG_PIXELS = 5; // less is a click

export class Timeline extends EventTarget {
  constructor(seconds) {
    super();
    this.seconds = seconds;
    this.from = 0;
    this.to = seconds;
  }

  get whole() {
    return this.to - this.from >= this.seconds - 1e-6;
  }

  /* Place of a time in the part that is shown: 0 to 1 and beyond. */
  place(seconds) {
    return (seconds - this.from) / (this.to - this.from);
  }

  time(place) {
    return Math.min(Math.max(this.from + place * (this.to - this.from), 0), this.seconds);
  }

  set(from, to) {
    const length = Math.min(Math.max(to - from, SHORTEST_SECONDS), this.seconds);
    this.from = Math.min(Math.max(from, 0), this.seconds - length);
    this.to = this.from + length;
    this.dispatchEvent(new Event("change"));
  }

  /* around: a time that keeps its place. */
  zoom(factor, around = (this.from + this.to) / 2) {
    const length = (this.to - this.from) / factor;
    const place = this.place(around);
    this.set(around - place * length, around + (1 - place) * length);
  }

  showAll() {
    this.set(0, this.seconds);
  }

  /* Turn the page when the playhead has left it. */
  follow(position) {
    if (this.whole || (position >= this.from && position < this.to)) return;
    const length = this.to - this.from;
    this.set(position - 0.05 * length, position + 0.95 * length);
  }

  reveal(from, to) {
    const length = Math.max(to - from, SHORTEST_SECONDS);
    if (from < this.from || to > this.to) this.set(from - length, to + length);
  }
}

/* Click to seek, drag to choose a region. whole: the surface shows all of the recording and not the zoomed part. */
export function steer(surface, timeline, { seek, choose, whole = false }) {
  const timeAt = (event) => {
    const { left, width } = surface.getBoundingClientRect();
    const place = Math.min(Math.max((event.clientX - left) / width, 0), 1);
    return whole ? place * timeline.seconds : timeline.time(place);
  };
  let began = null;
  surface.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    began = { x: event.clientX, time: timeAt(event), dragged: false };
    surface.setPointerCapture(event.pointerId);
  });
  surface.addEventListener("pointermove", (event) => {
    if (!began) return;
    began.dragged ||= Math.abs(event.clientX - began.x) > DRAG_PIXELS;
    if (began.dragged) choose(sorted(began.time, timeAt(event)), false);
  });
  surface.addEventListener("pointerup", (event) => {
    if (!began) return;
    if (began.dragged) choose(sorted(began.time, timeAt(event)), true);
    else seek(began.time);
    began = null;
  });
  surface.addEventListener("pointercancel", () => (began = null));
  surface.addEventListener("wheel", (event) => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      timeline.zoom(Math.exp(-event.deltaY / 300), timeAt(event));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && !timeline.whole) {
      event.preventDefault();
      const shift = (event.deltaX / surface.clientWidth) * (timeline.to - timeline.from);
      timeline.set(timeline.from + shift, timeline.to + shift);
    }
  }, { passive: false });
}

function sorted(one, other) {
  return one < other ? [one, other] : [other, one];
}
