"""Distances against their definition in complex numbers, and their gradients against differences."""

import cmath

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.config.trainconfig import LossConfig
from bsep_stream.train.learning.losses import absolute_distance, importance_weights, radial_distance, rollout_losses
from bsep_stream.train.tones.moduli import modulus
from bsep_stream.train.tones.spectra import as_channels, as_complex

DELTA = 1e-7


@pytest.fixture
def spectra() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    first, second = torch.randn(2, 3, 2, 11, dtype=torch.float64, generator=generator) * 1e-2
    return first, second


def _lift(value: complex) -> complex:
    return ((abs(value) + DELTA) ** 0.5 - DELTA**0.5) * cmath.exp(1j * cmath.phase(value))


def test_distances_are_those_of_the_definition(spectra: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = spectra
    for row in range(3):
        pairs = list(zip(as_complex(first)[row].tolist(), as_complex(second)[row].tolist(), strict=True))
        absolute = sum((abs(_lift(a)) - abs(_lift(b))) ** 2 for a, b in pairs) / len(pairs)
        radial = sum(abs(_lift(a) - _lift(b)) ** 2 for a, b in pairs) / len(pairs)
        assert absolute_distance(first, second, DELTA)[row].item() == pytest.approx(absolute, rel=1e-6)
        assert radial_distance(first, second, DELTA)[row].item() == pytest.approx(radial, rel=1e-6)


def test_gradients_of_the_distances(spectra: tuple[torch.Tensor, torch.Tensor]) -> None:
    first, second = (tensor.clone().requires_grad_() for tensor in spectra)
    delta = 1e-4  # differences of 1e-6 must resolve the lift
    assert torch.autograd.gradcheck(lambda a, b: radial_distance(a, b, delta), (first, second))
    assert torch.autograd.gradcheck(lambda a: radial_distance(a, second.detach()[:1], delta), (first,))
    assert torch.autograd.gradcheck(lambda a, b: radial_distance(a[:1], b, delta), (first, second))
    assert torch.autograd.gradcheck(lambda b: absolute_distance(first.detach()[:1], b, delta), (second,))


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-10, 1e8])
def test_values_and_gradients_are_finite_in_silence_and_in_noise(size: float) -> None:
    first = torch.full((1, 2, 4), size, requires_grad=True)
    second = torch.full((1, 2, 4), -size, requires_grad=True)
    total = radial_distance(first, second, DELTA) + absolute_distance(first, second, DELTA)
    assert total.isfinite().all()
    for gradient in torch.autograd.grad(total.sum(), [first, second]):
        assert gradient.isfinite().all()


def test_modulus_is_that_of_the_complex_spectrum() -> None:
    assert modulus(as_channels(torch.tensor([3.0 - 4.0j])[None])).item() == pytest.approx(5.0)


def _tones(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    frames = torch.randn(2, 2, 8, generator=generator)
    direct, dictionary = torch.randn(2, 2, 3, 2, 2, 8, generator=generator)
    return frames, direct, dictionary


def test_loss_of_a_rollout_is_the_weighted_sum_of_the_definition() -> None:
    frames, direct, dictionary = _tones(torch.Generator().manual_seed(2))
    on = torch.ones(2, 3, 2)
    on[1, 2] = torch.tensor([0.0, 1.0])
    terms = rollout_losses(frames, direct, dictionary, on, LossConfig())
    frame, tone = frames[1], (direct[1, 2], dictionary[1, 2])
    # Only the second tone is on: one factor 0.9, and the first is missing in the dictionary term alone.
    expected = (
        10 * 0.9 * absolute_distance(frame, tone[1][1], DELTA)
        + 10 * radial_distance(frame, tone[0].sum(dim=0), DELTA)
        + (radial_distance(tone[0][0], tone[1][0], DELTA) + radial_distance(tone[0][1], tone[1][1], DELTA)) / 2
    )
    torch.testing.assert_close(terms.total[1, 2], expected)
    torch.testing.assert_close(terms.total, terms.dictionary + terms.direct + terms.agreement)


def test_what_is_off_can_make_all_terms_cheaper() -> None:
    frames, direct, dictionary = _tones(torch.Generator().manual_seed(2))
    on = torch.tensor([0.0, 1.0]).expand(2, 3, 2)
    published = rollout_losses(frames, direct, dictionary, on, LossConfig(off_discount=0.5))
    all_terms = rollout_losses(frames, direct, dictionary, on, LossConfig(off_discount=0.5, discount_all=True))
    torch.testing.assert_close(all_terms.dictionary, published.dictionary)
    torch.testing.assert_close(all_terms.direct, 0.5 * published.direct)
    torch.testing.assert_close(all_terms.agreement, 0.5 * published.agreement)


def test_a_perfect_explanation_costs_nothing() -> None:
    _, direct, _ = _tones(torch.Generator().manual_seed(3))
    direct = direct[:, :1]
    frames = direct[:, 0].sum(dim=1)
    terms = rollout_losses(frames, direct, direct.clone(), torch.ones(2, 1, 2), LossConfig())
    torch.testing.assert_close(terms.total, torch.zeros(2, 1), atol=1e-9, rtol=0)


def test_importance_weights_are_a_softmax_per_frame_without_gradient() -> None:
    log_ratio = torch.tensor([[0.0, 2.0], [500.0, 500.0]], requires_grad=True)
    weights = importance_weights(log_ratio)
    assert not weights.requires_grad
    torch.testing.assert_close(weights, torch.tensor([[0.1192029, 0.8807971], [0.5, 0.5]]))
