"""The policy against enumeration: gradient, tree of rollouts, densities."""

import itertools
import math
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.trainconfig import NetworkConfig, PolicyConfig, TrainConfig
from bsep_stream.train.learning.losses import policy_loss
from bsep_stream.train.learning.rollouts import roll_out, sampling_plan
from bsep_stream.train.network.policy import (
    choice_logits,
    gamma_log_prob,
    gamma_mode,
    gamma_parameters,
    join_choice,
    on_log_prob,
    sample_choice,
    sample_gamma,
    split_choice,
    tempered_log_probs,
)
from bsep_stream.train.network.separator import Separator

# Five standard errors of a mean over the draws of a seeded generator.
STANDARD_ERRORS = 5.0


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(11)


def test_policy_gradient_equals_the_enumerated_gradient(generator: torch.Generator) -> None:
    """One categorical choice of four, three rollouts at one temperature, loss known for every choice.

    All 4 ** 3 outcomes are enumerated with their probabilities, so the expectation of the estimator is exact. The
    mean over the rollouts as baseline contains the rollout itself, which shrinks the gradient by (n - 1) / n.
    """
    n_rollouts = 3
    logits = torch.randn(4, dtype=torch.float64, generator=generator).requires_grad_()
    loss_of_choice = torch.tensor([0.3, 1.0, -0.7, 2.0], dtype=torch.float64)
    expected_loss = (torch.softmax(logits, 0) * loss_of_choice).sum()
    (exact,) = torch.autograd.grad(expected_loss, logits)
    estimate = torch.zeros(4, dtype=torch.float64)
    for outcome in itertools.product(range(4), repeat=n_rollouts):
        log_prob = torch.log_softmax(logits, 0)[list(outcome)]
        total = loss_of_choice[list(outcome)]
        surrogate = policy_loss(total[None], log_prob[None], weight=1.0)
        (gradient,) = torch.autograd.grad(surrogate, logits)
        estimate += log_prob.sum().exp().detach() * gradient
    torch.testing.assert_close(estimate, exact * (n_rollouts - 1) / n_rollouts)


def test_score_function_leaves_the_pathwise_gradient_alone() -> None:
    amplitude = torch.tensor([[1.0, 2.0]], requires_grad=True)
    log_prob = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    by_amplitude, by_log_prob = torch.autograd.grad(
        policy_loss(amplitude**2, log_prob, weight=0.1), [amplitude, log_prob]
    )
    assert by_amplitude.tolist() == [[1.0, 2.0]]  # mean over two rollouts of 2 a
    torch.testing.assert_close(by_log_prob, torch.tensor([[0.1 * (1 - 2.5) / 2, 0.1 * (4 - 2.5) / 2]]))


def test_choices_are_drawn_as_often_as_they_are_likely(generator: torch.Generator) -> None:
    n = 200_000
    log_probs = torch.log_softmax(torch.tensor([0.5, -torch.inf, 2.0, -1.0]), 0)
    counts = torch.bincount(sample_choice(log_probs.expand(n, 4), generator), minlength=4)
    assert counts[1] == 0
    for count, probability in zip(counts.tolist(), log_probs.exp().tolist(), strict=True):
        assert abs(count / n - probability) <= STANDARD_ERRORS * math.sqrt(probability * (1 - probability) / n)


def test_used_sources_and_bins_out_of_range_are_never_chosen(generator: torch.Generator) -> None:
    policy = PolicyConfig(lowest_bin=3, highest_bin=6)
    used = torch.tensor([[True, False]]).expand(500, 2)
    logits = choice_logits(torch.zeros(500, 2, 10), used, policy)
    log_probs = tempered_log_probs(logits, torch.tensor([[0.01]]).expand(500, 1))
    source, bin_index = split_choice(sample_choice(log_probs, generator), 10, policy)
    assert set(source.flatten().tolist()) == {1}
    assert set(bin_index.flatten().tolist()) == {3, 4, 5, 6}
    assert torch.equal(split_choice(join_choice(source, bin_index, 10, policy), 10, policy)[1], bin_index)


def test_inverse_temperatures_are_exponents_on_the_probabilities(generator: torch.Generator) -> None:
    logits = torch.randn(1, 6, generator=generator)
    tempered = tempered_log_probs(logits, torch.tensor([[1.0, 0.1]])).exp()[0]
    powered = torch.softmax(logits[0], 0) ** 0.1
    torch.testing.assert_close(tempered[0], torch.softmax(logits[0], 0))
    torch.testing.assert_close(tempered[1], powered / powered.sum())


def test_choices_are_a_categorical_over_what_is_left(generator: torch.Generator) -> None:
    logit = torch.randn(3, 2, 5, generator=generator)
    used = torch.tensor([[False, False], [True, False], [False, True]])
    source, bin_index = torch.tensor([1, 1, 0]), torch.tensor([4, 0, 2])
    policy = PolicyConfig()
    log_probs = torch.log_softmax(choice_logits(logit, used, policy), dim=-1)
    got = log_probs.gather(1, join_choice(source, bin_index, 5, policy)[:, None])[:, 0]
    both = torch.log_softmax(logit[0].flatten(), 0)[5 + 4]
    second = torch.log_softmax(logit[1, 1], 0)[0]
    first = torch.log_softmax(logit[2, 0], 0)[2]
    torch.testing.assert_close(got, torch.stack([both, second, first]))


def test_densities_equal_those_of_the_library(generator: torch.Generator) -> None:
    shape, rate = torch.tensor([0.5, 3.0]), torch.tensor([1_000.0, 2e4])
    value = torch.tensor([1e-3, 2e-4])
    library = torch.distributions.Gamma(shape, rate).log_prob(value)
    torch.testing.assert_close(gamma_log_prob(value, shape, rate), library)
    logit, on = torch.tensor([0.3, -2.0, 600.0]), torch.tensor([1.0, 0.0, 0.0])
    expected = torch.distributions.Bernoulli(logits=logit.double()).log_prob(on.double()).float()
    torch.testing.assert_close(on_log_prob(logit, on), expected)
    assert gamma_mode(shape, rate).tolist() == pytest.approx([0.0, 1e-4])


def test_gamma_stays_finite_whatever_the_network_says(generator: torch.Generator) -> None:
    policy = PolicyConfig(gamma_clip=4.0, inharmonicity_floor=1e-8)
    outputs = torch.tensor([-1e9, -4.0, 0.0, 4.0, 1e9])
    shape, rate = gamma_parameters(*torch.meshgrid(outputs, outputs, indexing="ij"), policy)
    value = sample_gamma(shape, rate, policy, generator)
    assert gamma_log_prob(value, shape, rate).isfinite().all()
    assert value.min() >= 1e-8


@pytest.mark.parametrize("sampling", ["crossed", "tree"])
def test_every_rollout_has_its_own_combination_of_temperatures(sampling: str) -> None:
    policy = PolicyConfig(sampling=sampling)
    plan = sampling_plan(policy, 3)
    combinations = torch.zeros(27, 3)
    for tone, temperatures in enumerate(plan):
        n_nodes, n_children = temperatures.shape
        assert n_nodes == (1 if tone == 0 else math.prod(p.shape[1] for p in plan[:tone]))
        combinations[:, tone] = temperatures.flatten().repeat_interleave(27 // (n_nodes * n_children))
    expected = list(itertools.product(torch.tensor(policy.inverse_temperatures).tolist(), repeat=3))
    assert [tuple(row) for row in combinations.tolist()] == expected
    # Passes of the network a frame: 55 as published, 13 for the tree.
    assert sum(len(temperatures) for temperatures in plan) == (55 if sampling == "crossed" else 13)


def _tiny(sampling: str) -> TrainConfig:
    return TrainConfig(
        preset="tiny",
        source_names=("one", "two"),
        geometry=FrameGeometry(n_fft=64, n_bins=32, hop_length=16, sigma_samples=8.0),
        n_harmonics=4,
        network=NetworkConfig(
            encoder_channels=(4, 6), strides=(4, 2), head_channels=4, initial_scales=(3.0, *(1.0,) * 8),
            input_gradient=False,
        ),
        policy=PolicyConfig(sampling=sampling, lowest_bin=2, highest_bin=4, on_offset=2.0, gamma_clip=2.0),
        frame_noise=0.0,
    )  # fmt: skip


@pytest.mark.parametrize("sampling", ["crossed", "tree"])
def test_rollouts_occur_as_often_as_their_log_prob_says(sampling: str) -> None:
    """Counted over many copies of one frame: order of the sources, on/off and all; the inharmonicity is left out.

    For the first rollout (inverse temperature 1 for both tones) the first tone's probability follows from the maps,
    and the mean of 1 / q over the rollouts that chose a given outcome recovers 1 for every outcome.
    """
    config = _tiny(sampling)
    separator = Separator(config, torch.Generator().manual_seed(2))
    n = 3_000
    frame = torch.randn(1, 2, 32, generator=torch.Generator().manual_seed(3)).expand(n, -1, -1)
    with torch.no_grad():
        rollouts = roll_out(separator, frame, torch.Generator().manual_seed(4))
    sources = rollouts.sources().reshape(n, 9, 2)
    # Every source once.
    assert torch.equal(sources.sum(dim=2), torch.ones(n, 9, dtype=torch.int64))
    # Both tones at temperature 1: nothing to correct, so the two log-probabilities agree.
    torch.testing.assert_close(rollouts.log_prob[:, 0], rollouts.behaviour_log_prob[:, 0], atol=1e-4, rtol=1e-4)
    # Importance weights p / q have mean 1 under q for every combination of temperatures.
    ratio = (rollouts.log_prob - rollouts.behaviour_log_prob).exp()
    error = ratio.std(dim=0) / n**0.5
    assert ((ratio.mean(dim=0) - 1).abs() <= STANDARD_ERRORS * error + 1e-4).all()
    # The first choice, counted, against the softmax of the logit map.
    from bsep_stream.train.network.frame_state import FrameState

    with torch.no_grad():
        maps = separator.maps(FrameState.start(frame[:1], (1, 1)))
    logits = choice_logits(maps.logit, torch.zeros(1, 2, dtype=torch.bool), config.policy)[0]
    for rollout, temperature in ((0, 1.0), (4, 0.1), (8, 0.01)):
        probability = torch.softmax(temperature * logits, 0).reshape(2, -1).sum(dim=1)[0].item()
        share = (sources[:, rollout, 0] == 0).float().mean().item()
        assert abs(share - probability) <= STANDARD_ERRORS * math.sqrt(probability * (1 - probability) / n) + 1e-4


def test_tree_shares_first_tones_and_crossed_does_not() -> None:
    frame = torch.randn(2, 2, 32, generator=torch.Generator().manual_seed(3))
    spreads = {}
    for sampling in ("tree", "crossed"):
        separator = Separator(_tiny(sampling))
        rollouts = roll_out(separator, frame, torch.Generator().manual_seed(4))
        spreads[sampling] = rollouts.spreads
        f0_bin = rollouts.tones[0].f0_bin
        assert len(f0_bin) == (6 if sampling == "tree" else 18)
    assert spreads == {"tree": [3, 1], "crossed": [1, 1]}


def test_one_source_needs_one_pass() -> None:
    config = replace(_tiny("tree"), source_names=("one",))
    rollouts = roll_out(Separator(config), torch.randn(2, 2, 32), torch.Generator().manual_seed(4))
    assert rollouts.log_prob.shape == (2, 3)
