/* Spectrograms: levels to pixels in the colours of the theme, the found pitches over them. */

const TICKS_HZ = [1000, 100, 10000, 200, 5000, 500, 2000]; // where there is no room for all, the first ones stay
const TICK_DISTANCE = 0.11; // of the height
const NOTE_NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const JUMP_OCTAVES = 0.8 / 12; // a pitch that jumps further is another note

/* Levels of one track, row by row from the lowest frequency up; undoes page/spectra.py. */
async function unpackLevels(base64, rows, columns) {
  const stream = new Blob([bytesOf(base64)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const levels = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let i = columns; i < rows * columns; i++) levels[i] = (levels[i] + levels[i - columns]) & 255;
  return levels;
}

function rgb(colour) {
  const value = parseInt(colour.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/* Colour of every level, as a pixel: from the ground over the track's colour to the strongest. */
function colourTable(steps, ground, colour, strongest) {
  const stops = [
    [0, rgb(ground)],
    [0.68, rgb(colour)],
    [1, rgb(strongest)],
  ];
  return Uint32Array.from({ length: steps + 1 }, (_, step) => {
    const place = step / steps;
    const end = Math.max(1, stops.findIndex(([at]) => at >= place));
    const [[from, low], [to, high]] = [stops[end - 1], stops[end]];
    const [r, g, b] = low.map((value, i) => Math.round(value + ((place - from) / (to - from)) * (high[i] - value)));
    return (255 << 24) | (b << 16) | (g << 8) | r; // the order in memory of every processor that runs a browser
  });
}

function drawLevels(canvas, levels, { rows, columns, steps }, colours) {
  canvas.width = columns;
  canvas.height = rows;
  const table = colourTable(steps, ...colours);
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = 0; row < rows; row++) {
    const from = row * columns;
    const to = (rows - 1 - row) * columns; // the lowest frequency is at the bottom
    for (let column = 0; column < columns; column++) pixels[to + column] = table[levels[from + column]];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/* Stretches of a pitch between silences and jumps: [[[x, y], ...], ...], both 0 to 1. */
function pitchLines(hz, hop, seconds, [low, high]) {
  const lines = [];
  let previous = null;
  hz.forEach((value, i) => {
    const octave = value ? Math.log2(value) : null;
    if (octave === null || octave < low || octave > high) {
      previous = null;
      return;
    }
    if (previous === null || Math.abs(octave - previous) > JUMP_OCTAVES) lines.push([]);
    lines.at(-1).push([(i * hop) / seconds, (high - octave) / (high - low)]);
    previous = octave;
  });
  return lines;
}

/* tones: [{hz, colour}] */
function drawPitches(canvas, tones, { hop, seconds, octaves, halo }) {
  const scale = window.devicePixelRatio || 1;
  const width = (canvas.width = Math.round(canvas.clientWidth * scale));
  const height = (canvas.height = Math.round(canvas.clientHeight * scale));
  const pen = canvas.getContext("2d");
  pen.lineCap = pen.lineJoin = "round";
  for (const { hz, colour } of tones) {
    const lines = pitchLines(hz, hop, seconds, octaves);
    for (const [style, thickness] of [
      [halo, 3.8],
      [colour, 2],
    ]) {
      pen.strokeStyle = style;
      pen.lineWidth = thickness * scale;
      pen.beginPath();
      for (const line of lines) {
        line.forEach(([x, y], i) => (i ? pen.lineTo(x * width, y * height) : pen.moveTo(x * width, y * height)));
        if (line.length === 1) pen.lineTo(line[0][0] * width + scale, line[0][1] * height);
      }
      pen.stroke();
    }
  }
}

function frequencyTicks([low, high]) {
  const ticks = [];
  for (const hz of TICKS_HZ) {
    const place = (high - Math.log2(hz)) / (high - low);
    if (place < 0.04 || place > 0.96 || ticks.some((tick) => Math.abs(tick.place - place) < TICK_DISTANCE)) continue;
    ticks.push({ place, label: hz >= 1000 ? `${hz / 1000} kHz` : `${hz} Hz`, short: hz >= 1000 ? `${hz / 1000}k` : `${hz}` });
  }
  return ticks;
}

/* Round distances, so that a label has room. */
function timeTicks(start, seconds, width) {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60].find((each) => (each / seconds) * width >= 56) ?? 120;
  const ticks = [];
  for (let i = Math.ceil(start / step - 1e-9); i * step <= start + seconds + 1e-9; i++) {
    ticks.push({ label: clockText(i * step, step < 1 ? 1 : 0), place: (i * step - start) / seconds });
  }
  return ticks;
}

function clockText(seconds, digits = 1) {
  const rounded = Number(seconds.toFixed(digits));
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${Math.floor(rounded / 60)}:${rest}`;
}

function noteText(hz) {
  const key = Math.round(69 + 12 * Math.log2(hz / 440));
  return `${NOTE_NAMES[((key % 12) + 12) % 12]}${Math.floor(key / 12) - 1}`;
}
