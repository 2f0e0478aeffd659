"""Several tones of a source in a frame: what ends them, what they cost, and that one tone each is the special case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.imitation import imitation_terms
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.rollouts import roll_out, sampling_plan
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import on_logit
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Maps
from bsep_stream.train.tones.spectra import as_channels

POLYPHONY = (1, 3)
CHORD = [12.3, 17.6, 7.2, 0.0]
"""Labels: a tone of the first source, two of the three of the second."""
N_STEPS = 60
NEAR_BINS = 1.0
ROUNDING_BINS = 1e-3


@pytest.fixture(scope="module")
def config() -> TrainConfig:
    """The fast preset, tiny."""
    fast = preset_config("fast", ("one", "two"), POLYPHONY)
    return replace(
        fast,
        pretrained=None,
        geometry=FrameGeometry(n_fft=256, n_bins=64, hop_length=64, sigma_samples=32.0),
        network=replace(fast.network, encoder_channels=(8, 12), strides=(4, 4), head_channels=16),
        policy=replace(fast.policy, lowest_bin=4, highest_bin=20),
        imitation=replace(fast.imitation, inverse_temperature=0.3),
        n_harmonics=3,
    )


@pytest.fixture(scope="module")
def frames(config: TrainConfig) -> torch.Tensor:
    """The tones of the labels, 4 copies."""
    bins = torch.arange(float(config.geometry.n_bins))
    frame = torch.zeros(len(bins), dtype=torch.complex64)
    for f0, loudness, phase in ((12.3, 0.3, 0.7), (7.2, 0.4, 2.0), (17.6, 0.35, 1.0)):
        for order in (1, 2, 3):
            peak = torch.exp(-0.5 * ((bins - f0 * order) / config.geometry.sigma_bins) ** 2)
            frame += loudness * 0.5**order * torch.exp(torch.tensor(1j * phase * order)) * peak
    return frame.expand(4, -1).clone()


@pytest.fixture(scope="module")
def trained(config: TrainConfig, frames: torch.Tensor) -> Learner:
    """Knows the chord, and the first source alone."""
    learner = Learner(config, seed=1)
    labels = torch.tensor([CHORD] * 4)
    for _ in range(N_STEPS):
        learner.imitate(frames, labels)
    return learner


def test_numbers_of_tones_that_make_no_sense_are_refused() -> None:
    for wrong in ((1, 5), (0, 1), (1,), (1, 1, 1)):
        with pytest.raises(ConfigError, match="1 to 4 tones at once"):
            preset_config("fast", ("violin", "piano"), wrong)


def test_tone_that_ends_a_source_is_never_heard() -> None:
    assert preset_config("paper", ("violin", "piano"), (1, 4)).policy.gate_direct
    with pytest.raises(ConfigError, match="must not be heard"):
        replace(preset_config("paper", ("violin", "piano")), tones_at_once=(1, 4))


def test_configuration_of_a_run_of_before_has_one_tone_each() -> None:
    values = preset_config("fast", ("violin", "piano")).to_dict()
    del values["tones_at_once"]
    assert TrainConfig.from_dict(values).tone_sources == (0, 1)
    several = preset_config("fast", ("violin", "piano"), (1, 4))
    assert TrainConfig.from_dict(several.to_dict()) == several
    assert several.tone_sources == (0, 1, 1, 1, 1)


def test_a_tone_that_is_off_ends_its_source_and_no_other() -> None:
    frame = torch.zeros(2, 2, 8)
    spectrum = torch.ones(2, 2, 8)
    state = FrameState.start(frame, POLYPHONY)
    second = torch.tensor([1, 1])
    state = state.with_tone(second, torch.tensor([1.0, 0.0]), spectrum, spectrum)
    assert state.left.tolist() == [[1, 2], [1, 0]]
    assert state.used.tolist() == [[False, False], [False, True]]
    state = state.with_tone(torch.tensor([1, 0]), torch.tensor([1.0, 1.0]), spectrum, spectrum)
    assert state.left.tolist() == [[1, 1], [0, 0]]
    assert state.open.tolist() == [True, False]
    assert not state.used[1].any()  # a choice must be possible, though nothing comes of it
    before = state.direct.clone()
    state = state.with_tone(torch.tensor([1, 1]), torch.tensor([1.0, 0.0]), spectrum, spectrum)
    assert torch.equal(state.direct[1], before[1])
    torch.testing.assert_close(state.direct[0, 1], 3 * spectrum[0])  # the tones of a source are added


def test_network_learns_a_chord_and_to_stop_after_it(trained: Learner, frames: torch.Tensor) -> None:
    with torch.no_grad():
        found = predict(trained.separator, frames)
    assert found.on[0].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert abs(float(found.f0_bin[0, 0]) - CHORD[0]) < NEAR_BINS
    chord = sorted(found.f0_bin[0, 1:3].tolist(), reverse=True)
    assert np.abs(np.array(chord) - CHORD[1:3]).max() < NEAR_BINS
    # The sources have what their tones have, and nothing else.
    assert found.direct.shape[1] == found.timbre.shape[1] == 2
    assert found.f0_bin.shape[1] == trained.config.n_tones == 4
    assert float(found.coefficients[0, 3].abs().max()) == 0.0


def test_passes_after_the_last_stop_are_nothing(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all is off, two passes end all: what the network says in the others must not count."""
    learner = Learner(config, seed=1)
    generator = torch.Generator().manual_seed(5)
    n_bins = config.geometry.n_bins
    passes: list[Maps] = []

    def maps(state: FrameState) -> Maps:
        batch = len(state.left)
        parameters = torch.randn(batch, 2, 6, n_bins, generator=generator)
        parameters[:, :, 5] = -5.0  # off
        passes.append(Maps(torch.randn(batch, 2, n_bins, generator=generator), parameters, state.frame[:, None]))
        return passes[-1]

    monkeypatch.setattr(learner.separator, "maps", maps)
    frame = as_channels(torch.randn(1, n_bins, dtype=torch.complex64, generator=generator))
    with torch.no_grad():
        found = predict(learner.separator, frame)
        terms = imitation_terms(
            learner.separator, frame, torch.zeros(1, 4), learner.separator.dictionary.relative_amplitudes
        )
    assert len(passes) == 8
    assert found.on.tolist() == [[0.0] * 4]
    assert found.f0_bin[0, 2:].tolist() == [0.0, 0.0]
    assert float(found.direct.abs().max()) == 0.0
    assert bool(found.timbre.isfinite().all())
    off = -torch.nn.functional.logsigmoid(-on_logit(torch.tensor(-5.0), config.policy))
    torch.testing.assert_close(terms.on, 2 * off)
    assert float(terms.choice) == 0.0


def test_rollouts_do_not_grow_with_the_tones(config: TrainConfig, frames: torch.Tensor) -> None:
    learner = Learner(config, seed=1)
    plan = sampling_plan(config.policy, config.n_tones, config.n_sources)
    assert [tuple(nodes.shape) for nodes in plan] == [(1, 3), (3, 3), (9, 1), (9, 1)]
    rollouts = roll_out(learner.separator, as_channels(frames), torch.Generator().manual_seed(1))
    assert rollouts.log_prob.shape == (4, config.n_rollouts) == (4, 9)
    assert rollouts.on.shape == (36, 4)
    report = learner.step(frames, torch.tensor([CHORD] * 4))
    assert report.finite


def test_one_tone_each_is_the_special_case(config: TrainConfig, frames: torch.Tensor) -> None:
    """A source that could have more tones and stops after the first is a source with one tone."""
    single, several = (Learner(replace(config, tones_at_once=most), seed=1) for most in ((), (1, 2)))
    first = single.imitate(frames, torch.tensor([[12.3, 7.2]] * 4))
    second = several.imitate(frames, torch.tensor([[12.3, 7.2, 0.0]] * 4))
    # One more pass, with its off; the spectra are the same.
    assert second.losses["direct"] == pytest.approx(first.losses["direct"])
    assert second.losses["dictionary"] == pytest.approx(first.losses["dictionary"] * config.loss.off_discount)
    assert second.losses["imitation"] > first.losses["imitation"]


@pytest.fixture(scope="module")
def exported(trained: Learner, frames: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model file of what was trained."""
    pytest.importorskip("onnx")
    from bsep_stream.export.onnx_file import export_model

    generator = torch.Generator().manual_seed(3)
    noise = 0.02 * torch.randn(256, frames.shape[1], dtype=torch.complex64, generator=generator)
    inputs = frames[:1] * torch.exp(1j * torch.arange(256.0))[:, None] + noise
    metadata = {"gain": 1.0, "output": "mask", "training": {}}
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    report = export_model(trained.separator, trained.config, metadata, path, inputs.numpy())
    assert report.n_frames >= 200
    return path


def test_exported_step_finds_the_same_tones(trained: Learner, frames: torch.Tensor, exported: Path) -> None:
    model = SeparationModel(exported)
    assert model.tone_sources == trained.config.tone_sources
    with torch.no_grad():
        expected = predict(trained.separator, frames[:1])
    tones = model.step(as_channels(frames[:1])[0].numpy())
    assert tones.on.tolist() == expected.on[0].tolist()
    np.testing.assert_allclose(tones.f0_bin, expected.f0_bin[0].numpy(), atol=ROUNDING_BINS)


def test_info_says_how_many_tones_a_source_has(exported: Path) -> None:
    from click.testing import CliRunner

    from bsep_stream.cli import main

    assert "one, two (up to 3 tones)" in CliRunner().invoke(main, ["info", str(exported)]).output
