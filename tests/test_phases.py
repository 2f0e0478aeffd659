"""The phase solve equals a dense solve, for one tone and for several, and its gradients stay tame."""

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.tones.harmonics import DensePeaks, LocalPeaks, harmonic_bins, join_peaks
from bsep_stream.train.tones.phases import PlainSolver, solve_phases, unit_phases

N_BINS = 1_024
SIGMA = 1.3
RADIUS = 11
# Condition numbers here are below 100, so float32 leaves five digits.
TOLERANCE = 2e-5


def _case(f0_bins: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    f0_bin = torch.tensor(f0_bins, dtype=torch.float64)
    centres = harmonic_bins(f0_bin, torch.full_like(f0_bin, 1e-4), 25)
    generator = torch.Generator().manual_seed(5)
    return centres, torch.randn(len(f0_bins), 2, N_BINS, dtype=torch.float64, generator=generator)


def _dense_ridge(centres: torch.Tensor, spectra: torch.Tensor, ridge: float) -> torch.Tensor:
    """Least squares on the stacked system [P; sqrt(ridge)], by QR: no normal equations."""
    matrix = DensePeaks.at(centres, torch.full_like(centres, SIGMA), N_BINS).matrix
    # Peaks whose centre is no bin are no part of a local tone.
    matrix = matrix * (centres <= N_BINS - 1)[:, None, :]
    m = centres.shape[1]
    tall = torch.cat([matrix, ridge**0.5 * torch.eye(m, dtype=matrix.dtype).expand(len(matrix), m, m)], dim=1)
    right = torch.cat([spectra.transpose(1, 2), torch.zeros(len(matrix), m, 2, dtype=matrix.dtype)], dim=1)
    return torch.linalg.lstsq(tall, right).solution


# The library's; peak by peak; tone by tone for a condition number of up to 100.
SOLVERS = [None, PlainSolver(1, 0), PlainSolver.for_condition(25, 100.0)]


@pytest.mark.parametrize("plain", SOLVERS)
@pytest.mark.parametrize("ridge", [1e-3, 0.03])
def test_local_solve_equals_dense_least_squares(plain: PlainSolver | None, ridge: float) -> None:
    centres, spectra = _case([8.3, 21.7, 33.3])
    expected = _dense_ridge(centres, spectra, ridge)
    local = LocalPeaks.at(centres.float(), torch.full_like(centres, SIGMA).float(), N_BINS, RADIUS)
    got = solve_phases(local.gram(), local.project(spectra.float()), ridge, plain=plain)
    torch.testing.assert_close(got.double(), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("plain", SOLVERS)
def test_harmonics_beyond_the_frame_get_the_coefficient_zero(plain: PlainSolver | None) -> None:
    centres, spectra = _case([60.0])
    local = LocalPeaks.at(centres.float(), torch.full_like(centres, SIGMA).float(), N_BINS, RADIUS)
    got = solve_phases(local.gram(), local.project(spectra.float()), 1e-3, plain=plain)
    beyond = centres[0] > N_BINS - 1
    assert beyond.any()
    assert not got[0, beyond].any()
    assert (got[0, ~beyond].abs().amax(dim=1) > 0).all()


@pytest.mark.parametrize("solver", SOLVERS[1:])
def test_elimination_equals_the_library_solver_also_for_several_tones_jointly(solver: PlainSolver) -> None:
    centres, spectra = _case([20.3])
    width = torch.full_like(centres, SIGMA).float()
    tones = [LocalPeaks.at(scale * centres.float(), width, N_BINS, RADIUS) for scale in (1.0, 1.26, 1.5)]
    joint = join_peaks(tones[0], *tones[1:])
    gram, projections = joint.gram(), joint.project(spectra.float())
    assert gram.shape == (1, 75, 75)
    plain = solve_phases(gram, projections, 0.03, plain=solver)
    library = torch.linalg.solve(gram + 0.03 * torch.eye(75), projections)
    torch.testing.assert_close(plain, library, atol=TOLERANCE, rtol=1e-3)


@pytest.mark.parametrize("solver", [PlainSolver(1, 0), PlainSolver(4, 12)])  # blocks of 4, 4 and 1
def test_gradient_of_the_elimination_equals_that_of_the_library_solver(solver: PlainSolver) -> None:
    generator = torch.Generator().manual_seed(6)
    root = torch.randn(4, 9, 9, dtype=torch.float64, generator=generator)
    right = torch.randn(4, 9, 2, dtype=torch.float64, generator=generator)
    gradients = []
    for plain in (None, solver):
        inputs = [(root @ root.transpose(1, 2)).requires_grad_(), right.clone().requires_grad_()]
        solved = solve_phases(inputs[0], inputs[1], 0.5, plain=plain)
        gradients.append(torch.autograd.grad(solved.sin().sum(), inputs))
    for library, plain_gradient in zip(*gradients, strict=True):
        torch.testing.assert_close(plain_gradient, library)


@pytest.mark.parametrize("condition", [1.0, 9.0, 90.0, 900.0])
def test_blocks_are_exact_up_to_the_condition_that_they_are_made_for(condition: float) -> None:
    """The smallest eigenvalue belongs to a peak of its own, the worst case for the first error."""
    system = torch.eye(5, dtype=torch.float64)
    system[:4, :4] += (condition - 1) / 4
    right = torch.randn(1, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    solver = PlainSolver.for_condition(5, condition)
    assert solver.block == 5
    got = solver.solve(system[None], right)
    torch.testing.assert_close(got[0], torch.linalg.solve(system, right[0]), atol=1e-6, rtol=0)


def test_beyond_what_rounding_allows_peaks_are_eliminated_one_by_one() -> None:
    assert PlainSolver.for_condition(25, 1e5) == PlainSolver(1, 0)


def test_unit_phases_and_their_gradient() -> None:
    coefficients = torch.tensor([[3.0, -4.0], [1e-30, 1e-30], [0.0, 0.0]], dtype=torch.float64)
    root = 0.5**0.5
    torch.testing.assert_close(
        unit_phases(coefficients, 0.0), torch.tensor([[0.6, -0.8], [root, root], [1.0, 0.0]], dtype=torch.float64)
    )
    safe = torch.tensor([[3.0, -4.0], [0.2, 0.1]], dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([[0.3, 0.7], [-1.0, 2.0]], dtype=torch.float64)
    (got,) = torch.autograd.grad((weight * unit_phases(safe, 0.0)).sum(), safe)
    plain = safe / safe.norm(dim=-1, keepdim=True)
    (expected,) = torch.autograd.grad((weight * plain).sum(), safe)
    torch.testing.assert_close(got, expected)


def test_gradient_of_the_phase_of_nothing_is_bounded() -> None:
    floor = 1e-3
    nothing = torch.tensor([[0.0, 0.0], [1e-12, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(unit_phases(nothing, floor)[:, 1].sum(), nothing)
    assert gradient.isfinite().all()
    assert gradient.abs().max().item() == pytest.approx(1 / floor)
