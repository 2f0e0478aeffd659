"""Start, prior and optimiser of the dictionary."""

import math

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.train.learning.optimiser import AdaMax
from bsep_stream.train.tones.dictionary import HarmonicDictionary, scale_prior_gradient


def test_start_is_the_published_decay_of_every_source() -> None:
    rows = HarmonicDictionary(3, 25).relative_amplitudes
    assert rows.shape == (3, 25)
    for source in (1, 2, 3):
        for harmonic in range(1, 26):
            expected = max(1e-3, (0.5 / source) ** (harmonic - 1))
            assert rows[source - 1, harmonic - 1].item() == pytest.approx(expected, rel=1e-6)


def test_prior_pulls_the_largest_entry_of_every_row_to_one() -> None:
    rows = torch.tensor([[0.5, 0.1], [0.2, 2.0]])
    gradient = scale_prior_gradient(rows)
    # d/dD of mean_i ln(D)^2 = 2 ln(D) / D / n_sources, at the largest entries only.
    expected = torch.tensor([[2 * math.log(0.5) / 0.5 / 2, 0.0], [0.0, 2 * math.log(2.0) / 2.0 / 2]])
    torch.testing.assert_close(gradient, expected)
    assert not scale_prior_gradient(torch.tensor([[1.0, 0.3]])).any()


def _reference_adamax(start, gradients, step_size, betas, epsilon, shared):  # type: ignore[no-untyped-def]
    """AdaMax in plain Python, one row."""
    row, mean, top = list(start), [0.0] * len(start), [0.0] * len(start)
    for number, gradient in enumerate(gradients, start=1):
        sizes = [max(map(abs, gradient))] * len(row) if shared else list(map(abs, gradient))
        for k, g in enumerate(gradient):
            mean[k] = betas[0] * mean[k] + (1 - betas[0]) * g
            top[k] = max(betas[1] * top[k], sizes[k])
            row[k] -= step_size / (1 - betas[0] ** number) * mean[k] / (top[k] + epsilon)
    return row


@pytest.mark.parametrize("shared", [False, True])
def test_adamax_equals_a_ten_line_reference(shared: bool) -> None:
    generator = torch.Generator().manual_seed(8)
    start = torch.rand(2, 5, dtype=torch.float64, generator=generator)
    gradients = torch.randn(30, 2, 5, dtype=torch.float64, generator=generator)
    gradients[10:] *= 1e-3  # the maxima must decay
    betas, epsilon = (0.99, 0.999), 1e-2
    parameter = start.clone()
    optimiser = AdaMax([parameter], 1e-2, betas, epsilon, shared_rows=shared)
    for gradient in gradients:
        optimiser.step([gradient])
    for row in range(2):
        expected = _reference_adamax(start[row].tolist(), gradients[:, row].tolist(), 1e-2, betas, epsilon, shared)
        assert parameter[row].tolist() == pytest.approx(expected, rel=1e-9)


def test_shared_denominator_keeps_the_direction_over_the_harmonics() -> None:
    parameter = torch.zeros(1, 3)
    AdaMax([parameter], 1e-4, (0.99, 0.999), 0.0, shared_rows=True).step([torch.tensor([[4.0, -2.0, 1.0]])])
    torch.testing.assert_close(parameter, torch.tensor([[-1e-4, 0.5e-4, -0.25e-4]]))


def test_state_of_the_optimiser_reads_back_and_a_foreign_one_is_refused() -> None:
    first, second = (AdaMax([torch.ones(2, 3), torch.ones(4)], 1e-3, (0.9, 0.99), 1e-8) for _ in range(2))
    first.step([torch.ones(2, 3), torch.arange(4.0)])
    second.load_state_dict(first.state_dict())
    assert second.n_steps == 1
    assert torch.equal(second.means[1], first.means[1])
    other = AdaMax([torch.ones(2, 3)], 1e-3, (0.9, 0.99), 1e-8)
    with pytest.raises(RunError, match="does not fit"):
        other.load_state_dict(first.state_dict())
