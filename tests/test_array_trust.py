"""Arrays of strangers: what is none, or unpacks to more than it is, is refused in a sentence."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from bsep_stream.errors import BsepError, RunError
from bsep_stream.trust.arrays import read_npy, read_npz
from bsep_stream.trust.textfiles import Fail

FAIL = Fail(RunError, "the file")


def one_sentence(error: BsepError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 1_000


def npy(values: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, values)
    return content.getvalue()


def test_array_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    for values in (np.arange(6, dtype=np.float32).reshape(2, 3), np.asfortranarray(np.ones((2, 3), np.float32))):
        path.write_bytes(npy(values))
        np.testing.assert_array_equal(read_npy(path, "float32", (None, 3), FAIL), values)


ARRAYS = {
    "claims a terabyte": npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3), }      ", b"(2, 10**11), }"[:14] + b" "),
    "claims more": npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3)", b"(9, 3)"),
    "claims less": npy(np.zeros((2, 3), np.float32)).replace(b"(2, 3)", b"(1, 3)"),
    "claims less than nothing": npy(np.zeros((2, 3), np.float32))
    .replace(b"(2, 3) ", b"(-2, 3)")
    .replace(b"(2, 3)", b"(-2,3)"),
    "another shape": npy(np.zeros((2, 4), np.float32)),
    "one dimension": npy(np.zeros(6, np.float32)),
    "another type": npy(np.zeros((2, 3), np.float64)),
    "pickled": npy(np.array([[1, "a", {}]], dtype=object)),
    "code for a header": npy(np.zeros((2, 3), np.float32)).replace(b"False", b"exit("),
    "nothing": b"",
    "text": b"no array" * 50,
}


@pytest.mark.parametrize("kind", list(ARRAYS))
def test_array_that_is_none_is_refused(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(ARRAYS[kind])
    with pytest.raises(RunError) as caught:
        read_npy(tmp_path / "a.npy", "float32", (None, 3), FAIL)
    one_sentence(caught.value)


def archive(compression: int, **parts: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as file:
        for name, data in parts.items():
            file.writestr(f"{name}.npy", data)
    return content.getvalue()


def test_archive_that_unpacks_to_more_than_it_is_is_refused(tmp_path: Path) -> None:
    path, zeros = tmp_path / "labels.npz", npy(np.zeros((1_000_000,), np.float32))
    path.write_bytes(archive(zipfile.ZIP_DEFLATED, a=zeros))
    assert path.stat().st_size < 10_000
    with pytest.raises(RunError, match="packed arrays"):
        read_npz(path, {"a": ("float32", (None,))}, FAIL)
    path.write_bytes(archive(zipfile.ZIP_STORED, a=npy(np.arange(3.0, dtype=np.float32))))
    assert read_npz(path, {"a": ("float32", (None,))}, FAIL)["a"].tolist() == [0.0, 1.0, 2.0]
    for parts in ({"b": ("float32", (None,))}, {"a": ("float32", (None,)), "b": ("float32", ())}):
        with pytest.raises(RunError, match="should hold"):
            read_npz(path, parts, FAIL)  # type: ignore[arg-type]
