"""Output files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bsep_stream.errors import ConfigError

LONGEST_NAME = 255
"""Bytes that a name may have on nearly every file system."""

_PLACE_OF_TEMPORARY = 12  # bytes: dots and what makes the name its own


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on failure.

    Parameters
    ----------
    path : Path
        Where the finished file shall appear. Its folder is made if it is missing, and goes again if nothing comes of
        the file. The temporary file has the same suffix, so that writers that look at the suffix work. A file that is
        replaced hands on its permissions and its owner; through a symbolic link its target is written.

    Raises
    ------
    ConfigError
        If there is something that is no file, or the name is too long.
    """
    path = Path(path)
    check_target(path)
    path = Path(os.path.realpath(path)) if path.is_symlink() else path
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.stat() if path.exists() else None
    handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:  # a rename must not overtake the data on its way to the disk
            os.fsync(written.fileno())
        if before is None:
            os.chmod(temporary, 0o666 & ~_umask())
        else:
            if hasattr(os, "chown"):
                with suppress(OSError):  # only the owner, or root
                    os.chown(temporary, before.st_uid, before.st_gid)
            os.chmod(temporary, stat.S_IMODE(before.st_mode))
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        with suppress(OSError):  # not empty any more: somebody else's
            for folder in made:
                folder.rmdir()
        raise


def check_target(path: Path) -> None:
    """ConfigError if a path can be no output file: before the work, not after it."""
    too_long = next((part for part in Path(path).parts if len(os.fsencode(part)) > LONGEST_NAME), None)
    if too_long is not None:
        raise ConfigError(
            f"the name {too_long[:40]}... is too long ({len(os.fsencode(too_long))} bytes, a file system takes "
            f"{LONGEST_NAME}): give a shorter one"
        )
    try:
        mode = os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):  # whether there can be such a folder is told when it is made
        return
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror or error}); give another output") from error
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise ConfigError(f"{path} is a device or a pipe and no file to be replaced; give another output")


def is_left_behind(path: Path) -> bool:
    """Whether a file has the name of a temporary one, or of a lock, of a process that was killed."""
    return path.name.startswith(".") and not path.is_dir()


def _prefix(path: Path) -> str:
    room = LONGEST_NAME - _PLACE_OF_TEMPORARY - len(os.fsencode(path.suffix))
    return f".{os.fsdecode(os.fsencode(path.stem)[: max(0, room)])}."


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
