"""Estimators of the policy gradient against enumeration: credit by tone, and candidates in place of samples."""

import itertools
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.trainconfig import LossConfig, NetworkConfig, PolicyConfig, TrainConfig
from bsep_stream.train.learning.credit import expected_loss, probability_ratios, tone_loss
from bsep_stream.train.learning.expansion import expand
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.losses import importance_weights, policy_loss, rollout_losses
from bsep_stream.train.learning.rollouts import roll_out
from bsep_stream.train.learning.timbrereturn import timbre_losses
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import gamma_parameters, on_logit, sample_gamma_pathwise
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.moduli import lift, modulus

STANDARD_ERRORS = 5.0
FIRST, SECOND = 3, 2
"""Choices of the two passes of the toy."""


@pytest.fixture
def toy() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits of the first choice and of the second after each first, and the loss of every pair."""
    generator = torch.Generator().manual_seed(5)
    first = torch.randn(FIRST, dtype=torch.float64, generator=generator).requires_grad_()
    second = torch.randn(FIRST, SECOND, dtype=torch.float64, generator=generator).requires_grad_()
    loss = torch.randn(FIRST, SECOND, dtype=torch.float64, generator=generator)
    return first, second, loss


def tempered(logits: torch.Tensor, inverse_temperature: float) -> torch.Tensor:
    return torch.log_softmax(inverse_temperature * logits, dim=-1)


def exact_gradient(
    toy: tuple[torch.Tensor, ...], temperatures: tuple[float, ...], entropy: float
) -> tuple[torch.Tensor, ...]:
    """Of the expected loss less the entropies, mean over all combinations of temperatures, by its definition."""
    first, second, loss = toy
    expected = 0.0
    for one, other in itertools.product(temperatures, repeat=2):
        log_prob = tempered(first, one)[:, None] + tempered(second, other)
        expected = expected + (log_prob.exp() * (loss + entropy * log_prob)).sum()
    return torch.autograd.grad(expected / len(temperatures) ** 2, [first, second])


@pytest.mark.parametrize("entropy", [0.0, 0.3])
@pytest.mark.parametrize("temperatures", [(1.0, 1.0), (1.0, 0.4)])
def test_credit_by_tone_gives_the_enumerated_gradient(
    toy: tuple[torch.Tensor, ...], temperatures: tuple[float, float], entropy: float
) -> None:
    """A tree of two first tones, each with two second ones: all 3^2 * 2^4 outcomes with their probabilities.

    Not shrunk by (n - 1) / n, as the published baseline is, and not changed by comparing different temperatures.
    """
    first, second, loss = toy
    estimate = [torch.zeros_like(first), torch.zeros_like(second)]
    for ones in itertools.product(range(FIRST), repeat=2):
        for others in itertools.product(range(SECOND), repeat=4):
            parents = [ones[0], ones[0], ones[1], ones[1]]
            log_first = torch.stack([tempered(first, t)[c] for t, c in zip(temperatures, ones, strict=True)])
            chosen = zip(temperatures * 2, parents, others, strict=True)
            log_second = torch.stack([tempered(second[parent], t)[c] for t, parent, c in chosen])
            total = torch.stack([loss[parent, c] for parent, c in zip(parents, others, strict=True)])
            surrogate = tone_loss(total[None], [log_first[None], log_second[None]], 1.0, entropy)
            probability = (log_first.sum() + log_second.sum()).exp().detach()
            for sum_, gradient in zip(estimate, torch.autograd.grad(surrogate, [first, second]), strict=True):
                sum_ += probability * gradient
    for got, expected in zip(estimate, exact_gradient(toy, temperatures, entropy), strict=True):
        torch.testing.assert_close(got, expected)


def test_an_only_child_is_compared_with_its_cousins(toy: tuple[torch.Tensor, ...]) -> None:
    """As the crossed plan has it: a later tone of every rollout. Enumerated over both rollouts."""
    first, second, loss = toy
    estimate = [torch.zeros_like(first), torch.zeros_like(second)]
    for ones in itertools.product(range(FIRST), repeat=2):
        for others in itertools.product(range(SECOND), repeat=2):
            log_first = tempered(first, 1.0)[list(ones)]
            log_second = tempered(second, 1.0)[list(ones), list(others)]
            surrogate = tone_loss(loss[list(ones), list(others)][None], [log_first[None], log_second[None]], 1.0)
            probability = (log_first.sum() + log_second.sum()).exp().detach()
            for sum_, gradient in zip(estimate, torch.autograd.grad(surrogate, [first, second]), strict=True):
                sum_ += probability * gradient
    for got, expected in zip(estimate, exact_gradient(toy, (1.0,), 0.0), strict=True):
        torch.testing.assert_close(got, expected)


def test_credit_by_tone_varies_less_than_the_published_one(toy: tuple[torch.Tensor, ...]) -> None:
    """Where most of the loss is the first tone's doing, over many draws of one tree."""
    first, second, loss = toy
    loss = loss + torch.tensor([0.0, 20.0, 40.0])[:, None]
    generator = torch.Generator().manual_seed(1)
    gradients: dict[str, list[torch.Tensor]] = {"joint": [], "tone": []}
    for _ in range(300):
        ones = torch.multinomial(tempered(first, 1.0).exp().detach(), 2, replacement=True, generator=generator)
        parents = ones.repeat_interleave(2)
        others = torch.multinomial(tempered(second, 1.0).exp().detach()[parents], 1, generator=generator)[:, 0]
        total = loss[parents, others][None]
        by_pass = [tempered(first, 1.0)[ones][None], tempered(second, 1.0)[parents, others][None]]
        joint = by_pass[0].repeat_interleave(2, dim=1) + by_pass[1]
        for name, surrogate in (("joint", policy_loss(total, joint, 1.0)), ("tone", tone_loss(total, by_pass, 1.0))):
            gradients[name].append(torch.autograd.grad(surrogate, second, retain_graph=True)[0].flatten())
    spread = {name: torch.stack(values).var(dim=0).sum().item() for name, values in gradients.items()}
    assert spread["tone"] < 0.5 * spread["joint"]


@pytest.mark.parametrize("entropy", [0.0, 0.3])
def test_sum_over_all_choices_gives_the_enumerated_gradient(toy: tuple[torch.Tensor, ...], entropy: float) -> None:
    first, second, loss = toy
    log_prob = (tempered(first, 1.0)[:, None] + tempered(second, 1.0)).flatten()[None]
    got = torch.autograd.grad(expected_loss(loss.flatten()[None], log_prob, 1.0, entropy), [first, second])
    for mine, expected in zip(got, exact_gradient(toy, (1.0,), entropy), strict=True):
        torch.testing.assert_close(mine, expected)


def test_sum_leaves_the_pathwise_gradient_alone_and_weighs_that_of_the_policy() -> None:
    amplitude = torch.tensor([[1.0, 2.0]], requires_grad=True)
    log_prob = torch.tensor([[0.25, 0.75]]).log().requires_grad_()
    by_amplitude, by_log_prob = torch.autograd.grad(
        expected_loss(amplitude**2, log_prob, weight=0.1), [amplitude, log_prob]
    )
    torch.testing.assert_close(by_amplitude, torch.tensor([[0.5, 3.0]]))  # p times 2 a
    mean = 0.25 * 1 + 0.75 * 4
    torch.testing.assert_close(by_log_prob, torch.tensor([[0.1 * 0.25 * (1 - mean), 0.1 * 0.75 * (4 - mean)]]))


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
