/* Notes on a roll: keys upwards, time to the right, a colour for each player. Click or drag chooses some. */

import { fit, node, themeColour } from "/page/dom.js";
import { NOTE_HEIGHT_KEYS, keyName } from "/page/keys.js";

const DRAG_PIXELS = 4;
const KEYBOARD_PIXELS = 44;
const BLACK = [1, 3, 6, 8, 10];

export class PianoRoll extends EventTarget {
  constructor(deck, onSeek) {
    super();
    Object.assign(this, { deck, onSeek, chosen: new Set(), size: [1, 1] });
    this.canvas = node("canvas", { class: "roll", tabindex: 0, role: "application", "aria-label": "Piano roll: arrow keys go from note to note, 1 to 4 give the chosen notes to a player" });
    this.head = node("div", { class: "playhead" });
    this.tip = node("div", { class: "tip", hidden: true });
    this.band = node("div", { class: "band", hidden: true });
    this.element = node("div", { class: "roll-frame" }, this.canvas, this.head, this.band, this.tip);
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    this.canvas.addEventListener("pointerup", (event) => this.up(event));
    this.canvas.addEventListener("pointercancel", () => ((this.drag = null), (this.band.hidden = true)));
    this.canvas.addEventListener("pointerleave", () => (this.tip.hidden = true));
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /* Keys that are shown (those of all notes, and some air), and how large everything is; once for each picture. */
  measure() {
    let [low, high] = this.deck.notes.length ? [Infinity, -Infinity] : [57, 77];
    for (const { key } of this.deck.notes) [low, high] = [Math.min(low, key), Math.max(high, key)];
    this.range = [Math.floor(low) - 2, Math.max(Math.ceil(high) + 2, Math.floor(low) + 12)];
    this.size = [this.canvas.clientWidth - KEYBOARD_PIXELS, this.canvas.clientHeight];
  }

  box(note) {
    const [width, height] = this.size;
    const [low, high] = this.range;
    const unit = height / (high - low);
    const { timeline } = this.deck;
    const x = KEYBOARD_PIXELS + timeline.place(note.start) * width;
    const end = KEYBOARD_PIXELS + timeline.place(note.end) * width;
    const tall = Math.max(7, unit * NOTE_HEIGHT_KEYS);
    return [x, (high - note.key) * unit - tall / 2, Math.max(end - x, 4), tall];
  }

  at(x, y) {
    const hit = this.deck.notes.filter((note) => {
      const [left, top, width, height] = this.box(note);
      return x >= left - 2 && x <= left + width + 2 && y >= top - 3 && y <= top + height + 3;
    });
    return hit.at(-1) ?? null;
  }

  place(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  down(event) {
    if (event.button > 0) return;
    const [x, y] = this.place(event);
    this.drag = { x, y, to: [x, y], dragged: false, more: event.shiftKey || event.ctrlKey || event.metaKey };
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.focus({ preventScroll: true });
  }

  move(event) {
    const [x, y] = this.place(event);
    if (!this.drag) return this.hint(x, y);
    this.drag.to = [x, y];
    this.drag.dragged ||= Math.hypot(x - this.drag.x, y - this.drag.y) > DRAG_PIXELS;
    if (this.drag.dragged) this.stretch(this.drag);
  }

  up(event) {
    const { drag } = this;
    this.drag = null;
    this.band.hidden = true;
    if (!drag) return;
    const [x, y] = this.place(event);
    if (drag.dragged) {
      const [left, right] = [Math.min(drag.x, x), Math.max(drag.x, x)];
      const [top, bottom] = [Math.min(drag.y, y), Math.max(drag.y, y)];
      const inside = this.deck.notes.filter((note) => {
        const [nx, ny, width, height] = this.box(note);
        return nx < right && nx + width > left && ny < bottom && ny + height > top;
      });
      this.choose(inside.map(({ id }) => id), drag.more);
      return;
    }
    const note = this.at(x, y);
    if (!note) {
      this.choose([]);
      const [width] = this.size;
      this.onSeek(this.deck.timeline.time((x - KEYBOARD_PIXELS) / width));
      return;
    }
    if (drag.more && this.chosen.has(note.id)) {
      this.chosen.delete(note.id);
      this.choose([], true);
    } else this.choose([note.id], drag.more);
    if (!this.deck.desk.playing) this.onSeek(Math.max(0, note.start - 0.02));
  }

  choose(ids, more = false) {
    if (!more) this.chosen.clear();
    ids.forEach((id) => this.chosen.add(id));
    this.draw();
    this.dispatchEvent(new Event("choose"));
  }

  /* To the next note in time, by a key. */
  step(direction) {
    const order = [...this.deck.notes].sort((one, other) => one.start - other.start || one.key - other.key);
    const current = order.findIndex(({ id }) => this.chosen.has(id));
    const note = order[Math.min(order.length - 1, Math.max(0, current < 0 ? 0 : current + direction))];
    if (!note) return;
    this.deck.timeline.reveal(note.start, note.end);
    this.choose([note.id]);
    if (!this.deck.desk.playing) this.onSeek(note.start);
  }

  wheel(event) {
    const { timeline } = this.deck;
    const [width] = this.size;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      timeline.zoom(Math.exp(-event.deltaY / 300), timeline.time((this.place(event)[0] - KEYBOARD_PIXELS) / width));
    } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && !timeline.whole) {
      event.preventDefault();
      const shift = (event.deltaX / width) * (timeline.to - timeline.from);
      timeline.set(timeline.from + shift, timeline.to + shift);
    }
  }

  hint(x, y) {
    const note = this.at(x, y);
    this.canvas.style.cursor = note ? "pointer" : "crosshair";
    this.tip.hidden = !note;
    if (!note) return;
    this.tip.textContent = `${keyName(note.key)} · ${note.source.replaceAll("_", " ")}${note.source === note.found ? "" : " (corrected)"}`;
    const right = x > this.canvas.clientWidth - 180;
    this.tip.style.left = right ? "" : `${x + 12}px`;
    this.tip.style.right = right ? `${this.canvas.clientWidth - x + 12}px` : "";
    this.tip.style.top = `${Math.max(2, y - 34)}px`;
  }

  showHead(position) {
    const place = this.deck.timeline.place(position);
    this.head.hidden = place < 0 || place > 1;
    const [width] = this.size;
    this.head.style.transform = `translateX(${KEYBOARD_PIXELS + place * width}px)`;
  }

  /* The frame that follows the pointer; thousands of notes behind it stay as they are. */
  stretch({ x, y, to: [right, bottom] }) {
    this.band.hidden = false;
    const { style } = this.band;
    style.transform = `translate(${Math.min(x, right)}px, ${Math.min(y, bottom)}px)`;
    [style.width, style.height] = [`${Math.abs(right - x)}px`, `${Math.abs(bottom - y)}px`];
  }

  draw() {
    const ratio = devicePixelRatio || 1;
    const { clientWidth, clientHeight } = this.canvas;
    if (!clientWidth || !clientHeight) return;
    this.measure();
    fit(this.canvas, Math.round(clientWidth * ratio), Math.round(clientHeight * ratio));
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.drawKeys(pen, clientWidth, clientHeight);
    const colours = this.deck.store.session.sources.map((_, index) => themeColour(`--source-${(index % 4) + 1}`));
    pen.save();
    pen.beginPath();
    pen.rect(KEYBOARD_PIXELS, 0, clientWidth, clientHeight);
    pen.clip();
    const { from, to } = this.deck.timeline;
    const [ink, ground, grey] = ["--ink", "--ground", "--grey"].map((name) => themeColour(name));
    const shown = this.deck.notes.filter((note) => note.end >= from && note.start <= to);
    const colourOf = (note) => colours[this.deck.indexOf(note.source)] ?? grey;
    for (const colour of [...colours, grey]) this.drawNotes(pen, shown.filter((note) => colourOf(note) === colour), colour, 0.86);
    for (const note of shown) if (this.chosen.has(note.id)) this.drawChosen(pen, note, colourOf(note), ink);
    pen.fillStyle = ground; // corrected: a bright core
    for (const note of shown) {
      if (note.source === note.found) continue;
      const [x, y, width, height] = this.box(note);
      pen.fillRect(x + 3, y + height / 2 - 1, Math.max(width - 6, 1), 2);
    }
    pen.restore();
  }

  drawKeys(pen, width, height) {
    const [low, high] = this.range;
    const unit = height / (high - low);
    const [line, soft, ground, shade] = ["--line", "--soft", "--ground", "--shade"].map((name) => themeColour(name));
    pen.fillStyle = ground;
    pen.fillRect(0, 0, width, height);
    pen.font = "11px system-ui, sans-serif";
    pen.textBaseline = "middle";
    for (let key = low; key <= high; key++) {
      const y = (high - key) * unit;
      if (BLACK.includes(((key % 12) + 12) % 12)) {
        pen.fillStyle = shade;
        pen.fillRect(0, y - unit / 2, width, unit);
      }
      const fits = y > 7 && y < height - 7;
      if (fits && (((key % 12) + 12) % 12 === 0 || (unit > 15 && ![1, 3, 6, 8, 10].includes(((key % 12) + 12) % 12)))) {
        pen.fillStyle = soft;
        pen.fillText(keyName(key), 10, y);
      }
      if (((key % 12) + 12) % 12 === 0) {
        pen.fillStyle = line;
        pen.fillRect(KEYBOARD_PIXELS, y + unit / 2, width, 1);
      }
    }
    pen.fillStyle = line;
    pen.fillRect(KEYBOARD_PIXELS - 1, 0, 1, height);
  }

  /* One path for all of a colour: a path for each would hold the page up where there are thousands. */
  drawNotes(pen, notes, colour, alpha) {
    pen.beginPath();
    for (const note of notes) {
      const [x, y, width, height] = this.box(note);
      if (width > 4) pen.roundRect(x, y, width, height, Math.min(4, height / 2));
      else pen.rect(x, y, width, height);
    }
    pen.fillStyle = colour;
    pen.globalAlpha = alpha;
    pen.fill();
    pen.globalAlpha = 1;
  }

  drawChosen(pen, note, colour, ink) {
    this.drawNotes(pen, [note], colour, 1);
    pen.lineWidth = 2.5;
    pen.strokeStyle = ink;
    pen.stroke();
  }
}
