"""The model that tells notes of two players, and the command that learns it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np
from click.testing import CliRunner
from itemfolders import write_item

from bsep_stream.train.benchmark import unisons
from bsep_stream.train.benchmark.logistic import RIDGE
from bsep_stream.train.benchmark.unisons import LabelledCandidates, fitted, save_model, shown_apart
from bsep_stream.train.search.players.logistic import Logistic
from bsep_stream.train.search.players.unisons import SHIPPED, Signs, read_model, shipped_model

N_SIGNS = len(Signs._fields)
TELLING = 3


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


def sessions(generator: np.random.Generator, count: int = 10) -> list[LabelledCandidates]:
    """One sign tells, but for noise; the others say nothing."""
    found = []
    for _ in range(count):
        signs = generator.normal(size=(40, N_SIGNS))
        both = signs[:, TELLING] + 0.3 * generator.normal(size=40) > 1.0
        found.append(LabelledCandidates(signs, both, np.full(40, 1 / 40)))
    return found


def test_a_sign_that_tells_is_learned(generator: np.random.Generator) -> None:
    model = fitted(sessions(generator))
    others = np.delete(np.abs(model.weight), TELLING)
    assert model.weight[TELLING] > 5 * others.max()
    assert model.offset < 0  # most notes are of one player


def test_weights_are_where_the_likelihood_is_flat(generator: np.random.Generator) -> None:
    known = sessions(generator)
    model = fitted(known)
    signs, both = np.concatenate([s.signs for s in known]), np.concatenate([s.both for s in known])
    slope = ((signs - model.mean) / model.deviation).T @ (both - 1 / (1 + np.exp(-model.log_odds(signs))))
    np.testing.assert_allclose(slope, RIDGE * model.weight, atol=1e-6)


def test_sessions_left_out_are_not_learned_from(generator: np.random.Generator) -> None:
    share, right = shown_apart(sessions(generator))
    assert 0.6 < share < 1.0
    assert 0.6 < right < 1.0
    lot = [session._replace(both=generator.permutation(session.both)) for session in sessions(generator)]
    assert shown_apart(lot)[0] < 0.1  # what is no rule is not found again


def test_players_get_the_names_by_which_most_sound_is_right() -> None:
    share = np.array([[0.9, 0.1], [0.0, 1.0], [0.8, 0.0]])
    labels = np.array([1, 0, 0])
    np.testing.assert_array_equal(unisons._in_order(share, labels, np.array([1.0, 1.0, 5.0])), share)
    np.testing.assert_array_equal(unisons._in_order(share, labels, np.array([9.0, 1.0, 5.0])), share[:, ::-1])


def test_a_model_that_was_written_gives_the_same_odds(generator: np.random.Generator, tmp_path: Path) -> None:
    values = generator.normal(size=(3, N_SIGNS)).astype(np.float32).astype(np.float64)
    model = Logistic(values[0], np.abs(values[1]), values[2], -0.5)
    save_model(tmp_path / "u.safetensors", model, {"sessions": "0"})
    signs = generator.normal(size=(5, N_SIGNS))
    np.testing.assert_array_equal(read_model(tmp_path / "u.safetensors").log_odds(signs), model.log_odds(signs))


def test_the_model_that_comes_with_the_package_has_all_signs() -> None:
    model = shipped_model()
    assert model.mean.shape == model.deviation.shape == model.weight.shape == (N_SIGNS,)
    assert SHIPPED.stat().st_size < 2_000
    weights = dict(zip(Signs._fields, model.weight, strict=True))
    assert weights["both"] > 0 > weights["nearest"]


def test_a_folder_without_sessions_is_refused_in_a_sentence(tmp_path: Path) -> None:
    write_item(tmp_path / "one", np.zeros((2, 1, 480)))
    result = CliRunner().invoke(unisons.main, [str(tmp_path), "--output", str(tmp_path / "u.safetensors")])
    assert result.exit_code == 2
    assert "should hold 5 sessions of several players" in result.output
    assert not (tmp_path / "u.safetensors").exists()
