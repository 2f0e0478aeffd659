"""Candidates: choices whose sum stands in for samples."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.trainconfig import LossConfig, NetworkConfig, PolicyConfig, TrainConfig
from bsep_stream.train.learning.credit import probability_ratios
from bsep_stream.train.learning.expansion import expand
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.losses import importance_weights, rollout_losses
from bsep_stream.train.learning.rollouts import roll_out
from bsep_stream.train.learning.timbrereturn import timbre_losses
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import gamma_parameters, on_logit, sample_gamma_pathwise
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.moduli import lift, modulus

STANDARD_ERRORS = 5.0


def tiny(candidates: tuple[int, ...], **changes: object) -> TrainConfig:
    config = TrainConfig(
        preset="tiny",
        source_names=("one", "two"),
        geometry=FrameGeometry(n_fft=64, n_bins=32, hop_length=16, sigma_samples=8.0),
        n_harmonics=4,
        network=NetworkConfig(
            encoder_channels=(4, 6), strides=(4, 2), head_channels=4, initial_scales=(3.0, *(1.0,) * 8),
            input_gradient=False,
        ),
        policy=PolicyConfig(
            sampling="tree", candidates=candidates, inverse_temperatures=(1.0, 0.3), lowest_bin=2, highest_bin=4,
            on_offset=1.0, offset_bins=1.0, gamma_clip=2.0, lowest_width=0.8, highest_width=2.0, phase_floor=1e-3,
            gate_direct=True,
        ),
        frame_noise=0.0,
    )  # fmt: skip
    return replace(config, **changes)  # type: ignore[arg-type]


ALL = (8, 4)
"""Choices of the first pass, two sources with three pitches and an end each; of the second, what is left of them."""


def some_frames(n_frames: int) -> torch.Tensor:
    return 0.3 * torch.randn(n_frames, 2, 32, generator=torch.Generator().manual_seed(3))


def test_candidates_are_all_choices_where_there_is_room_for_all() -> None:
    separator = Separator(tiny(ALL), torch.Generator().manual_seed(2))
    frames = some_frames(2)
    rollouts = expand(separator, frames, torch.Generator().manual_seed(4))
    for log_probs in (rollouts.log_prob, rollouts.behaviour_log_prob):
        torch.testing.assert_close(log_probs.exp().sum(dim=1), torch.ones(2))
    # Probabilities of the first pass against the maps: pitches that are on, and ends with all pitches added.
    maps = separator.maps(FrameState.start(frames, (1, 1)))
    choice = torch.softmax(maps.logit[:, :, 2:5].flatten(1), dim=1).unflatten(1, (2, 3))
    sounding = torch.sigmoid(on_logit(maps.parameters[:, :, 5, 2:5], separator.config.policy))
    expected = torch.cat([(choice * sounding).flatten(1), (choice * (1 - sounding)).sum(dim=2)], dim=1)
    got = rollouts.log_prob_by_pass[0].exp()
    torch.testing.assert_close(got.sort(dim=1).values, expected.sort(dim=1).values)
    first = rollouts.tones[0]
    on = rollouts.on_by_pass[0].flatten() > 0
    assert sorted(set(zip(first.source.tolist(), on.tolist(), strict=True))) == [
        (0, False), (0, True), (1, False), (1, True),
    ]  # fmt: skip


def test_sum_over_candidates_is_what_samples_come_to() -> None:
    """Expected loss and gradient, against the mean over many frames of rollouts of the same frame."""
    config = tiny(ALL)
    # One temperature for all, so that what is drawn from is the policy that is summed over. No inharmonicity: of its
    # draws, one for every candidate, the sum makes an expectation of its own.
    still = replace(config.policy, inverse_temperatures=(1.0,), inharmonicity_rate=1e8, inharmonicity_floor=1e-12)
    exact = Separator(replace(config, policy=still), torch.Generator().manual_seed(2))
    sampled = Separator(replace(config, policy=replace(still, candidates=())), torch.Generator().manual_seed(2))
    frame = some_frames(1)

    def losses(separator: Separator, frames: torch.Tensor, draw: object) -> tuple[torch.Tensor, object]:
        rollouts = draw(separator, frames, torch.Generator().manual_seed(4))  # type: ignore[operator]
        rows = separator.dictionary.relative_amplitudes.detach()
        count = len(rollouts.on)
        on = rollouts.on.reshape(len(frames), -1, 2)
        spectra = rollouts.direct(), rollouts.dictionary(rows.expand(count, -1, -1))
        return rollout_losses(frames, *spectra, on, config.loss, gated=True).total, rollouts

    total, rollouts = losses(exact, frame, expand)
    expected = (rollouts.log_prob.exp() * total).sum().item()  # type: ignore[attr-defined]
    n = 4_000
    with torch.no_grad():
        drawn, _ = losses(sampled, frame.expand(n, -1, -1), roll_out)
    error = drawn.std().item() / n**0.5
    assert abs(drawn.mean().item() - expected) <= STANDARD_ERRORS * error


def test_what_a_policy_has_given_up_stays_among_its_candidates() -> None:
    """Best pitch of each source and an end, however unlikely: else a source that fell silent would never speak."""
    separator = Separator(tiny((3, 2)), torch.Generator().manual_seed(2))
    with torch.no_grad():
        separator.log_scales[0] = 8.0  # certain of everything
    rollouts = expand(separator, some_frames(6), torch.Generator().manual_seed(4))
    sources = rollouts.tones[0].source.reshape(6, 3)
    on = rollouts.on_by_pass[0]
    for row, switches in zip(sources.tolist(), on.tolist(), strict=True):
        pairs = set(zip(row, switches, strict=True))
        assert {(0, 1.0), (1, 1.0)} <= pairs
        assert any(switch == 0 for _, switch in pairs)
    for switches in rollouts.on_by_pass[1].reshape(-1, 2).tolist():
        assert sorted(switches) == [0.0, 1.0]


@pytest.mark.parametrize("candidates", [(3, 2), (4, 4)])
def test_one_backward_pass_gives_both_gradients_of_candidates(candidates: tuple[int, int]) -> None:
    """The network's by what is explored, the dictionary's by the policy: each against its own sum."""
    learner = Learner(tiny(candidates, loss=LossConfig(scale=7.0)), seed=1)
    frames = some_frames(3)
    state = learner.generator.get_state()
    got = learner.gradients(frames)
    learner.generator.set_state(state)
    rollouts = expand(learner.separator, frames, learner.generator)
    rows = learner.separator.dictionary.relative_amplitudes
    count = candidates[0] * candidates[1]
    on = rollouts.on.reshape(3, count, 2)
    spectra = rollouts.direct(), rollouts.dictionary(rows.expand(3 * count, -1, -1))
    total = rollout_losses(frames, *spectra, on, learner.config.loss, gated=True).total
    (by_rows,) = torch.autograd.grad(7 * (rollouts.log_prob.exp() * total).sum(), rows, retain_graph=True)
    torch.testing.assert_close(got.dictionary, by_rows, atol=1e-5, rtol=1e-4)
    behaviour = rollouts.behaviour_log_prob.exp()
    loss = (behaviour.detach() * total + 0.1 * behaviour * total.detach()).sum()
    by_network = torch.autograd.grad(7 * loss, learner.separator.network_parameters(), materialize_grads=True)
    for mine, reference in zip(got.network, by_network, strict=True):
        torch.testing.assert_close(mine, reference, atol=1e-5, rtol=1e-4)
    assert all(bool(gradient.isfinite().all()) for gradient in got.network)


def test_ratios_of_candidates_are_what_importance_weights_estimate() -> None:
    """Both are p / q; of samples only the ratios among them count."""
    log_prob, behaviour = torch.randn(2, 2, 5, generator=torch.Generator().manual_seed(1))
    ratios = probability_ratios(log_prob, behaviour)
    torch.testing.assert_close(ratios / ratios.sum(dim=1, keepdim=True), importance_weights(log_prob - behaviour))


def test_gradient_through_the_inharmonicity_is_that_of_its_mean() -> None:
    """E[b] = shape / rate: the mean of the gradients of many draws, within five standard errors."""
    policy = PolicyConfig(inharmonicity_floor=1e-30)
    outputs = torch.tensor([0.7, -0.2], requires_grad=True)
    n = 20_000
    shape, rate = gamma_parameters(outputs[0].expand(n), outputs[1].expand(n), policy)
    drawn = policy.inharmonicity_rate * sample_gamma_pathwise(shape, rate, policy, torch.Generator().manual_seed(6))
    (gradient,) = torch.autograd.grad(drawn.mean(), outputs)
    mean = (outputs[0] - outputs[1]).exp().item()  # also the derivative by either logarithm
    error = drawn.std().item() / n**0.5
    assert abs(gradient[1].item() + mean) <= STANDARD_ERRORS * error
    assert abs(gradient[0].item() - mean) <= STANDARD_ERRORS * 2 * error  # varies more, as it is through the draw


def test_candidates_need_a_policy_that_gates() -> None:
    with pytest.raises(ConfigError, match="need gate_direct"):
        PolicyConfig(candidates=(3,))
    with pytest.raises(ConfigError, match="a pass has 8 choices"):
        tiny((9, 2))
    with pytest.raises(ConfigError, match="timbre_weight needs timbre_updates"):
        tiny((3, 2), loss=LossConfig(timbre_weight=1.0))
    with pytest.raises(ConfigError, match="credit must be joint or tone"):
        LossConfig(credit="whole")


def test_timbre_is_asked_for_the_choices_alone() -> None:
    """Whatever it says moves probabilities and nothing else; in every rollout it sees each source's own tone."""
    config = tiny((3, 2), timbre_updates=2, loss=LossConfig(policy_weight=1.0, timbre_weight=50.0))
    learner = Learner(config, seed=1)
    frames = some_frames(2)
    rollouts = expand(learner.separator, frames, torch.Generator().manual_seed(4))
    got = timbre_losses(learner.separator, frames, rollouts)
    assert got.shape == (2, 6)
    assert not got.requires_grad
    # By hand, for one rollout of one frame.
    sources, on = rollouts.sources().reshape(2, 6, 2)[1, 4], rollouts.on.reshape(2, 6, 2)[1, 4]
    pitch = torch.stack([rollouts.tones[0].f0_bin.reshape(2, 3)[1, 2], rollouts.tones[1].f0_bin.reshape(2, 6)[1, 4]])
    width = torch.stack(
        [rollouts.tones[0].width_bins.reshape(2, 3)[1, 2], rollouts.tones[1].width_bins.reshape(2, 6)[1, 4]]
    )
    stretch = torch.stack(
        [rollouts.tones[0].inharmonicity.reshape(2, 3)[1, 2], rollouts.tones[1].inharmonicity.reshape(2, 6)[1, 4]]
    )
    order = sources.argsort()
    tones = (values[order][None, :, None].detach() for values in (pitch, stretch, width, on))
    heard = learner.separator.timbre.moduli(frames[1:], *tones).sum(dim=1)[0]
    delta = config.loss.delta
    expected = (lift(modulus(frames[1]), delta) - lift(heard, delta)).square().mean()
    torch.testing.assert_close(got[1, 4], expected)
    plain = Learner(replace(config, loss=LossConfig(policy_weight=1.0)), seed=1)
    with_timbre, without = learner.gradients(frames), plain.gradients(frames)
    torch.testing.assert_close(with_timbre.dictionary, without.dictionary)
    changed = [not torch.equal(a, b) for a, b in zip(with_timbre.network, without.network, strict=True)]
    assert any(changed)
