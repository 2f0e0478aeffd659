"""A remix of what pedalboard reads, with the loop that pedalboard's own plugins are used in.

    python examples/pedalboard_stream.py MODEL.onnx IN.wav OUT.wav

reads and writes files. With `pedalboard.io.AudioStream` it plays:

    with AudioStream(microphone, loudspeaker, sample_rate=48_000) as stream:
        play(stream.read, lambda audio: stream.write(audio, 48_000), hall(model, 48_000, 1), 48_000)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pedalboard import Gain, Pedalboard, Reverb
from pedalboard.io import AudioFile

from bsep_stream import SeparationModel, StemMixer, StreamingSeparator

BLOCK_SIZE = 1024


def hall(model: SeparationModel, sample_rate: int, channels: int) -> StemMixer:
    """The first instrument in a hall, the others softer."""
    first, *others = model.source_names
    separator = StreamingSeparator(model, sample_rate=sample_rate, channels=channels)
    boards = {first: Pedalboard([Reverb(room_size=0.8)]), **{name: Gain(-6.0) for name in others}}
    return StemMixer(separator, boards)


def play(read: Callable[[int], Any], write: Callable[[Any], object], plugin: Any, sample_rate: int) -> None:
    """All that there is to read, through a plugin of pedalboard, a board of them, or a StemMixer."""
    plugin.reset()
    while (audio := read(BLOCK_SIZE)).shape[1]:
        write(plugin.process(audio, sample_rate, reset=False))


def main(model: str, recording: str, output: str) -> None:
    with AudioFile(recording) as source:
        rate = int(source.samplerate)
        with AudioFile(output, "w", rate, source.num_channels) as sink:
            plugin = hall(SeparationModel(model), rate, source.num_channels)
            play(source.read, sink.write, plugin, rate)
            sink.write(plugin.flush())


if __name__ == "__main__":
    main(*sys.argv[1:])
