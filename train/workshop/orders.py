"""What the studio says to a training process: lines on standard input. Where they end, the studio is gone: pause."""

from __future__ import annotations

import _thread
import signal
import sys
import threading

PAUSE, FINISH = "pause", "finish"


class Orders:
    """Listens in a thread; an order interrupts the main thread as Ctrl-C would.

    Attributes
    ----------
    given : str or None
        The order that came first.
    """

    def __init__(self) -> None:
        self.given: str | None = None
        self._muted = threading.Event()

    def listen(self) -> None:
        """Begin to listen."""
        threading.Thread(target=self._listen, name="bsep orders", daemon=True).start()

    def mute(self) -> None:
        """From now on nothing is interrupted: what remains takes a moment and is wanted whole."""
        self._muted.set()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() in (PAUSE, FINISH):
                self._obey(line.strip())
                return
        self._obey(PAUSE)

    def _obey(self, order: str) -> None:
        self.given = order
        if not self._muted.is_set():
            _thread.interrupt_main(signal.SIGINT)
