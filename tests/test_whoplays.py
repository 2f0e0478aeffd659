"""Whose tones they are, once a search has found them: which explanation is taken, and what hearing it again finds."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.search.decoding import State
from bsep_stream.train.search.explanation import Explanation
from bsep_stream.train.search.hearing import Swept
from bsep_stream.train.search.rehearing import heard_again
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.whoplays import NEAR_COST, Unexplained
from bsep_stream.train.tones.unexplained import unexplained_share

N_BINS = 400
WIDTH_BINS = 1.3
NOTE = 10  # frames
SEMITONE = 2 ** (1 / 12)

BRIGHT, DULL = (0.4, 0.9, 1.0, 0.8, 0.7, 0.5, 0.4, 0.3), (1.0, 0.3, 0.1, 0.04, 0.02)
HIGH, LOW = (60.0, 75.0, 67.0, 50.0, 57.0, 63.0), (27.0, 22.0, 31.0, 33.0, 25.0, 23.5)


def spectrum(tones: list[tuple[float, tuple[float, ...]]]) -> torch.Tensor:
    bins = torch.arange(float(N_BINS))
    parts = [
        amplitude * torch.exp(-0.5 * ((bins - f0 * order) / WIDTH_BINS) ** 2)
        for f0, heights in tones
        for order, amplitude in enumerate(heights, start=1)
    ]
    return torch.stack(parts).sum(dim=0)


@pytest.fixture(scope="module")
def search() -> SessionSearch:
    """Two lines, a bright one above a dull one, note against note."""
    notes = [spectrum([(high, BRIGHT), (low, DULL)]) for high, low in zip(HIGH, LOW, strict=True)]
    moduli = torch.stack(notes).repeat_interleave(NOTE, dim=0)
    return SessionSearch(moduli, 2, 10.0, 150.0, torch.zeros(len(moduli), dtype=torch.bool))


@pytest.fixture(scope="module")
def found(search: SessionSearch) -> Explanation:
    return search.explain()[0]


def voice_of(explanation: Explanation, pitches: tuple[float, ...]) -> int:
    """The voice that most of some notes are in."""
    truth = torch.tensor(pitches).repeat_interleave(NOTE)
    return int(near(explanation.f0_bin, truth).sum(dim=1).argmax())


def near(f0_bin: torch.Tensor, pitch: torch.Tensor | float) -> torch.Tensor:
    ratio = f0_bin.clamp_min(1e-3) / pitch
    return (ratio < SEMITONE) & (ratio > 1 / SEMITONE)


def without(explanation: Explanation, voice: int, frames: slice) -> Explanation:
    f0_bin, amplitude = explanation.f0_bin.clone(), explanation.amplitude.clone()
    f0_bin[voice, frames] = amplitude[voice, frames] = 0
    return explanation._replace(f0_bin=f0_bin, amplitude=amplitude)


@pytest.mark.parametrize("pitches", [HIGH, LOW])
@pytest.mark.parametrize("note", [1, 4])
def test_a_note_that_was_missed_is_found_by_what_its_player_is_made_of(
    search: SessionSearch, found: Explanation, pitches: tuple[float, ...], note: int
) -> None:
    voice, frames = voice_of(found, pitches), slice(note * NOTE, (note + 1) * NOTE)
    missed = without(found, voice, frames)
    played = search.played(WIDTH_BINS, [missed]).explanation
    own = played.f0_bin[voice_of(played, pitches), frames]
    assert near(own, pitches[note]).float().mean() > 0.7
    assert (played.start, played.cost) == (missed.start, missed.cost)


def test_where_notes_are_held_no_source_gets_one_that_only_another_has(
    search: SessionSearch, found: Explanation
) -> None:
    # The registers say that this note is the lower player's: only that it is held keeps it where it is.
    high, frames = voice_of(found, HIGH), slice(3 * NOTE, 4 * NOTE)
    exchanged = without(without(found, 0, frames), 1, frames)
    exchanged.f0_bin[high, frames], exchanged.amplitude[high, frames] = LOW[3], 1.0
    again = heard_again(search.hearing, *exchanged[:2], True, True, lambda: None)
    assert not near(again.f0_bin[1 - high, frames], LOW[3]).any()
    free = heard_again(search.hearing, *exchanged[:2], False, True, lambda: None)
    assert near(free.f0_bin[1 - high, frames], LOW[3]).float().mean() > 0.7


def test_of_explanations_that_cost_the_same_the_one_that_leaves_less_unexplained_is_taken(
    search: SessionSearch, found: Explanation
) -> None:
    cheapest = without(found, 0, slice(0, NOTE))._replace(start="cheapest", cost=0.100)
    other = found._replace(start="other", cost=0.103)

    def unexplained(f0_bin: torch.Tensor) -> float:
        return 0.5 - 0.005 * float((f0_bin[:, :NOTE] > 0).all())

    def taken(*explanations: Explanation, by: Unexplained | None = unexplained) -> str:
        return search.played(WIDTH_BINS, explanations, unexplained=by).explanation.start

    assert taken(cheapest, other) == "other"
    assert taken(cheapest, other, by=None) == "cheapest"
    assert taken(cheapest, other._replace(cost=0.107)) == "cheapest"  # dearer by more than it explains
    far = other._replace(cost=0.101 + NEAR_COST)  # would win by what it explains, but is not considered
    assert taken(cheapest, far._replace(cost=0.099 + NEAR_COST), by=lambda f0_bin: 9 * unexplained(f0_bin)) == "other"
    assert taken(cheapest, far, by=lambda f0_bin: 9 * unexplained(f0_bin)) == "cheapest"


def test_true_tones_leave_less_unexplained_than_others(duet_config: TrainConfig) -> None:
    width = duet_config.geometry.sigma_bins
    bins = torch.arange(float(duet_config.geometry.n_bins))
    pitches = torch.tensor([[8.0, 15.0], [9.0, 13.0], [10.0, 17.0]]).repeat_interleave(40, dim=0)
    orders = torch.arange(1.0, 6.0)
    centres = pitches[:, :, None, None] * orders[:, None]
    moduli = (0.5 ** orders[:, None] * torch.exp(-0.5 * ((bins - centres) / width) ** 2)).sum(dim=(1, 2))
    true, wrong, silent = (
        unexplained_share(duet_config, moduli, f0_bin.T) for f0_bin in (pitches, 1.2 * pitches, 0 * pitches)
    )
    assert 0 <= true < 0.1
    assert 2 * true < wrong < silent


def test_the_last_note_does_not_hide_the_next_one_of_its_player() -> None:
    """It rings on louder than the next one is; all the sound has a say, but not that he still plays it."""
    last, following = 30.0, 40.0
    ringing, both = spectrum([(last, DULL)]), spectrum([(last, DULL), (following, tuple(0.5 * h for h in DULL))])
    moduli = torch.stack([ringing, both]).repeat_interleave(NOTE, dim=0)
    search = SessionSearch(moduli, 1, 10.0, 150.0, torch.zeros(len(moduli), dtype=torch.bool))
    hearing, played = search.hearing, torch.tensor([last, following]).repeat_interleave(NOTE)
    choice = (hearing.evidence.candidates.f0_bin - played[:, None]).abs().argmin(dim=1, keepdim=True) + 1
    state = State(choice, torch.ones(choice.shape))
    swept = Swept(state, 0.0, hearing.observe(state, hearing.plain), hearing.plain, None)
    assert near(hearing.explanation(swept, "", lambda: None).f0_bin[0], played).all()
