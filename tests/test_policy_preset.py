"""The preset that learns as published and by nothing else: no search, several beginnings, a timbre of its own tones."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning import beginnings
from bsep_stream.train.learning.beginnings import choose_beginning
from bsep_stream.train.learning.checkpoint import load_checkpoint
from bsep_stream.train.learning.owntones import fit_own_timbre
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.runs import start
from bsep_stream.train.runs.race import Unwatched
from bsep_stream.train.runs.start import load_separator, resume_training, start_training
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.recording import load_session


@pytest.fixture
def config(duet_config: TrainConfig) -> TrainConfig:
    """The preset, as tiny as that of the duet; its tones are on, as so few iterations do not learn that."""
    policy = preset_config("policy", ("high", "low"))
    return replace(
        policy,
        pretrained=None,
        geometry=duet_config.geometry,
        network=duet_config.network,
        policy=replace(policy.policy, lowest_bin=4, highest_bin=60, on_offset=5.0),
        n_harmonics=duet_config.n_harmonics,
        batch_size=2,
        iterations=6,
    )


@pytest.fixture(autouse=True)
def no_search(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*_args: object) -> None:
        raise AssertionError("a search, although nothing but the policy gradient shall teach")

    monkeypatch.setattr(start, "search_labels", search)


def test_preset_has_no_teacher() -> None:
    config = preset_config("policy", ("one", "two"))
    assert config.imitation.iterations == 0
    assert config.loss.off_discount == 0.9
    assert (config.loss.dictionary_weight, config.loss.direct_weight, config.loss.agreement_weight) == (10, 10, 1)
    assert config.policy.inverse_temperatures == (1.0, 0.1, 0.01)
    assert config.policy.candidates
    assert not preset_config("policy", ("one", "two"), (1, 4)).policy.candidates  # chords are sampled


@pytest.mark.parametrize("iteration", [1, 4])
@pytest.mark.parametrize("candidates", [(4, 3), ()])
def test_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    config: TrainConfig, duet_path: Path, tmp_path: Path, candidates: tuple[int, ...], iteration: int
) -> None:
    """With candidates and with samples that are credited by tone."""
    config = replace(
        config,
        policy=replace(config.policy, candidates=candidates),
        loss=replace(config.loss, credit="tone", entropy=1e-4),
    )
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    start_training([duet_path], config, whole, seed=3).run(Unwatched())
    start_training([duet_path], config, parts, seed=3).run(Unwatched(), pause=(iteration, float("inf")))
    assert resume_training(parts).run(Unwatched()).finished
    first, second = (load_checkpoint(run / "checkpoint.safetensors") for run in (whole, parts))
    assert first.frame_state == second.frame_state
    assert first.tensors.keys() == second.tensors.keys()
    for name, tensor in first.tensors.items():
        assert torch.equal(second.tensors[name], tensor), name


def test_run_has_a_timbre_that_fits_its_own_tones(config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    start_training([duet_path], config, tmp_path / "run").run(Unwatched())
    separator = load_separator(tmp_path / "run")[0]
    assert separator.timbre is not None
    assert bool(separator.timbre.noise.any())
    before = {name: tensor.clone() for name, tensor in separator.timbre.state_dict().items()}
    session = load_session([duet_path], config.geometry.sample_rate)
    overview = FrameSource(session, config.geometry, config.training_hop_length, 0).overview(2_000)
    fit_own_timbre(separator, overview)  # what was fitted before is forgotten
    for name, tensor in separator.timbre.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_tones_do_not_depend_on_whether_masks_are_wanted(config: TrainConfig) -> None:
    separator = Separator(config)
    frames = 0.1 * torch.randn(5, 2, 128, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole, tones = predict(separator, frames), predict(separator, frames, masks=False)
    for name in ("direct", "dictionary", "f0_bin", "inharmonicity", "width_bins", "amplitude", "on", "coefficients"):
        assert torch.equal(getattr(whole, name), getattr(tones, name)), name


def test_run_begins_with_the_dictionary_of_lowest_mixture_cost(
    config: TrainConfig, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = iter([0.5, 0.3, 0.4])

    class Assessed:
        def __init__(self, *_args: Any) -> None:
            self.mixture_cost = next(costs)

    monkeypatch.setattr(beginnings, "assess", Assessed)
    config = replace(config, start_decays=((0.7, 0.7), (0.4, 0.8), (0.8, 0.4)))
    training = start_training([duet_path], config, tmp_path / "run")
    rows = training.learner.separator.dictionary.relative_amplitudes.detach()
    expected = torch.tensor([[0.4], [0.8]]) ** torch.arange(5.0)
    torch.testing.assert_close(rows, expected)


def test_beginning_is_judged_by_the_mixture(config: TrainConfig, duet_path: Path) -> None:
    """No fake costs: what is returned is what an assessment says, and the best is in the separator."""
    separator = Separator(config)
    session = load_session([duet_path], config.geometry.sample_rate)
    overview = FrameSource(session, config.geometry, config.training_hop_length, 0).overview(16)
    decays = ((0.9, 0.9), (0.3, 0.6))
    costs = choose_beginning(separator, overview, decays)
    assert costs[0] != costs[1]
    chosen = decays[costs.index(min(costs))]
    torch.testing.assert_close(separator.dictionary.relative_amplitudes[:, 1].detach(), torch.tensor(chosen))


@pytest.mark.parametrize("decays", [((0.5,),), ((0.5, 1.0),), ((0.0, 0.5),)])
def test_decays_that_make_no_sense_are_refused(config: TrainConfig, decays: Any) -> None:
    with pytest.raises(ConfigError, match="start_decays must be pairs"):
        replace(config, start_decays=decays)


def test_own_timbre_needs_a_timbre(config: TrainConfig) -> None:
    with pytest.raises(ConfigError, match="own_timbre needs a timbre"):
        replace(config, timbre_updates=0)
