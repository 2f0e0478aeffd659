"""Hot reload: a rack file that is saved while it plays is loaded, and a broken one is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bsep_stream.effects.rack import Rack, load_rack
from bsep_stream.errors import BsepError
from bsep_stream.live.engine.liveengine import LiveEngine

SETTLE_SECONDS = 0.2
"""A file that has changed is read when it has stayed the same for so long: editors write in several steps."""


class RackWatch:
    """Looks after one rack file.

    Parameters
    ----------
    engine : LiveEngine
    path : Path
    clock : callable
        Seconds.
    permitted : callable, optional
        Gives a rack leave to load its plugins, or raises a ConfigError; without, none are loaded.
    """

    def __init__(
        self,
        engine: LiveEngine,
        path: Path,
        clock: Callable[[], float] = time.monotonic,
        permitted: Callable[[Rack], Rack] | None = None,
    ) -> None:
        self._engine = engine
        self._path = path
        self._clock = clock
        self._permitted = permitted or (lambda rack: rack)
        self._loaded = self._seen = self._stamp()
        self._seen_at = clock()

    def poll(self) -> None:
        """Load the file if it has changed; a few times a second is often enough."""
        stamp, now = self._stamp(), self._clock()
        if stamp != self._seen:
            self._seen, self._seen_at = stamp, now
        if stamp == self._loaded or now - self._seen_at < SETTLE_SECONDS:
            return
        self._loaded = stamp
        try:
            self._engine.desk.load(self._permitted(load_rack(self._path)))
            text = f"{self._path} was loaded"
        except BsepError as error:
            text = f"{error}; the old rack plays on"
        except Exception as error:  # whatever it is, it does not end the show
            text = f"{self._path} cannot be used ({type(error).__name__}: {error}); the old rack plays on"
        self._engine.counters.report("rack", self._engine.input.end, 0, text)

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size
