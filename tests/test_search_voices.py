"""Several tones of one source at once: voices, their pairs, and the search with them."""

from __future__ import annotations

import itertools
import math

import pytest

torch = pytest.importorskip("torch")

import numpy as np
from numpy.typing import NDArray

from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.voices import Voices, high_to_low, tournament

N_BINS = 600
WIDTH_BINS = 1.3
SEMITONE = 0.5  # that found and true pitch may differ by
MOST = 0.95  # frames at the changes of chords may be wrong


@pytest.mark.parametrize("count", range(2, 10))
def test_in_a_tournament_everybody_meets_everybody_once_and_nobody_twice_in_a_round(count: int) -> None:
    rounds = tournament(count)
    assert sorted(itertools.chain(*rounds)) == list(itertools.combinations(range(count), 2))
    for pairs in rounds:
        assert len(set(itertools.chain(*pairs))) == 2 * len(pairs) == count - count % 2


def test_voices_of_a_source_stand_next_to_each_other() -> None:
    voices = Voices((1, 3, 2))
    assert voices.sources == (0, 1, 1, 1, 2, 2)
    assert [list(voices.of(source)) for source in range(3)] == [[0], [1, 2, 3], [4, 5]]


def test_one_voice_each_meets_in_all_pairs_and_more_in_rounds() -> None:
    assert Voices((1,)).pairs(0) == [(0, 0)]
    assert Voices((1, 1, 1)).pairs(0) == [(0, 1), (0, 2), (1, 2)]
    chords = Voices((1, 4))
    assert len(chords.pairs(0)) == 2
    assert sorted(pair for sweep in range(5) for pair in chords.pairs(sweep)) == list(
        itertools.combinations(range(5), 2)
    )
    assert chords.pairs(7) == chords.pairs(2)


def test_only_sources_that_differ_are_tried_in_other_orders() -> None:
    assert Voices((1, 1, 1)).orders() == [(0, 1, 2)]
    assert Voices((2, 2)).orders() == [(0, 1)]
    assert Voices((1, 4)).orders() == [(0, 1), (1, 0)]
    assert Voices((1, 3, 1)).orders() == [(0, 1, 2), (0, 2, 1), (1, 0, 2)]


def test_tones_from_above_are_shared_out_by_the_limits() -> None:
    voices = Voices((1, 4))
    assert [voices.from_above((0, 1), count) for count in (2, 3, 5)] == [[0, 1], [0, 1, 2], [0, 1, 2, 3, 4]]
    assert [voices.from_above((1, 0), count) for count in (2, 3, 5)] == [[1, 0], [1, 2, 0], [1, 2, 3, 4, 0]]
    for limits in ((2, 3), (4, 4), (1, 4, 2), (3, 1, 1)):
        voices = Voices(limits)
        for order in itertools.permutations(range(len(limits))):
            for count in range(len(limits), len(voices) + 1):
                slots = voices.from_above(order, count)
                assert len(set(slots)) == count
                assert list(dict.fromkeys(voices.sources[slot] for slot in slots)) == list(order)


def test_sounding_voices_of_a_source_come_first_from_high_to_low() -> None:
    f0_bin = torch.tensor([[5.0, 0.0], [0.0, 9.0], [30.0, 8.0], [20.0, 10.0]])
    order = high_to_low(f0_bin, Voices((1, 3)))
    assert f0_bin.gather(0, order).tolist() == [[5.0, 0.0], [30.0, 10.0], [20.0, 9.0], [0.0, 8.0]]


def _spectrum(partials: list[tuple[float, float]]) -> torch.Tensor:
    bins = torch.arange(float(N_BINS))
    peaks = [a * torch.exp(-0.5 * ((bins - f) / WIDTH_BINS) ** 2) for f, a in partials if f < N_BINS]
    return torch.stack(peaks).sum(dim=0)


_SONG = [52.0, 54.0, 47.0, 45.0, 49.0, 50.0, 42.0, 47.0]
_CHORDS = [(26, 33, 42), (31, 35), (23, 38, 42), (33,), (), (28, 35, 43), (30, 38), (26, 33, 41)]
_FRAMES = 8  # a chord
_DECAY = 0.92  # from frame to frame
_VIBRATO_SEMITONES, _VIBRATO_FRAMES = 0.4, 6.0


def _song_with_chords() -> tuple[torch.Tensor, list[list[float]]]:
    """Moduli, and true pitches of a sung melody and of struck chords in every frame, in bins."""
    bright, dull = (0.5, 1.0, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2), (1.0, 0.4, 0.1, 0.05, 0.02)
    spectra, truth = [], []
    for frame in range(_FRAMES * len(_SONG)):
        swing = _VIBRATO_SEMITONES * math.sin(2 * math.pi * frame / _VIBRATO_FRAMES)
        tones = [(_SONG[frame // _FRAMES] + swing, 0.7, bright)]
        left = _DECAY ** (frame % _FRAMES)
        tones += [(float(pitch), left, dull) for pitch in _CHORDS[frame // _FRAMES]]
        pitches = [12 * 2 ** ((pitch - 12) / 12) for pitch, _, _ in tones]
        partials = [
            (f0 * (h + 1), size * a)
            for f0, (_, size, row) in zip(pitches, tones, strict=True)
            for h, a in enumerate(row)
        ]
        spectra.append(_spectrum(partials))
        truth.append(pitches)
    return torch.stack(spectra), truth


@pytest.fixture(scope="module")
def song() -> tuple[torch.Tensor, list[list[float]]]:
    return _song_with_chords()


def _found(pitch: float, tones: torch.Tensor) -> bool:
    return bool(((tones.clamp_min(1e-3) / pitch).log2().abs() * 12 < SEMITONE).any())


@pytest.mark.parametrize("limits", [(1, 3), (3, 1)])
def test_melody_and_chords_are_told_apart_whichever_is_named_first(
    song: tuple[torch.Tensor, list[list[float]]], limits: tuple[int, int]
) -> None:
    moduli, truth = song
    cuts = torch.zeros(len(moduli), dtype=torch.bool)
    search = SessionSearch(moduli, 2, 10.0, 300.0, cuts, limits=limits)
    best = search.played(WIDTH_BINS, search.explain()).explanation
    assert best.f0_bin.shape == best.amplitude.shape == (4, len(moduli))
    assert best.envelope.shape[0] == 2
    melody, chords = best.f0_bin[:1], best.f0_bin[1:]
    if limits == (3, 1):
        melody, chords = best.f0_bin[3:], best.f0_bin[:3]
    pairs = [(pitch, chords[:, n]) for n, row in enumerate(truth) for pitch in row[1:]]
    pairs += [(row[0], melody[:, n]) for n, row in enumerate(truth)]
    assert sum(_found(*pair) for pair in pairs) > MOST * len(pairs)
    wrong = [(pitch, melody[:, n]) for n, row in enumerate(truth) for pitch in row[1:]]
    wrong += [(row[0], chords[:, n]) for n, row in enumerate(truth)]
    assert not any(_found(*pair) for pair in wrong)
    assert torch.equal(chords, chords.sort(dim=0, descending=True).values)


def test_notes_that_are_given_stay_with_their_source(song: tuple[torch.Tensor, list[list[float]]]) -> None:
    moduli, truth = song
    search = SessionSearch(moduli, 2, 10.0, 300.0, torch.zeros(len(moduli), dtype=torch.bool), limits=(1, 3))
    tone = truth[0][3]

    def given(notes: Notes) -> NDArray[np.int64]:
        near = np.abs(notes.pitch - 12 * np.log2(tone)) < SEMITONE
        return np.where(near & (notes.start == 0), 0, -1)

    played = search.played(WIDTH_BINS, search.explain(), given)
    assert (given(played.notes) == 0).sum() == 1
    middle = played.explanation.f0_bin[:, _FRAMES // 2]
    assert _found(tone, middle[:1])
    assert not _found(tone, middle[1:])


def test_limits_of_one_are_the_search_without_limits(song: tuple[torch.Tensor, list[list[float]]]) -> None:
    moduli = song[0][:60]
    cuts = torch.zeros(60, dtype=torch.bool)
    plain, limited = (SessionSearch(moduli, 2, 10.0, 300.0, cuts, limits=limits).explain() for limits in (None, (1, 1)))
    for a, b in zip(plain, limited, strict=True):
        assert a.cost == b.cost
        assert torch.equal(a.f0_bin, b.f0_bin)


@pytest.mark.parametrize("limits", [(3,), (1, 2), (2, 2), (1, 2, 1)])
@pytest.mark.parametrize("n_frames", [1, 23])
def test_short_and_silent_sessions_are_explained(limits: tuple[int, ...], n_frames: int) -> None:
    cuts = torch.zeros(n_frames, dtype=torch.bool)
    for moduli in (
        _spectrum([(40.0 * h, 1 / h) for h in range(1, 6)]).repeat(n_frames, 1),
        torch.zeros(n_frames, N_BINS),
    ):
        search = SessionSearch(moduli, len(limits), 10.0, 200.0, cuts, limits=limits)
        best = search.played(WIDTH_BINS, search.explain()).explanation
        assert best.f0_bin.shape == (sum(limits), n_frames)
        assert torch.isfinite(best.envelope).all()
        assert int((best.f0_bin > 0).sum()) == (n_frames if moduli.any() else 0)


def test_a_single_tone_is_no_octave_of_two_voices() -> None:
    moduli = _spectrum([(30.0 * h, 0.7**h) for h in range(1, 12)]).repeat(30, 1)
    best = SessionSearch(moduli, 1, 10.0, 200.0, torch.zeros(30, dtype=torch.bool), limits=(4,)).explain()[0]
    assert (best.f0_bin[0] - 30.0).abs().max() < SEMITONE
    assert not best.f0_bin[1:].any()
