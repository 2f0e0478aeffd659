"""Tones that sound together as starts of the search."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.search.envelopes import ToneObservations
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.together import SHORTEST_FRAMES, groups_together

N_HARMONICS = 4
BRIGHT, DARK = torch.tensor([0.1, 0.2, 0.3, 0.4]), torch.tensor([0.7, 0.2, 0.07, 0.03])
MIDDLE = torch.tensor([0.4, 0.3, 0.2, 0.1])


def voice(*tones: tuple[float, int, torch.Tensor]) -> ToneObservations:
    """Tones one after the other: pitch in semitones (negative: silence), frames, relative amplitudes."""
    pitch = torch.cat([torch.full((n_frames,), semitones) for semitones, n_frames, _ in tones])
    root = torch.cat([moduli.sqrt().expand(n_frames, N_HARMONICS) for _, n_frames, moduli in tones])
    return ToneObservations(pitch, root, (pitch >= 0).float()[:, None].expand(-1, N_HARMONICS))


def test_a_group_is_what_sounds_at_once_and_says_what_its_tones_are_made_of() -> None:
    first, second = voice((40.0, 12, BRIGHT), (-1.0, 3, DARK)), voice((-1.0, 2, DARK), (30.0, 13, DARK))
    ((one, other),) = groups_together([first, second], 5)
    assert torch.allclose(one, BRIGHT)
    assert torch.allclose(other, DARK)


def test_groups_that_differ_most_come_first_and_share_no_tone() -> None:
    first = voice((40.0, 10, MIDDLE), (45.0, 10, BRIGHT), (50.0, 20, BRIGHT))
    second = voice((30.0, 20, DARK), (35.0, 10, DARK), (38.0, 10, MIDDLE))
    groups = groups_together([first, second], 5)
    assert [torch.allclose(one, BRIGHT) for one, _ in groups] == [True, True]
    assert [torch.allclose(other, DARK) for _, other in groups] == [True, True]
    assert len(groups_together([first, second], 1)) == 1


def test_tones_that_meet_for_a_moment_and_players_alone_make_no_group() -> None:
    short = SHORTEST_FRAMES - 1
    first = voice((40.0, 20, BRIGHT), (-1.0, 20 - short, DARK))
    second = voice((-1.0, 20 - short, DARK), (30.0, 20, DARK))
    assert groups_together([first, second], 5) == []
    assert groups_together([first, voice((-1.0, 40 - short, DARK))], 5) == []


def test_a_trio_has_groups_of_three() -> None:
    voices = [voice((50.0, 9, BRIGHT)), voice((40.0, 9, DARK)), voice((30.0, 9, MIDDLE))]
    (group,) = groups_together(voices, 3)
    assert torch.allclose(torch.stack(group), torch.stack([BRIGHT, DARK, MIDDLE]))


def _two_alike(limits: tuple[int, ...], groups: int = 6) -> SessionSearch:
    """Two lines that cross all the time in one register, none the brighter one: odd harmonics, and even ones."""
    bins, harmonics = torch.arange(600.0), torch.arange(1.0, 13.0)
    lines = []
    for parity, pitches in ((1, (24.0, 36.0, 30.0, 26.0)), (0, (35.0, 25.0, 27.0, 33.0))):
        f0 = torch.tensor(pitches).repeat_interleave(12)
        peaks = torch.exp(-0.5 * ((bins - f0[:, None, None] * harmonics[:, None]) / 1.3) ** 2)
        strength = torch.where(harmonics % 2 == parity, 1.0, 0.25) * 0.7**harmonics
        lines.append((peaks * strength[:, None]).sum(dim=1))
    moduli = lines[0] / lines[0].sum() + lines[1] / lines[1].sum()
    cuts = torch.zeros(len(moduli), dtype=torch.bool)
    return SessionSearch(moduli, len(limits), 20.0, 60.0, cuts, SearchSettings(groups=groups), limits)


def test_the_search_begins_from_groups_too_but_not_with_chords() -> None:
    assert "together" in [explanation.start for explanation in _two_alike((1, 1)).explain()]
    assert "together" not in [explanation.start for explanation in _two_alike((1, 2)).explain()]


def test_lines_that_cross_all_the_time_are_told_apart() -> None:
    best = _two_alike((1, 1)).explain()[0]
    assert best.cost < 0.9 * _two_alike((1, 1), groups=0).explain()[0].cost
    assert sorted(best.f0_bin[:, 6::12].round().tolist()) == [[24, 36, 30, 26], [35, 25, 27, 33]]
