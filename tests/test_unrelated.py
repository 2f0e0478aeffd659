"""Duets of stems that have nothing to do with each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

pytest.importorskip("torch")  # bsep_stream.train

from itemfolders import NAMES, RATE, write_item

from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.unrelated import main


def _recordings(folder: Path, rng: np.random.Generator, n: int = 2, level: float = 0.1) -> Path:
    folder.mkdir()
    for number in range(n):
        write_item(folder / f"take{number}", level * rng.standard_normal((len(NAMES), 1, 3 * RATE)))
    return folder


def _written(tmp_path: Path, *arguments: str) -> list[Item]:
    result = CliRunner().invoke(main, [str(tmp_path / "out"), *arguments])
    assert result.exit_code == 0, result.output
    return find_items(tmp_path / "out")


def test_players_of_different_recordings_as_loud_as_each_other(tmp_path: Path, rng: np.random.Generator) -> None:
    data = _recordings(tmp_path / "data", rng)
    items = _written(tmp_path, str(data), "--seconds", "2")
    assert len(items) == len(NAMES) ** 2  # all pairs of two recordings
    for item in items:
        one, other = item.true_stems()
        assert one.shape == other.shape == (1, 2 * RATE)
        assert np.square(one).mean() == pytest.approx(np.square(other).mean(), rel=1e-3)
        assert np.abs(one + other - soundfile.read(item.mixture)[0]).max() < 1e-6
        assert len(set(item.names)) == 2


def test_the_same_seed_gives_the_same_duets(tmp_path: Path, rng: np.random.Generator) -> None:
    data = _recordings(tmp_path / "data", rng)
    (first,) = _written(tmp_path, str(data), "--seconds", "2", "--duets", "1")
    before = soundfile.read(first.mixture)[0]
    (again,) = _written(tmp_path, str(data), "--seconds", "2", "--duets", "1")
    assert np.array_equal(before, soundfile.read(again.mixture)[0])


def test_some_instruments_are_left_out(tmp_path: Path, rng: np.random.Generator) -> None:
    data = _recordings(tmp_path / "data", rng)
    (item,) = _written(tmp_path, str(data), "--without", "oboe")
    assert item.names == ("flute", "flute_2")


def test_no_two_recordings_and_stems_without_sound_are_refused(tmp_path: Path, rng: np.random.Generator) -> None:
    for data, reason in (
        (_recordings(tmp_path / "one", rng, 1), "stems of two recordings"),
        (_recordings(tmp_path / "silent", rng, 2, 0.0), "it is silent"),
    ):
        result = CliRunner().invoke(main, [str(tmp_path / "out"), str(data)])
        assert result.exit_code == 2
        assert reason in result.output
