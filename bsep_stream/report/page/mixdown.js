/* What is heard, computed at once instead of played: the same desk in an OfflineAudioContext. */

async function renderMix(desk, from = 0, seconds = desk.seconds) {
  const { sampleRate, numberOfChannels } = desk.tracks[0].buffer;
  const context = new OfflineAudioContext(numberOfChannels, Math.max(1, Math.round(seconds * sampleRate)), sampleRate);
  desk.start(context, desk.connect(context), 0, from);
  return context.startRendering();
}

/* A WAV file of 16 bits; what is beyond full scale is turned down as a whole, not cut off. */
function wavOf(buffer) {
  const { numberOfChannels: channels, length, sampleRate } = buffer;
  const data = Array.from({ length: channels }, (_, channel) => buffer.getChannelData(channel));
  const peak = data.reduce((most, samples) => samples.reduce((m, s) => Math.max(m, Math.abs(s)), most), 0);
  const scale = 32767 / Math.max(1, peak);
  const bytes = new DataView(new ArrayBuffer(44 + 2 * channels * length));
  const text = (at, word) => [...word].forEach((letter, i) => bytes.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  bytes.setUint32(4, bytes.byteLength - 8, true);
  text(8, "WAVEfmt ");
  bytes.setUint32(16, 16, true);
  bytes.setUint16(20, 1, true); // whole numbers
  bytes.setUint16(22, channels, true);
  bytes.setUint32(24, sampleRate, true);
  bytes.setUint32(28, 2 * channels * sampleRate, true);
  bytes.setUint16(32, 2 * channels, true);
  bytes.setUint16(34, 16, true);
  text(36, "data");
  bytes.setUint32(40, 2 * channels * length, true);
  let at = 44;
  for (let i = 0; i < length; i++) {
    for (let channel = 0; channel < channels; channel++, at += 2) {
      bytes.setInt16(at, Math.round(scale * data[channel][i]), true);
    }
  }
  return new Blob([bytes], { type: "audio/wav" });
}

async function saveMix(desk, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(wavOf(await renderMix(desk)));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
