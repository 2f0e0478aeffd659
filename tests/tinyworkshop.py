"""The workshop of the studio with a tiny network and no search: the demo's notes are known, one of them wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

import bsep_stream
from bsep_stream.export import parity
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import NetworkConfig, TrainConfig
from bsep_stream.train.session.labels import Labels, label_positions
from bsep_stream.train.session.recording import Session
from bsep_stream.train.workshop import apprentice
from bsep_stream.train.workshop.__main__ import main

RATE = 16_000
META = json.loads((Path(bsep_stream.__file__).parent / "demo/meta.json").read_text(encoding="utf-8"))


def tiny_config(name: str, source_names: tuple[str, ...], polyphony: tuple[int, ...] = ()) -> TrainConfig:
    """The preset, so small that a run takes seconds."""
    config = preset_config(name, source_names, polyphony)
    return replace(
        config,
        geometry=FrameGeometry(sample_rate=RATE, n_fft=1024, n_bins=256, hop_length=256, sigma_samples=128.0),
        network=NetworkConfig(
            encoder_channels=(4, 4), strides=(4, 4), head_channels=4, lifted_modulus=True, input_gradient=False
        ),
        policy=replace(config.policy, lowest_bin=4, highest_bin=120),
        imitation=replace(config.imitation, iterations=2, batch_size=3),
        n_harmonics=5,
        batch_size=2,
        iterations=8,
        pretrained=None,
    )


def known_labels(session: Session, config: TrainConfig, on_step: Callable[[], None] | None = None) -> Labels:
    """Notes of the demo, whatever is given; the second note of the upper part is with the lower one."""
    hop = config.geometry.hop_length
    pieces = label_positions(session, hop, config.imitation.longest_seconds)
    centre = np.concatenate([centres for _, centres in pieces])
    seconds = centre / session.sample_rate
    f0_bin = np.zeros((centre.size, config.n_tones), np.float32)
    for source, instrument in enumerate(META["instruments"]):
        for number, (onset, duration, key, _, _) in enumerate(instrument["notes"]):
            inside = (seconds >= onset) & (seconds < onset + duration)
            hz = 440.0 * 2 ** ((key + instrument["transposed"] - 12 - 69) / 12)
            f0_bin[inside, 1 if (source, number) == (0, 1) else source] = hz / config.geometry.bin_hz
    if on_step is not None:
        on_step()
    return Labels(
        take=np.concatenate([np.full(len(centres), take) for take, centres in pieces]),
        centre=centre,
        f0_bin=f0_bin,
        envelopes=np.tile(np.float32(0.5) ** np.arange(config.n_harmonics, dtype=np.float32), (config.n_sources, 1)),
        hop_length=hop,
    )


if __name__ == "__main__":
    parity.LEAST_PARITY_FRAMES = 1  # a network that has hardly learned has few frames with a clear choice
    apprentice.preset_config = tiny_config
    apprentice.search_labels = known_labels
    main()
