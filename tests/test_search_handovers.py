"""Tones that change their source on the way go back to whoever had them for longer."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.search.handovers import LONGEST_FRAMES, give_back

HIGH, LOW, NEXT = 80.0, 50.0, 56.0
LONG, SHORT = 30, 8


def tones(*parts: tuple[int, float]) -> list[float]:
    """Pitches of a source from (frames, pitch)."""
    return [pitch for frames, pitch in parts for _ in range(frames)]


def repaired(*sources: list[float]) -> list[list[float]]:
    f0_bin = torch.tensor(sources)
    f0, amplitude = give_back(f0_bin, torch.where(f0_bin > 0, 2.0 * f0_bin, 0.0))
    torch.testing.assert_close(amplitude, torch.where(f0 > 0, 2.0 * f0, 0.0))  # amplitudes go with their tones
    return f0.tolist()


def test_a_piece_that_continues_a_tone_goes_back_and_what_rings_under_the_next_note_is_left_out() -> None:
    holds = tones((LONG, LOW), (5, 0.0), (LONG, NEXT))
    takes_over = tones((LONG, 0.0), (SHORT, LOW), (LONG - 3, 0.0))
    assert repaired(takes_over, holds) == [
        tones((2 * LONG + 5, 0.0)),
        tones((LONG, LOW), (5, LOW), (LONG, NEXT)),
    ]


def test_a_piece_that_begins_a_tone_goes_to_it() -> None:
    begins = tones((SHORT, LOW), (LONG, HIGH))
    goes_on = tones((SHORT, 0.0), (LONG, LOW))
    assert repaired(begins, goes_on) == [tones((SHORT, 0.0), (LONG, HIGH)), tones((SHORT + LONG, LOW))]


@pytest.mark.parametrize(
    "second",
    [
        tones((LONG, 0.0), (LONGEST_FRAMES + 1, LOW), (4, 0.0)),  # long enough for a note of its own
        tones((LONG, 0.0), (SHORT, NEXT), (LONGEST_FRAMES + 5 - SHORT, 0.0)),  # another pitch
        tones((LONG + 3, 0.0), (SHORT, LOW), (LONGEST_FRAMES + 2 - SHORT, 0.0)),  # after a rest
    ],
    ids=["long", "pitch", "rest"],
)
def test_what_may_be_a_note_of_its_own_stays(second: list[float]) -> None:
    first = tones((LONG, LOW), (LONGEST_FRAMES + 5, 0.0))
    assert repaired(first, second) == [first, second]
