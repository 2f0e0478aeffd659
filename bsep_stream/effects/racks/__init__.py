"""Racks that are shipped: to start from, by name wherever a rack file is asked for.

``[stems."*"]`` stands for every source that is not named, so that they fit every model.
"""

from __future__ import annotations

from pathlib import Path

from bsep_stream.errors import ConfigError
from bsep_stream.words import nearest

FOLDER = Path(__file__).parent


def shipped_racks() -> dict[str, str]:
    """Name of every rack, and what it is for: the first line of its file."""
    racks = {}
    for path in sorted(FOLDER.glob("*.toml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        racks[path.stem] = first.removeprefix("#").strip()
    return racks


def find_rack(name: str | Path) -> Path:
    """Path of a rack file: the name of a shipped rack, or a path.

    Raises
    ------
    ConfigError
        If there is neither.
    """
    path = Path(name)
    if path.exists() or path.suffix or len(path.parts) > 1:
        return path  # a missing file is reported by load_rack
    shipped = FOLDER / f"{name}.toml"
    if not shipped.is_file():
        raise ConfigError(f"there is neither a file nor a shipped rack {str(name)!r}{nearest(name, shipped_racks())}")
    return shipped
