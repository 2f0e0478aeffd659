"""The folder for the state of programs (XDG): what was allowed and what was tried out is kept there."""

from __future__ import annotations

import os
from pathlib import Path


def state_folder() -> Path:
    """Ours: in ``$XDG_STATE_HOME``, else in ``~/.local/state``. RuntimeError where nobody has a home."""
    given = os.environ.get("XDG_STATE_HOME", "")
    if os.path.isabs(given):  # others are to be ignored, says the specification
        folder = Path(given)
    elif os.name == "nt" and os.environ.get("LOCALAPPDATA"):
        folder = Path(os.environ["LOCALAPPDATA"])
    else:
        folder = Path("~/.local/state").expanduser()
    return folder / "bsep-stream"
