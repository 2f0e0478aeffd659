"""Processors that stay awake: asked for as Linux wants it, while it lasts, and no failure where that is not allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bsep_stream.live.devices.wakefulness import LATENCY_FILE, wakeful_processors


def test_no_latency_is_asked_for_in_one_word_of_32_bits(tmp_path: Path) -> None:
    file = tmp_path / "cpu_dma_latency"
    file.touch()
    with wakeful_processors(file) as allowed:
        assert allowed
        assert file.read_bytes() == b"\0\0\0\0"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="no /proc to read open files from")
def test_the_file_is_open_meanwhile_and_closed_afterwards(tmp_path: Path) -> None:
    file = tmp_path / "cpu_dma_latency"
    file.touch()
    with wakeful_processors(file):
        assert file.resolve() in _open_files()
    assert file.resolve() not in _open_files()


def test_a_system_without_such_a_file_is_no_failure(tmp_path: Path) -> None:
    with wakeful_processors(tmp_path / "cpu_dma_latency") as allowed:
        assert not allowed
    assert not list(tmp_path.iterdir())  # and none is made


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no file that opens and cannot be written")
def test_a_file_that_cannot_be_written_is_no_failure() -> None:
    with wakeful_processors(Path("/dev/full")) as allowed:
        assert not allowed


@pytest.mark.skipif(not LATENCY_FILE.exists(), reason="this system has no such file")
def test_the_system_takes_what_is_written() -> None:
    try:
        LATENCY_FILE.open("r+b", buffering=0).close()
    except OSError:
        pytest.skip("this user may not write it")
    with wakeful_processors() as allowed, LATENCY_FILE.open("rb", buffering=0) as file:
        assert allowed
        assert file.read(4) == b"\0\0\0\0"


def _open_files() -> set[Path]:
    return {link.resolve() for link in Path("/proc/self/fd").iterdir()}
