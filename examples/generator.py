"""Stems of blocks that come from anywhere, as a generator.

    python examples/generator.py MODEL.onnx RECORDING

prints how loud every stem is, second by second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

import numpy as np

from bsep_stream import StreamingSeparator, read_recording


def stems_of(blocks: Iterable[np.ndarray], separator: StreamingSeparator) -> Iterator[np.ndarray]:
    """Stems (n_stems, channels, n) of blocks (channels, n) of any size, without the latency: together just as long."""
    late = separator.latency_samples
    for block in blocks:
        stems = separator.process(block)
        drop = min(late, stems.shape[-1])
        late -= drop
        yield stems[..., drop:]
    yield separator.flush()[..., late:]


def main(model: str, recording: str) -> None:
    audio, sample_rate = read_recording(recording)
    separator = StreamingSeparator(model, sample_rate=sample_rate, channels=len(audio))
    blocks = (audio[:, start : start + sample_rate] for start in range(0, audio.shape[1], sample_rate))
    for stems in stems_of(blocks, separator):
        if stems.size:
            rms = np.sqrt(np.mean(np.square(stems), axis=(1, 2)))
            print("  ".join(f"{name} {level:.4f}" for name, level in zip(separator.stem_names, rms, strict=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
