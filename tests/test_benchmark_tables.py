"""Diagnostics of tones against the truth, and what the tables make of the results."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark import table
from bsep_stream.train.benchmark.diagnostics import best_order, played, similarity, tone_errors
from bsep_stream.train.benchmark.items import Item, Notes

CENT = 2 ** (1 / 1200)


def rows(*values: list[float]) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.array(values, np.float32)


def test_every_error_is_counted_once_under_its_name() -> None:
    true = rows([100] * 8, [0] * 8)
    first = [100 * CENT**40, 0, 200, 50, 300, 0, 137, 100 * CENT**60]
    second = [0, 100 * CENT**-40, 0, 0, 0, 0, 0, 0]
    sounding = true > 0
    errors = tone_errors(rows(first, second), true, sounding, ~sounding)
    assert errors.right == 1 / 8
    assert errors.wrong_instrument == 1 / 8
    assert errors.octave == 2 / 8
    assert errors.harmonic == 1 / 8
    assert errors.missed == 1 / 8
    assert errors.other == 2 / 8
    assert errors.false_tones == 1 / 8
    assert (errors.n_sounding, errors.n_silent) == (8, 8)


def test_order_is_the_one_with_most_right_pitches() -> None:
    true = rows([100, 100, 100], [80, 80, 80], [50, 50, 0])
    found = rows([50, 50, 50], [100, 100, 80], [80, 80, 80])
    assert best_order(found, true, true > 0) == [1, 2, 0]


def test_pairs_that_do_not_occur_have_no_share() -> None:
    nothing = np.zeros((2, 3), bool)
    errors = tone_errors(rows([1, 1, 1], [1, 1, 1]), rows([1, 1, 1], [1, 1, 1]), nothing, nothing)
    assert errors.right is None
    assert errors.false_tones is None


GEOMETRY = FrameGeometry(
    sample_rate=10_000, n_fft=1_000, n_bins=500, hop_length=100, sigma_samples=90.0
)  # hop 10 ms, margin 18 ms


def test_neither_edges_nor_tails_are_judged(tmp_path: Any) -> None:
    notes = Notes(onset_seconds=np.array([0.1]), end_seconds=np.array([0.3]), midi=np.array([69.0]))
    heard = rows([5.0 if 10 <= n < 35 else 0.0 for n in range(40)])
    sounding, silent = played(Item(tmp_path, ("one",), (notes,)), heard, GEOMETRY)
    assert np.flatnonzero(sounding).tolist() == list(range(12, 29))
    assert np.flatnonzero(silent).tolist() == [*range(9), *range(35, 40)]


def test_without_notes_only_steady_frames_are_judged(tmp_path: Any) -> None:
    heard = rows([0.0] * 10 + [5.0] * 10 + [6.0] * 10)
    sounding, silent = played(Item(tmp_path, ("one",), (None,)), heard, GEOMETRY)
    assert np.flatnonzero(sounding).tolist() == [*range(12, 18), *range(22, 30)]
    assert np.flatnonzero(silent).tolist() == list(range(8))


def test_similarity_knows_no_scale() -> None:
    learned, true = rows([1, 0.5, 0], [1, 0, 0]), rows([2, 1, 0], [0, 1, 0])
    assert similarity(learned, true) == [pytest.approx(1.0), 0.0]


def result(seed: int, sdr: float, cost: float | None, take: str = "all") -> dict[str, Any]:
    values = {"sdr_db": sdr, "sir_db": sdr + 10, "sar_db": None}
    evaluation = {"stems": [{"name": "flute", **values}], "mean": values}
    kinds = {kind: evaluation for kind in table.KINDS}
    errors = {error: 0.25 for error in (*table.ERRORS, "false_tones")} | {"n_sounding": 4, "n_silent": 4}
    return {
        "item": "01",
        "asked": {"seed": seed, "take": take},
        "measures": {"all": kinds, "second half": kinds},
        "diagnostics": {"tones": errors, "labels": None, "dictionary_similarity": {"flute": 0.9}},
        "mixture_cost": cost,
        "iterations": 10,
        "iterations_per_second": 2.0,
        "seconds": 5.0,
        "peak_memory_mb": None,
        "threads": 1,
    }


def test_spread_is_that_over_seeds() -> None:
    row = table.over_seeds([result(0, 9.0, None), result(1, 11.0, None)], "all", "mask")
    assert row["mean"]["sdr_db"] == 10.0
    assert row["mean"]["sdr_spread_db"] == 1.0
    assert row["mean"]["sar_db"] is None


def test_seed_is_chosen_by_the_mixture_and_compared_with_the_best() -> None:
    trials = [result(0, 9.0, 0.5), result(1, 11.0, 0.6), result(2, 7.0, 0.7)]
    row = table.chosen_seed(trials)
    assert (row["chosen"], row["best"], row["below_best_db"]) == (0, 1, 2.0)
    unknown = table.chosen_seed([*trials, result(3, 1.0, None)])
    assert unknown["chosen"] is None
    assert unknown["below_best_db"] is None


def test_generalisation_compares_takes_in_the_second_half() -> None:
    trials = [result(0, 9.0, None), result(0, 7.5, None, "first half")]
    assert table.generalisation(trials[:1]) == []
    (row,) = table.generalisation(trials)
    assert row["loss_db"] == 1.5


def test_tables_show_what_there_is() -> None:
    trials = [result(0, 9.0, 0.5), result(1, 11.0, 0.4), result(0, 7.5, None, "first half")]
    text = table.markdown(table.summarise(trials, []))
    assert "| 01 | mask | 2 | flute 10.0 +- 1.0 / 20.0 +- 1.0 / -" in text
    assert "| 01 | 0: 9.0, 1: 11.0 | 1 | 1 | 0.0 |" in text
    assert "second half, trained on the first" in text
    assert "| 01 | 10.0 | 7.5 | 2.5 |" in text
    assert "Ceilings" not in text
