"""The parts of the search against truth: known peaks, grids, enumeration, synthetic instruments."""

from __future__ import annotations

import itertools

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.search.bodies import SourceFilter, harmonic_semitones
from bsep_stream.train.search.candidates import match_harmonics
from bsep_stream.train.search.decoding import tone_moduli
from bsep_stream.train.search.envelopes import ToneObservations, plain_envelope, tone_templates
from bsep_stream.train.search.pairs import fit_pairs
from bsep_stream.train.search.peaks import SpectralPeaks, pick_peaks
from bsep_stream.train.search.registers import register_costs
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.tails import around_path, until_next, without_tails
from bsep_stream.train.search.tracking import best_path

PARABOLA = 1e-3  # the logarithm of a Gaussian peak is a parabola: only float32 rounding is left
GRID = 2e-3  # loss between the points of the grid, and after the few updates of the amplitudes
EXACT = 1e-5  # sums of a few float32 numbers
EXTRAPOLATION = 0.1  # shrinkage of a band of 30 frames, seen in 200
N_BINS = 600
WIDTH_BINS = 1.3


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def _spectra(partials: list[tuple[float, float]]) -> torch.Tensor:
    bins = torch.arange(float(N_BINS))
    peaks = [a * torch.exp(-0.5 * ((bins - f) / WIDTH_BINS) ** 2) for f, a in partials if f < N_BINS]
    return torch.stack(peaks).amax(dim=0)


def test_a_peak_is_found_where_and_as_high_as_it_is() -> None:
    peaks = pick_peaks(_spectra([(50.3, 0.7), (120.75, 0.2)])[None])
    assert torch.allclose(peaks.bins[0, :2], torch.tensor([50.3, 120.75]), atol=PARABOLA)
    assert torch.allclose(peaks.moduli[0, :2], torch.tensor([0.7, 0.2]), atol=PARABOLA)
    assert (peaks.moduli[0, 2:] == 0).all()


def test_harmonics_meet_their_own_peaks_and_no_others() -> None:
    bins = torch.tensor([[50.0, 75.0, 100.2, 150.0]])
    index, in_range = match_harmonics(SpectralPeaks(bins, torch.ones_like(bins)), torch.tensor([[50.0]]), N_BINS)
    assert index[0, 0, :4].tolist() == [0, 2, 3, 4]  # 4: no peak near harmonic 4
    assert in_range[0, 0].sum() == 11  # 50 * 12 lies on the last bins


def test_pair_fit_is_the_best_of_a_grid(generator: torch.Generator) -> None:
    first, second = (torch.rand(1, 2, 6, generator=generator) for _ in range(2))
    first, second = (tone / tone.sum(dim=2, keepdim=True) for tone in (first, second))
    moduli = 0.6 * first[:, 0] + 0.3 * second[:, 1] + 0.05 * torch.rand(1, 6, generator=generator)
    fit = fit_pairs(moduli, torch.ones(1), torch.ones(1, 2, dtype=torch.bool), first, second, torch.zeros(1, 6))
    a = torch.linspace(0, 1.5, 301)
    spectra = a[:, None, None] * first[0, 0] + a[None, :, None] * second[0, 1]
    best = (moduli.sqrt() - spectra.sqrt()).square().sum(dim=2).min()
    assert abs(fit.loss[0, 1, 2] - best) < GRID


def test_best_path_is_the_best_of_all_paths(generator: torch.Generator) -> None:
    losses = torch.rand(4, 3, 3, generator=generator)
    moves = torch.rand(3, 3, 3, generator=generator)
    states = list(itertools.product(range(3), repeat=2))

    def cost(path: tuple[tuple[int, int], ...]) -> float:
        total = sum(float(losses[t, i, j]) for t, (i, j) in enumerate(path))
        for t, ((i, j), (k, m)) in enumerate(itertools.pairwise(path)):
            total += float(moves[t, i, k] + moves[t, j, m])
        return total

    best = min(itertools.product(states, repeat=4), key=cost)
    path, total = best_path(losses, moves)
    assert [tuple(row) for row in path.tolist()] == list(best)
    assert abs(total - cost(best)) < EXACT


def _observations(pitch: torch.Tensor) -> ToneObservations:
    return ToneObservations(pitch, torch.ones(len(pitch), 20), torch.ones(len(pitch), 20))


def test_registers_far_apart_cost_nothing_and_shared_ones_the_same_for_both() -> None:
    low, high = torch.tensor([18.0, 22.0] * 20), torch.tensor([58.0, 62.0] * 20)
    apart = register_costs([_observations(low), _observations(high)], 1.0)
    for cheap, dear in ((apart[0][20], apart[1][20]), (apart[1][60], apart[0][60])):
        assert cheap < EXACT
        assert dear > 10
    shared = register_costs([_observations(low), _observations(low)], 1.0)
    assert torch.allclose(torch.stack(shared), torch.tensor(2.0).log(), atol=EXACT)


def test_body_learned_at_low_pitches_holds_at_high_ones(generator: torch.Generator) -> None:
    def truth(pitch: torch.Tensor) -> torch.Tensor:
        position = pitch[:, None] + harmonic_semitones()
        root = 0.8 ** torch.arange(20.0) * (1 + 2 * torch.exp(-0.5 * ((position - 50) / 6) ** 2))
        return root / root.square().sum(dim=1, keepdim=True).sqrt()

    low = 12 + 20 * torch.rand(400, generator=generator)
    unseen = torch.tensor([42.0])
    model = SourceFilter(low, truth(low), torch.ones(400, 20), shrinkage=30.0, rounds=6).roots(unseen)
    mean = truth(low).mean(dim=0, keepdim=True)
    assert (model - truth(unseen)).abs().max() < EXTRAPOLATION
    assert (mean - truth(unseen)).abs().max() > 2 * EXTRAPOLATION  # what an envelope without a body would say


def _duet() -> tuple[torch.Tensor, torch.Tensor]:
    """Moduli and true f0 of a dull and a bright instrument whose lines cross, with vibrato."""
    lines = [[30.0, 32.0, 36.0, 40.0, 43.0, 41.0, 36.0, 32.0], [41.0, 40.0, 34.0, 33.0, 31.0, 34.0, 39.0, 42.0]]
    envelopes = [[1.0, 0.1, 0.3, 0.02, 0.1, 0.01], [0.6, 1.0, 0.7, 0.6, 0.4, 0.3, 0.2, 0.15]]
    spectra, pitches = [], []
    for frame in range(160):
        f0 = [12 * 2 ** ((line[frame // 20] - 12) / 12) for line in lines]
        f0[1] *= 2 ** (0.2 / 12 * torch.sin(torch.tensor(frame * 0.7)).item())
        tones = [[(f * (h + 1), a) for h, a in enumerate(row)] for f, row in zip(f0, envelopes, strict=True)]
        spectra.append(torch.stack([_spectra(tone) for tone in tones]).sum(dim=0))
        pitches.append(f0)
    return torch.stack(spectra), torch.tensor(pitches).T


def test_crossing_lines_stay_with_their_instruments() -> None:
    moduli, truth = _duet()
    found = SessionSearch(moduli, 2, 10.0, 200.0, torch.zeros(160, dtype=torch.bool)).explain()
    assert [e.cost for e in found] == sorted(e.cost for e in found)
    near = [(found[0].f0_bin[list(order)] / truth).log2().abs() * 12 < 0.5 for order in ((0, 1), (1, 0))]
    assert max(float(entry.float().mean()) for entry in near) > 0.9


@pytest.mark.parametrize("n_sources", [1, 2, 3])
@pytest.mark.parametrize("n_frames", [1, 47])
def test_short_and_silent_sessions_are_explained(n_sources: int, n_frames: int) -> None:
    moduli, _ = _duet()
    for session in (moduli[:n_frames], torch.zeros(n_frames, N_BINS)):
        found = SessionSearch(session, n_sources, 10.0, 200.0, torch.zeros(n_frames, dtype=torch.bool)).explain()
        assert found[0].f0_bin.shape == found[0].amplitude.shape == (n_sources, n_frames)
        assert all(torch.isfinite(torch.tensor(e.cost)) and torch.isfinite(e.envelope).all() for e in found)
        if session.max() == 0:
            assert (found[0].f0_bin == 0).all()


@pytest.mark.parametrize("n_sources", [2, 3])
def test_cost_counts_every_source_whichever_pair_was_decoded_last(n_sources: int) -> None:
    """Starts are compared by it, so a third source must not play for nothing."""
    moduli = _spectra([(30.0 * h, 0.8**h) for h in range(1, 8)] + [(41.7 * h, 0.6**h) for h in range(1, 6)])
    moduli = (moduli + _spectra([(67.3 * h, 0.5**h) for h in range(1, 4)])).repeat(6, 1)
    search = SessionSearch(moduli, n_sources, 10.0, 200.0, torch.zeros(6, dtype=torch.bool))
    envelopes = [plain_envelope(decay) for decay in (0.8, 0.6, 0.5)[:n_sources]]
    state, cost = search.hearing.decode(envelopes, None, lambda: None)
    assert int((state.choice > 0).sum()) >= 6 * n_sources - 3
    evidence = search.hearing.fresh
    spectrum = torch.zeros_like(evidence.peaks.moduli)
    expected = torch.zeros(6)
    tone_cost = search.hearing.tone_costs(None)[0][0, 0]
    for source, rows in enumerate(envelopes):
        template = tone_templates(rows, evidence.pitches, evidence.candidates, spectrum.shape[1])
        choice, amplitude = state.choice[:, source], state.amplitude[:, source]
        spectrum += tone_moduli(template, choice, amplitude)
        expected += torch.where(choice > 0, amplitude / evidence.level + tone_cost, 0.0)
        expected[1:] += evidence.transitions[torch.arange(5), choice[:-1], choice[1:]]
    overlap = (spectrum.sqrt() * evidence.peaks.moduli.sqrt()).sum(dim=1)
    expected += (evidence.peaks.moduli.sum(dim=1) - 2 * overlap) / evidence.level
    assert cost == pytest.approx(float(expected.mean()), abs=1e-4)


def test_what_rings_weighs_less_than_what_sounds_and_a_cut_forgets_it() -> None:
    heights = torch.tensor([1.0, 1.0, 0.5, 0.25])
    moduli = heights[:, None] * _spectra([(80.0, 1.0)]) + _spectra([(50.0, 0.6)])
    peaks = pick_peaks(moduli)
    fresh = without_tails(peaks, moduli, torch.zeros(4, dtype=torch.bool))
    assert torch.allclose(fresh.moduli[:, 0], torch.full((4,), 0.6), atol=PARABOLA)
    assert torch.allclose(fresh.moduli[:, 1], torch.tensor([1.0, 1.0, 0.25, 0.0625]), atol=PARABOLA)
    cut = torch.tensor([False, False, True, False])
    assert torch.allclose(without_tails(peaks, moduli, cut).moduli[2], peaks.moduli[2], atol=PARABOLA)


def test_only_the_notes_of_a_path_may_be_prolonged() -> None:
    pitches = torch.tensor([30.0, 45.0]).expand(30, 2)
    path = torch.zeros(30, dtype=torch.int64)
    path[10] = 1
    near = around_path(pitches, path)
    assert torch.equal(near[:, 0], (torch.arange(30) >= 8) & (torch.arange(30) <= 22))
    assert not near[:, 1].any()


def test_a_tail_ends_where_the_next_note_of_its_player_begins() -> None:
    pitches = torch.tensor([30.0, 45.0]).expand(30, 2)
    path = torch.zeros(30, dtype=torch.int64)
    path[6:10], path[14:20] = 1, 2
    near = until_next(pitches, path)
    assert near[:, 0].nonzero().flatten().tolist() == [*range(4, 14), 20, 21]  # rings on into the rest behind it
    assert near[:, 1].nonzero().flatten().tolist() == list(range(12, 30))
    rests = torch.where(path == 2, 0, path)
    assert torch.equal(until_next(pitches, rests), around_path(pitches, rests))


def test_a_tone_must_explain_less_the_more_sources_there_are() -> None:
    moduli, cuts = torch.zeros(2, N_BINS), torch.zeros(2, dtype=torch.bool)
    costs = [SessionSearch(moduli, n, 10.0, 200.0, cuts).hearing.tone_costs(None)[0] for n in (1, 2, 3)]
    assert torch.equal(costs[0], costs[1])
    assert torch.allclose(costs[2], costs[1] * 4 / 9)


def test_a_fast_line_that_rings_is_one_player() -> None:
    """The second instrument plays first alone and then with it, so that both are known; it does not take the tails."""
    n_frames, note = 160, 5
    scale = [40.0, 43.0, 39.0, 44.0, 41.0, 38.0]
    spectra = []
    for frame in range(n_frames):
        line = [(scale[(frame // note - back) % len(scale)], 0.45 ** (back * (1 + frame % note))) for back in (0, 1)]
        tones = [(p, a, (1.0, 0.6, 0.4, 0.3, 0.2)) for p, a in line if a > 0.02]
        if frame < 80:
            tones.append((30.0 + 2 * (frame // 20), 1.0, (1.0, 0.05, 0.5, 0.05, 0.3)))
        partials = [
            (12 * 2 ** ((pitch - 12) / 12) * (h + 1), size * row)
            for pitch, size, rows in tones
            for h, row in enumerate(rows)
        ]
        spectra.append(torch.stack([_spectra([partial]) for partial in partials]).sum(dim=0))
    moduli = torch.stack(spectra)
    found = SessionSearch(moduli, 2, 10.0, 200.0, torch.zeros(n_frames, dtype=torch.bool)).explain()[0]
    alone = found.f0_bin[:, 85:] > 0
    assert float(alone.float().mean(dim=1).amin()) < 0.1
    assert float(alone.float().mean(dim=1).amax()) > 0.95
