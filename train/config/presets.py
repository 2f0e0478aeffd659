"""Named configurations: `paper`, the published method, `fast`, the default, and `scratch`, the same from nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.trainconfig import (
    ImitationConfig,
    LossConfig,
    NetworkConfig,
    OptimiserConfig,
    PolicyConfig,
    TrainConfig,
)

PRESET_NAMES = ("fast", "scratch", "policy", "paper")

LOWEST_PITCH_HZ = 40.0
HIGHEST_PITCH_HZ = 4_500.0

START_DECAYS = ((0.7, 0.7), (0.5, 0.8), (0.3, 0.8), (0.7, 0.6), (0.8, 0.5))
"""Of the dictionaries that the preset `policy` may begin with: alike, so that only the register tells the sources
apart; low sources brighter, high sources brighter, each by less and by more."""


def preset_config(name: str, source_names: Sequence[str], polyphony: Sequence[int] = ()) -> TrainConfig:
    """Configuration of a preset.

    Parameters
    ----------
    name : {"fast", "scratch", "policy", "paper"}
    source_names : sequence of str
        One to four different names.
    polyphony : sequence of int
        Tones at once of every source; empty: one each.

    Raises
    ------
    ConfigError
        If there is no such preset, or the names or numbers cannot be used.
    """
    presets = {"fast": _fast, "scratch": _scratch, "policy": _policy, "paper": _paper}
    if name not in presets:
        raise ConfigError(f"the preset must be one of {', '.join(PRESET_NAMES)}, got {name!r}")
    config = presets[name](tuple(source_names))
    if max(polyphony, default=1) > 1:
        # The tone that ends a source must not be heard. Chords have too many explanations to go through: samples.
        config = replace(config, policy=replace(config.policy, gate_direct=True, candidates=()))
    return replace(config, tones_at_once=tuple(polyphony))


def _paper(source_names: tuple[str, ...]) -> TrainConfig:
    """Schulze, Leuschner, King 2021: the defaults of the configuration are theirs."""
    micro_batches = {3: 3, 4: 12}.get(len(source_names), 1)
    return TrainConfig(
        preset="paper",
        source_names=source_names,
        geometry=FrameGeometry(),
        optimiser=OptimiserConfig(micro_batches=micro_batches),
    )


def _fast(source_names: tuple[str, ...]) -> TrainConfig:
    """Trainable on two CPU cores: 12 kHz, a quarter of the width, local peaks, a tree of samples."""
    geometry = FrameGeometry(n_fft=8_192, n_bins=2_048, hop_length=1_024)
    return TrainConfig(
        preset="fast",
        source_names=source_names,
        geometry=geometry,
        network=NetworkConfig(
            # Multiples of 8, as the convolutions of CPUs like them; narrow where the frame is long.
            encoder_channels=(16, 40, 64, 80, 104, 120),
            strides=(4, 4, 4, 4, 4, 2),
            head_channels=24,
            # The published scales of the Gamma maps (30) would sit on the harder clip from the start. The logits start
            # from the salience (about 14 at a tone, 1 less at its rivals): 90 a unit is certain at inverse temperature
            # 1 and open at 0.01, and the network's first outputs, about 0.1, are no more than a murmur beside it.
            initial_scales=(300.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 1.0, 1.0),
            salience=True,
            salience_logit=0.3,
            start_from_frame=True,
            lifted_modulus=True,
            input_gradient=False,
            direct_maps=False,
        ),
        policy=PolicyConfig(
            sampling="tree",
            lowest_bin=round(LOWEST_PITCH_HZ / geometry.bin_hz),
            highest_bin=round(HIGHEST_PITCH_HZ / geometry.bin_hz),
            offset_bins=2.0,
            inharmonicity_rate=10_000.0,
            gamma_clip=4.0,
            inharmonicity_floor=1e-8,
            lowest_width=0.8,
            highest_width=2.0,
            phase_floor=1e-3,
            # Where nothing is left of a frame the network's features are 0 and the map of on and off is no more than
            # its offset: so silence is where it starts from, and being on is what it learns to say.
            on_offset=-3.0,
            gate_direct=True,
        ),
        # One frame's gradients are about 1e-4 of the loss, so 1000 keeps them far above epsilon.
        loss=LossConfig(scale=1_000.0),
        # The published memory of the largest gradient, 1000 iterations, is as long as this training's first part.
        # The step of the pretraining: with a smaller one the network comes to know the instruments later.
        optimiser=OptimiserConfig(
            step_size=3e-3,
            dictionary_step_size=1e-3,
            betas=(0.9, 0.99),
            epsilon=1e-8,
            final_step_share=0.05,
            dictionary_floor=0.0,
        ),
        imitation=ImitationConfig(iterations=600, transposed_share=0.5),
        rendering="local",
        joint_ridge=0.1,
        timbre_updates=4,
        peak_radius_sigmas=7.0,
        iterations=700,
        frame_noise=0.0,
        pretrained="fast",
    )


def _scratch(source_names: tuple[str, ...]) -> TrainConfig:
    """As `fast`, but from random weights, and as long as that takes."""
    fast = _fast(source_names)
    return replace(
        fast,
        preset="scratch",
        pretrained=None,
        optimiser=replace(fast.optimiser, step_size=1e-3, final_step_share=0.1),
        imitation=replace(fast.imitation, iterations=2_500),
        iterations=3_000,
    )


def _policy(source_names: tuple[str, ...]) -> TrainConfig:
    """The published learning and nothing else, made affordable: no search, no imitation, no labels."""
    fast = _fast(source_names)
    return replace(
        fast,
        preset="policy",
        loss=replace(fast.loss, discount_all=True, credit="tone"),
        policy=replace(fast.policy, candidates={1: (6,), 2: (4, 4), 3: (4, 4, 4)}.get(len(source_names), (4, 3, 3, 3))),
        # The network is right already where the dictionary is: so the dictionary goes ahead.
        optimiser=replace(fast.optimiser, step_size=1e-3, dictionary_step_size=1e-2),
        imitation=replace(fast.imitation, iterations=0),
        batch_size=8,
        iterations=200,
        own_timbre=True,
        start_decays=START_DECAYS,
    )
