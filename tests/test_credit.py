"""Estimators of the policy gradient against enumeration: credit by tone, and candidates in place of samples."""

import itertools

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.learning.credit import expected_loss, tone_loss
from bsep_stream.train.learning.losses import policy_loss

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
