"""Passages in which it is not sure who plays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np

from bsep_stream.errors import RunError
from bsep_stream.train.learning.doubts import MOST_PASSAGES, SHORTEST_SECONDS, UNSURE_NATS, doubt_sentences
from bsep_stream.train.session.labels import Labels

RATE, HOP = 1_000, 10
N_FRAMES = 20_000


def _labels(*unsure: tuple[float, float], take: int = 0) -> Labels:
    """Labels of two takes of 100 s, unsure in some stretches of one."""
    takes = np.repeat([0, 1], N_FRAMES // 2)
    centre = np.tile(np.arange(N_FRAMES // 2) * HOP, 2)
    margin = np.full(N_FRAMES, np.inf, np.float32)
    for start, end in unsure:
        margin[(takes == take) & (centre >= start * RATE) & (centre <= end * RATE)] = UNSURE_NATS / 2
    return Labels(takes, centre, np.ones((N_FRAMES, 2), np.float32), np.ones((2, 5), np.float32), HOP, margin)


def test_unsure_passages_are_told_by_take_and_time_and_near_ones_together() -> None:
    labels = _labels((12.0, 13.0), (14.0, 15.0), (63.0, 65.0), take=1)
    assert doubt_sentences(labels, RATE, ["a.wav", "b.wav"]) == (
        "Least sure who plays: b.wav 0:12 to 0:15, b.wav 1:03 to 1:05; listen there first.",
    )
    assert "b.wav" not in doubt_sentences(_labels((1.0, 2.0)), RATE, ["b.wav"])[0]


def test_the_longest_are_named_in_their_order() -> None:
    lengths = [1.0, 5.0, 2.0, 4.0, 3.0, 1.5, 2.5]
    labels = _labels(*((10.0 * n, 10.0 * n + long) for n, long in enumerate(lengths)))
    (sentence,) = doubt_sentences(labels, RATE, ["a"])
    ends = [place.split()[-1] for place in sentence.split(";")[0].split(",")]
    assert ends == ["0:15", "0:22", "0:34", "0:43", "1:02"]
    assert sentence.count(" to ") == MOST_PASSAGES


@pytest.mark.parametrize("labels", [None, _labels(), _labels((3.0, 3.0 + SHORTEST_SECONDS / 2))])
def test_nothing_is_said_where_there_is_no_doubt(labels: Labels | None) -> None:
    assert doubt_sentences(labels, RATE, ["a", "b"]) == ()


def test_labels_keep_how_sure_they_are_and_older_ones_do_not_know(tmp_path: Path) -> None:
    labels = _labels((1.0, 2.0))
    labels.save(tmp_path / "labels.npz")
    np.testing.assert_array_equal(Labels.load(tmp_path / "labels.npz").margin, labels.margin)
    old = {name: values for name, values in vars(labels).items() if name != "margin"}
    np.savez(tmp_path / "old.npz", **old)
    found = Labels.load(tmp_path / "old.npz")
    found.refuse_other_shape(tmp_path / "old.npz", [N_FRAMES * HOP] * 2, 2)
    assert doubt_sentences(found, RATE, ["a", "b"]) == ()
    np.savez(tmp_path / "other.npz", **{name: values for name, values in old.items() if name != "take"})
    with pytest.raises(RunError, match="should hold take"):
        Labels.load(tmp_path / "other.npz")


@pytest.mark.parametrize("margin", [np.zeros(3, np.float32), np.full(N_FRAMES, np.nan, np.float32)])
def test_doubts_of_other_frames_or_that_are_no_numbers_are_refused(margin: np.ndarray, tmp_path: Path) -> None:
    labels = dataclasses.replace(_labels(), margin=margin)
    with pytest.raises(RunError, match="does not belong to this run"):
        labels.refuse_other_shape(tmp_path / "labels.npz", [N_FRAMES * HOP] * 2, 2)
