"""Damaged files for every reader, a few of each; ``python -m bsep_stream.fuzz --seconds 60`` tries many."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from bsep_stream.errors import ConfigError
from bsep_stream.fuzz import fuzzing as fuzz
from bsep_stream.fuzz.cases import Case, cases

N_CASES = 12


def test_every_damaged_file_is_read_or_refused() -> None:
    tallies = fuzz.run(seed=20210407, n_cases=N_CASES)
    assert not [failure for tally in tallies.values() for failure in tally.failures]
    assert all(tally.counts.total() == N_CASES for tally in tallies.values())
    expected = {"model", "rack", "defaults", "run", "plugins", "table", "recording", "pipe"}
    assert set(tallies) >= expected
    assert all(tallies[name].counts["refused"] > 0 for name in expected - {"plugins"})  # what is damaged there is empty
    assert all(tally.counts["read"] > 0 for tally in tallies.values())
    if importlib.util.find_spec("torch") is not None:
        assert set(tallies) >= {"training", "race"}


def test_case_comes_again_by_seed_reader_and_number() -> None:
    for name, case in cases().items():
        files = [fuzz.damaged_files(case, 3, name, number) for number in range(6)]
        assert files == [fuzz.damaged_files(case, 3, name, number) for number in range(6)]
        assert files[0] == {path: content for path, (content, _) in case.files.items()}
        assert any(each != files[0] for each in files[1:])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RecursionError("deep"), "RecursionError: deep"),
        (ConfigError(""), "a sentence that cannot be shown"),
        (ConfigError("a" * 5_000), "a sentence that cannot be shown"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_reader_that_raises_anything_else_is_told(
    error: BaseException, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: Path) -> object:
        raise error

    monkeypatch.setattr(fuzz, "cases", lambda: {"bad": Case({"a": (b"abc", lambda data, rng: data)}, read)})
    (tally,) = fuzz.run(seed=0, n_cases=1).values()
    assert told in tally.failures[0]
    assert tally.failures[0].startswith("--seed 0 --only bad --first 0 --cases 1\n")
    result = CliRunner().invoke(fuzz.main, ["--cases", "1"])
    assert result.exit_code == 1
    assert "1 failures, seed 0" in result.stderr


def test_slow_and_greedy_readers_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "cases", lambda: {"bad": Case({"a": (b"abc", lambda data, rng: data)}, len_of)})
    monkeypatch.setattr(fuzz, "MOST_SECONDS", -1.0)
    assert "it took" in fuzz.run(seed=0, n_cases=1)["bad"].failures[0]
    monkeypatch.setattr(fuzz, "MOST_SECONDS", 1e9)
    peaks = iter([0.0, 3e9, 3e9, 3e9])
    monkeypatch.setattr(fuzz, "peak_bytes", lambda: next(peaks))
    assert "3000 MB were taken" in fuzz.run(seed=0, n_cases=1)["bad"].failures[0]


def len_of(folder: Path) -> int:
    return len(list(folder.iterdir()))
