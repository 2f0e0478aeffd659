"""What makes one player likely is learned from pairs of notes whose players are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from click.testing import CliRunner
from itemfolders import write_item

from bsep_stream.train.benchmark import links
from bsep_stream.train.benchmark.links import LabelledPairs, calibration
from bsep_stream.train.benchmark.logistic import fit_logistic
from bsep_stream.train.search.players.links import OFFSET, WEIGHTS, Signs, weights


def test_plain_weights_say_the_same_of_signs_as_they_are() -> None:
    generator = np.random.default_rng(4)
    signs = generator.normal(3.0, [1.0, 5.0], (200, 2))
    happened = signs[:, 0] + 0.5 * generator.normal(size=200) > 3.5
    model = fit_logistic(signs, happened)
    weight, offset = model.plain
    odds = model.log_odds(signs)
    np.testing.assert_allclose(signs @ weight + offset, odds)
    assert abs(model.weight[0]) > 5 * abs(model.weight[1])
    assert ((odds > 0) == happened).mean() > 0.8


def test_who_has_both_notes_of_a_pair() -> None:
    first, second, nobody, both = [0.9, 0.0], [0.1, 0.8], [0.1, 0.1], [0.9, 0.8]
    share = np.array([first, second, first, nobody, both])
    pairs = np.array([[0, 1], [0, 2], [0, 3], [3, 1], [0, 4]])
    off = np.zeros(5, bool)
    assert links._one_player(share, pairs, off).tolist() == [0, 1, -1, -1, -1]
    assert links._one_player(share, pairs, ~off).tolist() == [0, 1, 1, 1, -1]  # a harmonic that nobody plays is his


def test_calibration_counts_every_pair_once() -> None:
    signs = np.array([[-6.0], [-0.5], [0.5], [0.7]])
    known = [LabelledPairs(signs, np.array([False, True, False, True]))]
    rows = [line.split("|")[1:4] for line in calibration(known, np.array([1.0]), 0.0).splitlines()[2:]]
    assert sum(int(count) for _, count, _ in rows) == 4
    assert ["0 to 1", "2", "50.0 %"] in [[cell.strip() for cell in row] for row in rows]


def test_what_is_shipped_has_a_weight_for_every_sign() -> None:
    assert set(WEIGHTS) == set(Signs._fields)
    assert weights().tolist() == [WEIGHTS[name] for name in Signs._fields]
    assert OFFSET < 0  # most pairs have two players


def test_a_folder_without_sessions_is_refused_in_a_sentence(tmp_path: Path) -> None:
    write_item(tmp_path / "one", np.zeros((2, 1, 480)))
    result = CliRunner().invoke(links.main, [str(tmp_path), "--notes", str(tmp_path / "kept")])
    assert result.exit_code == 2
    assert "should hold sessions of several players with their notes" in result.output
