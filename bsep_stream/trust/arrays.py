"""Arrays from npy and npz files: no pickles, and no more memory than the file itself has bytes.

A header may claim any shape, and a few kilobytes of zip may unpack to gigabytes. So nothing is made of an array before
its bytes are known to be there, and a zip whose parts are packed is none of ours.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import Fail, read_bytes

LARGEST_BYTES = 512_000_000
_LONGEST_HEADER = 1_000  # characters

_Shape = Sequence[int | None]


def read_npy(path: Path, dtype: str, shape: _Shape, fail: Fail) -> NDArray[np.generic]:
    """An array of one type, every dimension a size or None for any; whatever else comes is an error."""
    return _array(read_bytes(path, LARGEST_BYTES, fail), path.name, dtype, shape, fail)


def read_npz(
    path: Path, parts: Mapping[str, tuple[str, _Shape]], fail: Fail, added: Collection[str] = ()
) -> dict[str, NDArray[np.generic]]:
    """Arrays by their names, each of a type and shape as for :func:`read_npy`; all of them and no others.

    What was `added` later may be missing in an older file, and then in what is returned.
    """
    data = read_bytes(path, LARGEST_BYTES, fail)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            held = sorted(entry.filename.removesuffix(".npy") for entry in entries)
            if any(not entry.filename.endswith(".npy") for entry in entries) or held != sorted(
                name for name in parts if name in held or name not in added
            ):
                raise fail(f"should hold {', '.join(parts)}")
            packed = any(entry.compress_type != zipfile.ZIP_STORED for entry in entries)
            if packed or sum(entry.file_size for entry in entries) > len(data):
                raise fail("holds packed arrays, and ours are not")
            return {
                name: _array(archive.read(f"{name}.npy"), name, dtype, shape, fail)
                for name, (dtype, shape) in parts.items()
                if name in held
            }
    except BsepError:
        raise
    except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError, NotImplementedError, RuntimeError) as error:
        raise fail(f"is no archive of arrays ({type(error).__name__})") from error


def _array(data: bytes, name: str, dtype: str, shape: _Shape, fail: Fail) -> NDArray[np.generic]:
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        found, by_columns, kind = read_header[version](stream, max_header_size=_LONGEST_HEADER)
    except Exception as error:  # numpy looks for Python in a header, and raises whatever that raises
        raise fail(f"is no array ({name})") from error
    fits = len(found) == len(shape) and all(
        type(size) is int and size >= 0 and wanted in (None, size) for size, wanted in zip(found, shape, strict=True)
    )
    if kind != np.dtype(dtype) or not fits:
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise fail(f"should hold {name} as {dtype} ({wanted}), holds {brief(str(kind))} {brief(found)}")
    n = 1
    for size in found:
        n *= size
    if len(data) - stream.tell() != n * kind.itemsize:
        raise fail(f"is cut short: {name} should have {brief(n)} numbers")
    values = np.frombuffer(data, kind, n, stream.tell())
    return values.reshape(found, order="F" if by_columns else "C").copy()
