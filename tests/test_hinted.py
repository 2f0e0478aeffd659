"""What a musician's word is worth: which passages of a made session are said to be of one player."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np

from bsep_stream.train.benchmark.hinted import solo_passages
from bsep_stream.train.benchmark.items import Item, Notes


def written(*spans: tuple[float, float]) -> Notes:
    begin, end = (np.array(values) for values in zip(*spans, strict=True))
    return Notes(begin, end, np.full(len(spans), 60.0))


def test_passages_are_where_one_plays_and_the_others_have_ended() -> None:
    item = Item(
        Path("none"),
        ("a", "b"),
        (
            written((0.0, 6.0), (12.0, 20.0)),
            written(
                (5.0, 12.0),
            ),
        ),
    )
    hints = solo_passages(item, 4.0)
    assert hints is not None
    for source, begin, end in hints.solos:
        other = item.notes[1 - source]
        assert other is not None
        spans = zip(other.onset_seconds, other.end_seconds, strict=True)
        assert all(end <= onset or begin >= last for onset, last in spans)
    for source in (0, 1):
        assert sum(end - begin for own, begin, end in hints.solos if own == source) == pytest.approx(4.0, abs=0.02)


def test_without_enough_alone_there_is_nothing_to_say() -> None:
    item = Item(Path("none"), ("a", "b"), (written((0.0, 9.0)), written((5.0, 10.0))))
    assert solo_passages(item, 4.0) is None
