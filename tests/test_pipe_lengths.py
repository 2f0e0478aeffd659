"""Pipes have no length: what is told of it, and what comes behind it."""

from __future__ import annotations

import io
import os
import struct
import threading
from pathlib import Path

import lengthy
import numpy as np
import pytest
from click.testing import CliRunner
from lengthy import wav, written
from numpy.typing import NDArray

from bsep_stream.cli import main
from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.containers import unseekable
from bsep_stream.files.pipes.arriving import ArrivingAudio
from bsep_stream.files.separation import separate_file

sound = lengthy.sound


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3"])
def test_fifo(tmp_path: Path, sound: NDArray[np.float64], tiny_model_path: Path, kind: str) -> None:
    path, fifo = tmp_path / "take", tmp_path / "fifo"
    content = written(path, sound, kind, "MPEG_LAYER_III" if kind == "MP3" else "PCM_16")
    separate_file(tiny_model_path, path, tmp_path / "expected")
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(content), daemon=True)
    writer.start()
    result = CliRunner().invoke(main, ["separate", str(tiny_model_path), str(fifo), "-o", str(tmp_path / "out")])
    writer.join()
    assert result.exit_code == 0, result.stderr
    for name in ("flute", "oboe", "residual"):
        assert np.array_equal(*(read_recording(tmp_path / each / f"{name}.wav")[0] for each in ("expected", "out")))


def test_fifo_without_a_writer_does_not_hang(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseekable, "WRITER_SECONDS", 0.0)
    os.mkfifo(tmp_path / "fifo")
    commands: tuple[tuple[str, ...], ...] = (
        ("separate", str(tiny_model_path), str(tmp_path / "fifo"), "-o", str(tmp_path / "out")),
        ("notes", str(tiny_model_path), str(tmp_path / "fifo"), "-o", str(tmp_path / "notes.csv")),
        ("evaluate", "--reference", str(tmp_path / "fifo"), "--estimate", str(tmp_path / "fifo")),
    )
    for command in commands:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert "give -" in result.stderr
    with pytest.raises(AudioError, match="device"):
        read_recording("/dev/null")


def through_a_pipe(content: bytes, at_once: int) -> tuple[int, str]:
    """Samples that came, and what was said in the end."""

    class Pipe(io.BufferedReader):
        def read1(self, size: int = -1) -> bytes:
            return super().read1(min(size, at_once) if size > 0 else at_once)

    arriving = ArrivingAudio(Pipe(io.BytesIO(content)))  # type: ignore[arg-type]
    n = sum(block.shape[1] for block in arriving.blocks())
    try:
        arriving.check_end()
    except AudioError as error:
        return n, str(error)
    return n, ""


@pytest.mark.parametrize("at_once", [7, 4096])
def test_a_pipe_that_goes_on_behind_its_header(tmp_path: Path, sound: NDArray[np.float64], at_once: int) -> None:
    content = written(tmp_path / "a.wav", sound[:9000], "WAV")
    assert through_a_pipe(bytes(content), at_once) == (9000, "")
    titles = b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert through_a_pipe(bytes(content) + titles, at_once) == (9000, "")
    n, said = through_a_pipe(wav(2 * 2000, 36 + 2 * 2000)(content), at_once)
    assert n == 9000
    assert "went on behind the 4000 bytes" in said
