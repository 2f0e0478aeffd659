"""Imitation: its terms are the probabilities that they claim to be, and the network learns the labels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

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
from bsep_stream.train.learning.imitation import ImitationTerms, imitation_loss, imitation_terms, labelled_tones
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.network.policy import on_logit
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Maps
from bsep_stream.train.tones.spectra import as_channels

LOWEST, HIGHEST, N_BINS = 4, 20, 64
INVERSE_TEMPERATURE = 0.3


@pytest.fixture
def config() -> TrainConfig:
    """Two sources, 64 bins."""
    return TrainConfig(
        preset="tiny",
        source_names=("one", "two"),
        geometry=FrameGeometry(n_fft=256, n_bins=N_BINS, hop_length=64, sigma_samples=32.0),
        n_harmonics=3,
        network=NetworkConfig(
            encoder_channels=(8, 12),
            strides=(4, 4),
            head_channels=16,
            salience=True,
            lifted_modulus=True,
            input_gradient=False,
            initial_scales=(10.0, *(1.0,) * 5, 10.0, 1.0, 1.0),
        ),
        policy=PolicyConfig(
            sampling="tree",
            lowest_bin=LOWEST,
            highest_bin=HIGHEST,
            gamma_clip=3.0,
            on_offset=1.0,
            lowest_width=0.8,
            highest_width=2.0,
            phase_floor=1e-3,
            gate_direct=True,
        ),
        loss=LossConfig(scale=1e3),
        optimiser=OptimiserConfig(step_size=3e-3),
        imitation=ImitationConfig(iterations=1, inverse_temperature=INVERSE_TEMPERATURE),
        rendering="local",
        frame_noise=0.0,
    )


@pytest.fixture
def frames(config: TrainConfig) -> torch.Tensor:
    """One frame with tones of three harmonics at the bins 12.3 and 7.2, in 4 copies, complex64."""
    bins = torch.arange(float(N_BINS))
    frame = torch.zeros(N_BINS, dtype=torch.complex64)
    for f0, loudness, phase in ((12.3, 0.3, 0.7), (7.2, 0.4, 2.0)):
        for order in (1, 2, 3):
            peak = torch.exp(-0.5 * ((bins - f0 * order) / config.geometry.sigma_bins) ** 2)
            frame += loudness * 0.5**order * torch.exp(torch.tensor(1j * phase * order)) * peak
    return frame.expand(4, -1).clone()


def with_fixed_maps(config: TrainConfig, monkeypatch: pytest.MonkeyPatch, batch: int) -> tuple[Learner, Maps]:
    """A learner whose network says the same whatever tones there are already: passes can be computed by hand."""
    learner = Learner(config, seed=1)
    generator = torch.Generator().manual_seed(5)
    maps = Maps(
        logit=4 * torch.randn(batch, 2, N_BINS, generator=generator),
        parameters=0.5 * torch.randn(batch, 2, 6, N_BINS, generator=generator),
        direct=torch.randn(batch, 2, 2, N_BINS, generator=generator),
    )
    monkeypatch.setattr(learner.separator, "maps", lambda _state: maps)
    return learner, maps


def terms_of(learner: Learner, frames: torch.Tensor, f0_bin: list[list[float]]) -> ImitationTerms:
    rows = learner.separator.dictionary.relative_amplitudes
    return imitation_terms(learner.separator, as_channels(frames), torch.tensor(f0_bin), rows)


def probabilities(logit: np.ndarray, left: list[int]) -> np.ndarray:
    """Of all (source, bin), 0 out of range and for sources that are not left."""
    weights = np.exp(INVERSE_TEMPERATURE * logit.astype(np.float64))
    weights[:, :LOWEST] = weights[:, HIGHEST + 1 :] = 0.0
    weights[[source for source in range(len(logit)) if source not in left]] = 0.0
    return weights / weights.sum()


@pytest.mark.parametrize("labels", [[12.3, 7.2], [5.0, 5.0], [12.6, 0.0], [0.0, 19.7], [0.0, 0.0]])
def test_terms_are_those_of_an_enumeration(
    config: TrainConfig, frames: torch.Tensor, monkeypatch: pytest.MonkeyPatch, labels: list[float]
) -> None:
    """Pass by pass: any label that is left is right, the likeliest is taken; what is silent comes last and is off."""
    learner, maps = with_fixed_maps(config, monkeypatch, 1)
    logit = maps.logit[0].numpy()
    switches = on_logit(maps.parameters[0, :, 5], config.policy).double().sigmoid().numpy()
    choice, on, left = 0.0, 0.0, [0, 1]
    for _ in range(2):
        chances = probabilities(logit, left)
        wanted = {source: round(labels[source]) for source in left if labels[source] > 0}
        if wanted:
            choice -= np.log(sum(chances[place] for place in wanted.items()))
            source, bin_index = max(wanted.items(), key=lambda place: chances[place])
            on -= np.log(switches[source, bin_index])
        else:
            source, bin_index = (int(index) for index in np.unravel_index(chances.argmax(), chances.shape))
            on -= np.log(1 - switches[source, bin_index])
        left.remove(source)
    terms = terms_of(learner, frames[:1], [labels])
    assert terms.choice.item() == pytest.approx(choice, rel=1e-5, abs=1e-6)  # rounding of float32
    assert terms.on.item() == pytest.approx(on, rel=1e-5)


def test_pitch_counts_only_what_sounds(
    config: TrainConfig, frames: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """f0 is the labelled bin plus an offset that the network reads off there."""
    learner, maps = with_fixed_maps(config, monkeypatch, 1)
    reach = config.policy.offset_bins
    offset = [reach * torch.tanh(maps.parameters[0, source, 2, bin_index]).item() for source, bin_index in
              ((0, 12), (1, 7))]  # fmt: skip
    expected = [(12 + offset[0] - 12.3) ** 2, (7 + offset[1] - 7.2) ** 2]
    assert terms_of(learner, frames[:1], [[12.3, 7.2]]).pitch.item() == pytest.approx(sum(expected), rel=1e-4)
    assert terms_of(learner, frames[:1], [[12.3, 0.0]]).pitch.item() == pytest.approx(expected[0], rel=1e-4)
    assert terms_of(learner, frames[:1], [[0.0, 0.0]]).pitch.item() == 0.0


def test_terms_are_means_over_the_frames(
    config: TrainConfig, frames: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    learner = Learner(config, seed=1)
    labels = [[12.3, 7.2], [0.0, 7.2], [12.3, 0.0], [0.0, 0.0]]
    together = terms_of(learner, frames, labels)
    single = [terms_of(learner, frames[:1], [row]) for row in labels]
    for name in ("choice", "on", "pitch"):
        mean = np.mean([getattr(terms, name).item() for terms in single])
        assert getattr(together, name).item() == pytest.approx(mean, rel=1e-4), name


def test_silent_sources_are_silent_in_the_spectra(config: TrainConfig, frames: torch.Tensor) -> None:
    """Nothing sounds: the method's loss is that of no tones at all, whatever the network says."""
    first, second = (terms_of(Learner(config, seed=seed), frames, [[0.0, 0.0]] * 4).spectra for seed in (1, 2))
    assert first.direct.item() == second.direct.item()
    assert first.dictionary.item() == second.dictionary.item()
    assert first.direct.item() > 0


@pytest.mark.parametrize("labels", [[0.0, 0.0], [12.3, 0.0], [12.3, 7.2], [12.3, 12.3], [3.0, 63.0]])
@pytest.mark.parametrize("loudness", [1.0, 0.0])
def test_gradients_are_finite_whatever_sounds(
    config: TrainConfig, frames: torch.Tensor, labels: list[float], loudness: float
) -> None:
    learner = Learner(config, seed=1)
    terms = terms_of(learner, loudness * frames, [labels] * 4)
    rows = learner.separator.dictionary.relative_amplitudes
    gradients = torch.autograd.grad(
        imitation_loss(terms, 1.0), [*learner.separator.network_parameters(), rows], materialize_grads=True
    )
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert any(bool(gradient.any()) for gradient in gradients)


def test_loss_weighs_labels_alike_and_the_spectra_as_told(config: TrainConfig, frames: torch.Tensor) -> None:
    terms = terms_of(Learner(config, seed=1), frames, [[12.3, 7.2]] * 4)
    labels = terms.choice + terms.on + terms.pitch
    assert imitation_loss(terms, 0.0).item() == pytest.approx(labels.item())
    assert imitation_loss(terms, 7.0).item() == pytest.approx((labels + 7 * terms.spectra.total).item())


@pytest.mark.parametrize("labels", [[12.3, 7.2], [7.2, 12.3], [12.3, 0.0], [0.0, 7.2]])
def test_prediction_gives_the_labels_after_some_steps(
    config: TrainConfig, frames: torch.Tensor, labels: list[float]
) -> None:
    """Also which source plays what, and that one is silent: the frame alone does not tell."""
    # Few steps, so everything for the labels: sharp probabilities, and little of the method's own loss.
    settings = replace(config.imitation, inverse_temperature=1.0, spectra_weight=1.0)
    learner = Learner(replace(config, imitation=settings), seed=3)
    wanted = torch.tensor([labels] * 4)
    reports = [learner.imitate(frames, wanted) for _ in range(80)]
    assert all(report.finite for report in reports)
    assert reports[-1].losses["imitation"] < 0.3 * reports[0].losses["imitation"]
    with torch.no_grad():
        prediction = predict(learner.separator, frames[:1])
    on = prediction.on[0].tolist()
    assert on == [float(label > 0) for label in labels]
    for source, label in enumerate(labels):
        if label > 0:
            assert prediction.f0_bin[0, source].item() == pytest.approx(label, abs=0.5)


def test_report_names_the_terms(config: TrainConfig, frames: torch.Tensor) -> None:
    learner = Learner(config, seed=1)
    labels = [[12.3, 7.2]] * 4
    terms = terms_of(learner, frames, labels)
    losses = learner.imitate(frames, torch.tensor(labels)).losses
    assert set(losses) == {"total", "dictionary", "direct", "agreement", "imitation"}
    assert losses["imitation"] == pytest.approx((terms.choice + terms.on + terms.pitch).item(), rel=1e-5)
    assert losses["total"] == pytest.approx(terms.spectra.total.item(), rel=1e-5)


def test_imitation_changes_network_and_dictionary_by_one_step_size_at_most(
    config: TrainConfig, frames: torch.Tensor
) -> None:
    learner = Learner(config, seed=1)
    before = {key: value.clone() for key, value in learner.separator.named_parameters()}
    learner.imitate(frames, torch.tensor([[12.3, 7.2]] * 4))
    for key, value in learner.separator.named_parameters():
        step = config.optimiser.dictionary_step_size if key.startswith("dictionary") else config.optimiser.step_size
        assert (value - before[key]).abs().max().item() <= step * 1.01, key
    rows = learner.separator.dictionary.relative_amplitudes
    assert not torch.equal(rows, before["dictionary.relative_amplitudes"])


def test_policy_gradient_keeps_to_the_labels_by_the_weight_of_the_anchor(
    config: TrainConfig, frames: torch.Tensor
) -> None:
    """The gradient of a step with labels is that without, plus the anchor times that of the labels' terms."""
    anchored = replace(config, imitation=replace(config.imitation, anchor=50.0))
    labels = torch.tensor([[12.3, 7.2]] * 4)
    learners = [Learner(anchored, seed=1) for _ in range(2)]
    learners[0].step(frames)
    learners[1].step(frames, labels)
    fresh = Learner(anchored, seed=1)
    terms = terms_of(fresh, frames, labels.tolist())
    gradients = torch.autograd.grad(
        imitation_loss(terms, 0.0), fresh.separator.network_parameters(), materialize_grads=True
    )
    plain, with_labels = ([mean / (1 - 0.99) for mean in learner.network_optimiser.means] for learner in learners)
    for without, both, gradient in zip(plain, with_labels, gradients, strict=True):
        largest = both.abs().max().item() + without.abs().max().item()
        torch.testing.assert_close(both, without + 50 * gradient, rtol=1e-3, atol=1e-4 * largest)
    # What a policy gradient does to the dictionary has nothing to do with labels.
    rows = [learner.separator.dictionary.relative_amplitudes for learner in learners]
    assert torch.equal(rows[0], rows[1])


def test_anchor_holds_where_the_labels_are_likely_and_the_policy_gradient_takes_the_other_frames(
    config: TrainConfig, frames: torch.Tensor
) -> None:
    """Six frames, of which the network finds the labels of some likelier: the threshold lies between them."""
    labels = torch.tensor([[12.3, 7.2], [12.3, 0.0], [5.0, 6.0], [0.0, 7.2], [0.0, 0.0], [19.0, 7.2]])
    # The loudness says which frame is which, and hardly changes what the network finds.
    frames = frames[:1] * (1.0 + 1e-3 * torch.arange(6.0)[:, None])
    plain = Learner(config, seed=1)
    found = labelled_tones(plain.separator, as_channels(frames), labels)
    likely = torch.exp(-(found.choice + found.on)).detach()
    ranked = likely.sort().values
    threshold = (ranked[2] + ranked[3]).item() / 2
    assert ranked[2] < ranked[3]
    settings = replace(config.imitation, sure_share=threshold, drawn_per_frame=2)
    learner = Learner(replace(config, imitation=settings), seed=1)
    kept, anchor = learner._anchored(frames, labels)
    assert torch.equal(kept, frames[likely.argsort()[:3].sort().values])
    loss = ((found.choice + found.on + found.pitch) * (likely >= threshold)).sum() / 6
    expected = torch.autograd.grad(loss, plain.separator.network_parameters(), materialize_grads=True)
    for mine, reference in zip(anchor, expected, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-3, atol=1e-4 * float(reference.abs().max()) + 1e-9)


@pytest.mark.parametrize(("changes", "message"), [({"sure_share": 1.0}, "sure"), ({"drawn_per_frame": 0}, "drawn")])
def test_shares_of_the_anchor_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ImitationConfig(**changes)
