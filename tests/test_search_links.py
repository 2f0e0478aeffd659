"""Notes that sound together, and what makes it likely that one player has both."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch")

from playednotes import cut, voices

from bsep_stream.train.search.players.decision import Players
from bsep_stream.train.search.players.evidence import scalar_evidence
from bsep_stream.train.search.players.links import HARMONIC_NATS, Links, links_between, pair_signs, sounding_together

SEMITONE = 2 ** (1 / 12)


def _heard(first: list[tuple[int, float]], second: list[tuple[int, float]], falls: float = 0.0) -> Links:
    """Links of two voices; the first falls by so many decibels a frame while both sound."""
    f0_bin = voices(first, second)
    amplitude = np.where(f0_bin > 0, 1.0, 0.0)
    together = np.flatnonzero((f0_bin > 0).all(axis=0))
    amplitude[0, together] *= 10 ** (-falls * np.arange(1, len(together) + 1) / 20)
    return links_between(cut(f0_bin, amplitude))


def test_a_vibrato_with_two_peaks_is_one_player() -> None:
    links = _heard([(40, 30.0)], [(15, 0.0), (5, 30.0 * SEMITONE**0.7), (20, 0.0)])
    assert not len(links.apart)
    assert links.nats[0] < 0  # it costs something if it is not


def test_a_third_above_is_another_player() -> None:
    links = _heard([(40, 30.0)], [(15, 0.0), (10, 30.0 * SEMITONE**4), (15, 0.0)])
    assert len(links.apart) == 1


def test_the_last_note_of_a_line_that_dies_away_behind_the_next_is_not_apart() -> None:
    line = [(20, 30.0), (20, 0.0)], [(14, 0.0), (26, 30.0 * SEMITONE**2)]
    assert _heard(*line, falls=3.0).nats[0] < _heard(*line, falls=0.0).nats[0] - 1


@pytest.mark.parametrize(("order", "quieter"), [(2, 0.1), (3, 0.1), (5, 0.1)])
def test_what_lies_on_a_harmonic_may_be_nobodys(order: int, quieter: float) -> None:
    f0_bin = voices([(40, 30.0)], [(10, 0.0), (20, 30.0 * order), (10, 0.0)])
    amplitude = np.where(f0_bin > 0, 1.0, 0.0)
    amplitude[1] *= quieter
    links = links_between(cut(f0_bin, amplitude))
    assert not len(links.apart)
    assert links.nats[0] >= HARMONIC_NATS  # but what tells for it must tell something
    off = links_between(cut(np.where(f0_bin > 45, 1.1 * f0_bin, f0_bin), amplitude))
    assert len(off.apart) == 1


def test_signs_do_not_depend_on_the_order_of_a_pair() -> None:
    f0_bin = voices([(20, 30.0), (20, 0.0)], [(10, 0.0), (30, 62.0)])
    notes = cut(f0_bin)
    pairs, together = sounding_together(notes)
    assert together.tolist() == [10]
    np.testing.assert_array_equal(pair_signs(notes, pairs), pair_signs(notes, pairs[:, ::-1]))


def test_silence_has_no_pairs() -> None:
    notes = cut(np.zeros((2, 10)))
    pairs, _ = sounding_together(notes)
    assert pairs.shape == (0, 2)
    assert all(sign.shape == (0,) for sign in pair_signs(notes, pairs))


def test_nats_of_a_pair_do_not_count_for_who_has_many_tones() -> None:
    alive = np.ones((2, 4), bool)
    pair: NDArray[np.int64] = np.array([[0, 1]])
    links = Links(np.zeros((0, 2), np.int64), pair, np.array([3.0]))
    evidence = [scalar_evidence(np.array([0.0, 0.0]), 1.0, 1.0, 2, 1.0)]
    same, other = np.array([0, 0]), np.array([0, 1])
    one, many = (Players(evidence, links, limits, alive) for limits in ((1, 1), (2, 2)))
    assert many.total(same) - one.total(same) == pytest.approx(3.0)
    assert many.total(other) == pytest.approx(one.total(other))
