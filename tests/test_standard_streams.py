"""Closed streams and encodings that lack letters end no command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bsep_stream.cli import main
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate_file

RUN = "from bsep_stream.cli import main; main()"


def bsep(*arguments: object, closed: tuple[int, ...] = (), **environment: str) -> subprocess.CompletedProcess[bytes]:
    streams = " ".join(f"{number}>&-" for number in closed)
    shell = f'exec "$@" {streams}'
    return subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-c", RUN, *(os.fsencode(str(each)) for each in arguments)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


@pytest.fixture
def take(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "Größe ♪.wav"
    soundfile.write(path, 0.1 * rng.standard_normal(9000), 48_000)
    return path


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_encodings(tmp_path: Path, take: Path, tiny_model_path: Path, encoding: str) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.wav")
    odd.write_bytes(take.read_bytes())
    result = bsep("separate", tiny_model_path, take, odd, "-o", tmp_path / "out", PYTHONIOENCODING=encoding)
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr
    assert rb"caf\xe9" in result.stdout  # a byte that is no text is shown, not sent
    assert len(list((tmp_path / "out").rglob("*.wav"))) == 6
    for command in (("info", tiny_model_path), ("report", take, "-o", tmp_path / "♪.html"), ("rack", "list")):
        result = bsep(*command, PYTHONIOENCODING=encoding)
        assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (1, 2), (0, 1, 2)])
def test_closed_streams(tmp_path: Path, take: Path, tiny_model_path: Path, closed: tuple[int, ...]) -> None:
    separate_file(tiny_model_path, take, tmp_path / "kept")
    result = bsep("separate", tiny_model_path, take, "-o", tmp_path / "out", closed=closed)
    assert result.returncode == 0
    assert b"Traceback" not in result.stderr
    for name in ("flute", "oboe", "residual"):  # nothing was written into them by mistake
        assert np.array_equal(*(read_recording(tmp_path / each / f"{name}.wav")[0] for each in ("kept", "out")))
    assert bsep("info", tiny_model_path, closed=closed).returncode == 0
    assert bsep("info", tmp_path / "none.onnx", closed=closed).returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_standard_error_that_takes_nothing_costs_no_stem(tmp_path: Path, take: Path, tiny_model_path: Path) -> None:
    arguments = [sys.executable, "-c", RUN, "separate", tiny_model_path, take, "-o", tmp_path / "out"]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=full, check=False).returncode == 0
        refused = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=full, check=False)  # its files are there
    assert refused.returncode == 2
    assert len(list((tmp_path / "out").glob("*.wav"))) == 3


def test_ctrl_c_while_the_last_sentence_is_said_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(sentence: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bsep_stream.cli._complain", interrupted)
    result = CliRunner().invoke(main, ["info", str(tmp_path / "none.onnx")])
    assert result.exit_code == 130
    assert isinstance(result.exception, SystemExit)
