// A host in JavaScript, to be read beside docs/model-file.md: one frame from samples to masks, checked by a reference.
//
//   npm install onnxruntime-node            (or onnxruntime-web)
//   python -m bsep_stream.demo.reference MODEL.onnx reference.json
//   node examples/host.js MODEL.onnx reference.json
//
// prints the largest differences, relative to the largest value, as JSON.
"use strict";
const fs = require("fs");

function runtime() {
  try {
    return require("onnxruntime-node");
  } catch {
    return require("onnxruntime-web");
  }
}

// The metadata of an ONNX file (protobuf): field 14 of the model, of key (1) and value (2). onnxruntime's JavaScript
// does not hand it out.
function metadata(bytes) {
  const fields = function* (start, end) {
    let at = start;
    const varint = () => {
      let value = 0, factor = 1, byte;
      do {
        byte = bytes[at++];
        value += (byte & 127) * factor;
        factor *= 128;
      } while (byte & 128);
      return value;
    };
    while (at < end) {
      const tag = varint(), kind = tag % 8;
      if (kind === 0) varint();
      else if (kind === 1) at += 8;
      else if (kind === 5) at += 4;
      else {
        const length = varint();
        yield [Math.floor(tag / 8), at, at + length];
        at += length;
      }
    }
  };
  const text = (start, end) => new TextDecoder().decode(bytes.subarray(start, end));
  for (const [field, start, end] of fields(0, bytes.length)) {
    if (field !== 14) continue;
    const entry = Object.fromEntries([...fields(start, end)].map(([number, a, b]) => [number, text(a, b)]));
    if (entry[1] === "bsep_stream") return JSON.parse(entry[2]);
  }
  throw new Error("no model of bsep-stream");
}

// Samples (n_fft) to real and imaginary parts (n_bins each) with the phase of the middle of the frame.
function analyse(samples, geometry) {
  const { n_fft: n, n_bins: bins, sigma_samples: sigma } = geometry;
  const window = Float64Array.from({ length: n }, (_, t) => Math.exp(-0.5 * ((t - n / 2) / sigma) ** 2));
  const sum = window.reduce((a, b) => a + b, 0);
  const cosine = Float64Array.from({ length: n }, (_, t) => Math.cos((2 * Math.PI * t) / n));
  const real = new Float64Array(bins), imag = new Float64Array(bins);
  for (let k = 0; k < bins; k++) {
    for (let t = 0; t < n; t++) {
      const value = (window[t] / sum) * samples[t];
      const turn = (k * (t + n / 2)) % n; // n / 2 later: (-1) ** k
      real[k] += value * cosine[turn];
      imag[k] -= value * cosine[(turn + (3 * n) / 4) % n]; // a sine
    }
  }
  return { real, imag };
}

// Masks (n_sources of n_bins) of one frame.
function shareOut(timbre, on, moduli, gain) {
  const peak = Math.max(...timbre.map((row) => row.reduce((a, b) => Math.max(a, b), 0)));
  if (!(peak > 0) || !on.some((each) => each > 0)) return timbre.map((row) => row.map(() => 0));
  const masks = timbre.map((row) => new Float64Array(row.length));
  for (let k = 0; k < moduli.length; k++) {
    const powers = timbre.map((row) => (row[k] / peak) ** 2);
    const explained = powers.reduce((a, b) => a + b, 0) + 1e-30;
    const mixture = ((gain * moduli[k]) / peak) ** 2;
    const excess = Math.max(0, mixture - 10 ** 2.8 * explained);
    powers.forEach((power, i) => (masks[i][k] = power / (explained + 1e-6 * mixture + excess)));
  }
  return masks;
}

function difference(found, expected) {
  let worst = 0, peak = 0;
  expected.flat().forEach((value, i) => {
    worst = Math.max(worst, Math.abs(value - found[i]));
    peak = Math.max(peak, Math.abs(value));
  });
  return worst / peak;
}

async function main(modelPath, referencePath) {
  const ort = runtime();
  const bytes = fs.readFileSync(modelPath), reference = JSON.parse(fs.readFileSync(referencePath));
  const { geometry, gain, source_names: names } = metadata(bytes);
  const { real, imag } = analyse(reference.samples, geometry);
  const frame = Float32Array.from([...real, ...imag], (value) => gain * value);
  const session = await ort.InferenceSession.create(bytes);
  const feeds = { frame: new ort.Tensor("float32", frame, [1, 2, geometry.n_bins]) };
  if (session.inputNames.includes("spectra")) feeds.spectra = new ort.Tensor("bool", [false], [1]);
  const out = await session.run(feeds);
  const timbre = names.map((_, i) => out.timbre.data.slice(i * geometry.n_bins, (i + 1) * geometry.n_bins));
  const moduli = real.map((value, k) => Math.hypot(value, imag[k]));
  const masks = shareOut(timbre, Array.from(out.on.data), moduli, gain);
  const found = { frame, on: out.on.data, f0_bin: out.f0_bin.data, timbre: out.timbre.data };
  found.masks = masks.flatMap((row) => Array.from(row));
  const worst = Object.keys(found).map((name) => [name, difference(found[name], reference[name])]);
  console.log(JSON.stringify(Object.fromEntries(worst)));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
