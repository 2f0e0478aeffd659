"""Checkpoints: what goes in comes out, they hold no pickle, are never half written, and damage is told."""

import errno
import os
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.train.learning.checkpoint import FORMAT_VERSION, Checkpoint, load_checkpoint, save_checkpoint


def checkpoint(value: float = 1.0, format_version: int = FORMAT_VERSION) -> Checkpoint:
    tensors = {
        "weight": torch.full((3, 4), value).T,  # not contiguous
        "generator": torch.arange(7, dtype=torch.uint8),
        "step": torch.tensor(12),
    }
    return Checkpoint(tensors, '{"state": 123456789012345678901234567890}', 12, 3.5, format_version)


def test_checkpoint_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint())
    read = load_checkpoint(path)
    assert (read.frame_state, read.iterations, read.seconds) == (checkpoint().frame_state, 12, 3.5)
    for name, tensor in checkpoint().tensors.items():
        assert read.tensors[name].dtype == tensor.dtype
        assert torch.equal(read.tensors[name], tensor)


def test_checkpoint_is_no_pickle(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint())
    header_length = int.from_bytes(path.read_bytes()[:8], "little")
    assert path.read_bytes()[8:9] == b"{"  # safetensors: a JSON header, then numbers
    assert header_length < 1_000


def test_interrupted_save_keeps_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint(1.0))

    def full_disk(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space left on device"):
        save_checkpoint(path, checkpoint(2.0))
    assert torch.equal(load_checkpoint(path).tensors["weight"], checkpoint(1.0).tensors["weight"])
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_missing_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        load_checkpoint(tmp_path / "checkpoint.safetensors")


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "foreign"])
def test_damaged_checkpoint_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint())
    whole = path.read_bytes()
    if damage == "foreign":
        from safetensors.torch import save_file

        save_file({"weight": torch.zeros(2)}, path)
    else:
        path.write_bytes({"empty": b"", "cut": whole[:-20], "text": b"not a checkpoint at all"}[damage])
    with pytest.raises(RunError, match="is damaged"):
        load_checkpoint(path)


def test_checkpoint_of_numbers_that_are_not_finite_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint(float("nan")))
    with pytest.raises(RunError, match="not finite in 'weight'"):
        load_checkpoint(path)


def test_newer_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(path, checkpoint(format_version=FORMAT_VERSION + 1))
    with pytest.raises(RunError, match="update bsep-stream"):
        load_checkpoint(path)
