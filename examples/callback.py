"""One stem of what the microphone hears, in a callback of sounddevice.

    pip install sounddevice
    python examples/callback.py MODEL.onnx flute

It separates in the callback itself, with blocks of 2048 samples and the latency `live`. `bsep live` and LiveEngine do
the same in a thread that the callback never waits for, bridge what is not ready in time, and count it: on a stage take
those.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import sounddevice

from bsep_stream import StreamingSeparator

SAMPLE_RATE, BLOCK_SIZE = 48_000, 2048


def stem_callback(separator: StreamingSeparator, stem: str) -> Callable[..., None]:
    """A callback for a stream of sounddevice that plays a stem of its input; sounddevice has (samples, channels)."""
    number = separator.stem_names.index(stem)

    def callback(heard: np.ndarray, played: np.ndarray, _frames: int, _time: Any, status: Any) -> None:
        if status:
            print(status, file=sys.stderr)
        played[:] = separator.process(heard.T)[number].T

    return callback


def main(model: str, stem: str) -> None:
    separator = StreamingSeparator(model, sample_rate=SAMPLE_RATE, channels=1, latency="live")
    callback = stem_callback(separator, stem)
    with sounddevice.Stream(samplerate=SAMPLE_RATE, blocksize=BLOCK_SIZE, channels=1, callback=callback):
        input(f"playing {stem}; the return key ends it")


if __name__ == "__main__":
    main(*sys.argv[1:])
