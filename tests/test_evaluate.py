"""`bsep evaluate`: the command line as the documents write it, and one sentence for files that do not fit."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main

FLOAT_FILE_DB = 0.01  # float32 in the files


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["evaluate", *map(str, args)])


@pytest.fixture
def stems(tmp_path: Path) -> dict[str, Path]:
    """a, b: orthogonal sines; x = b + 0.1 a, y = a + 0.01 b; SIR 20 and 40 dB."""
    time = np.arange(4800) / 4800
    a, b = np.sin(2 * np.pi * 7 * time), np.sin(2 * np.pi * 12 * time)
    paths = {}
    for name, audio in {"a": a, "b": b, "x": b + 0.1 * a, "y": a + 0.01 * b}.items():
        paths[name] = tmp_path / f"{name}.wav"
        soundfile.write(paths[name], 0.5 * audio, 48_000, subtype="FLOAT")
    return paths


def test_several_files_follow_one_option_in_any_order(stems: dict[str, Path]) -> None:
    a, b, x, y = stems.values()
    commands = [
        ("--reference", a, b, "--estimate", x, y, "--json"),
        ("--json", "--estimate", x, y, "--reference", a, b),
        ("--reference", a, "--reference", b, "--estimate", x, "--json", "--estimate", y),
        (f"--reference={a}", b, f"--estimate={x}", y, "--json"),
    ]
    for command in commands:
        result = run(*command)
        assert result.exit_code == 0, result.output
        first, second = json.loads(result.stdout)["stems"]
        assert (first["name"], first["reference"], first["estimate"]) == ("a", str(a), str(y))
        assert (second["name"], second["estimate"]) == ("b", str(x))
        assert first["sir_db"] == pytest.approx(40.0, abs=FLOAT_FILE_DB)
        assert second["sdr_db"] == pytest.approx(20.0, abs=FLOAT_FILE_DB)


def test_table_shows_every_stem_and_the_mean(stems: dict[str, Path]) -> None:
    a, b, x, y = stems.values()
    result = run("--reference", a, b, "--estimate", x, y, "--filtered")
    assert result.exit_code == 0, result.output
    for part in ("SDR", "SIR", "SAR", "SI-SDR", "40.00", "20.00", "30.00", "mean"):
        assert part in result.stdout


def test_filtered_measures_are_in_the_json(stems: dict[str, Path]) -> None:
    a, b, x, y = stems.values()
    result = run("--reference", a, b, "--estimate", x, y, "--filtered", "--json")
    assert set(json.loads(result.stdout)["stems"][0]["filtered"]) == {"sdr_db", "sir_db", "sar_db"}


def test_silent_reference_is_named_and_not_a_number(stems: dict[str, Path], tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(4800), 48_000)
    result = run("--reference", stems["a"], silent, "--estimate", stems["x"], stems["y"])
    assert "silent" in result.stdout
    result = run("--reference", stems["a"], silent, "--estimate", stems["x"], stems["y"], "--json")
    assert json.loads(result.stdout)["stems"][1]["sdr_db"] is None


@pytest.mark.parametrize(
    ("audio", "rate", "sentence"),
    [
        (np.ones(4800), 44_100, "files must have the same sample rate: .*a.wav has 48000 Hz, .*odd.wav has 44100 Hz"),
        (np.ones(4799), 48_000, "files must have the same length: .*a.wav has 4800 samples, .*odd.wav has 4799"),
        (np.ones((4800, 2)), 48_000, "same number of channels: .*a.wav has 1, .*odd.wav has 2"),
    ],
)
def test_files_that_do_not_fit_are_one_sentence_and_exit_code_2(
    audio: np.ndarray, rate: int, sentence: str, stems: dict[str, Path], tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "odd.wav", audio, rate)
    result = run("--reference", stems["a"], "--estimate", tmp_path / "odd.wav")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert re.search(sentence, result.stderr)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["--reference", "a", "b", "--estimate", "x"], "got 2 references and 1 estimates"),
        (["--reference", "a", "--estimate", "nowhere.wav"], "nowhere.wav"),
        (["--reference", "a"], "Missing option '--estimate'"),
        (["stray", "--reference", "a", "--estimate", "x"], "unexpected extra argument"),
        (["--reference", "--estimate", "x"], "--reference needs at least one file"),
        (["--reference", "a", "--estimate"], "--estimate needs at least one file"),
    ],
)
def test_wrong_calls_are_one_sentence_and_exit_code_2(
    command: list[str], sentence: str, stems: dict[str, Path]
) -> None:
    result = run(*[stems.get(word, word) for word in command])
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
