"""Which plugins may be loaded: native code, allowed by a person once for a path and what lies there.

What was allowed is kept in the folder for the state of programs (XDG: ``$XDG_STATE_HOME``, else ``~/.local/state``), as
path and SHA-256. A plugin that is another one than it was is asked for again.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.filenames import real
from bsep_stream.files.atomic import whole_file
from bsep_stream.trust.statefolder import state_folder
from bsep_stream.trust.textfiles import Fail, json_object, read_json

_PLUGINS = "plugins"
_PIECE = 1 << 20  # bytes


def store_path() -> Path:
    """Where it is kept what was allowed."""
    return state_folder() / "plugins.json"


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a plugin, a file or a folder with all that is in it, names included.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    path = Path(path)
    digest = hashlib.sha256()
    try:
        for file in _files(path):
            digest.update(os.fsencode(file.relative_to(path)) + b"\0")
            content = hashlib.sha256()
            with file.open("rb") as opened:
                while piece := opened.read(_PIECE):
                    content.update(piece)
            digest.update(content.digest())
    except OSError as error:
        raise ConfigError(f"the plugin {path} cannot be read ({error.strerror}); install it again") from error
    return digest.hexdigest()


def is_remembered(path: str | Path) -> bool:
    """Whether this plugin was allowed, and is still what it was then."""
    known = _read().get(_key(path))
    return known is not None and known == fingerprint(path)


def is_known(path: str | Path) -> bool:
    """Whether any plugin at this path was allowed, be it another one than now."""
    return _key(path) in _read()


def remember(path: str | Path) -> None:
    """Allow this plugin from now on. OSError if that cannot be written down."""
    known = {**_read(), _key(path): fingerprint(path)}
    content = json.dumps({_PLUGINS: known}, indent=1) + "\n"
    json_object(content, _FAIL)  # what could not be read back is not written
    with whole_file(store_path()) as temporary:
        temporary.write_text(content, encoding="utf-8")


_FAIL = Fail(ConfigError, "the list of plugins that were allowed")


def read_store(path: Path) -> dict[str, str]:
    """What was allowed: fingerprints by path. A list that is missing or damaged allows nothing."""
    try:
        known = read_json(path, _FAIL).get(_PLUGINS)
    except BsepError:
        return {}
    if not isinstance(known, dict):
        return {}
    return {name: value for name, value in known.items() if isinstance(value, str)}


def _read() -> dict[str, str]:
    try:
        return read_store(store_path())
    except RuntimeError:  # no home
        return {}


def _key(path: str | Path) -> str:
    return str(real(path))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(Path(folder) / name for folder, _, names in os.walk(path) for name in names)
