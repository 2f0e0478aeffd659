"""The ways in which a process is asked to end: Ctrl-C, ``kill`` and ``docker stop``, a terminal that is closed."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

_POLITE = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


_terminals: list[int] = []
"""Standard streams that are a terminal: one that is gone does not say so any more."""


def ending_signals() -> tuple[signal.Signals, ...]:
    """The signals that end a process politely, without those that it was started to ignore (as ``nohup`` does)."""
    return tuple(
        number for number in _POLITE if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
    )


def end_like_ctrl_c() -> None:
    """From now on every polite signal raises KeyboardInterrupt; only the main thread can ask for that."""
    if threading.current_thread() is not threading.main_thread():
        return
    _terminals[:] = [stream for stream in (0, 1, 2) if os.isatty(stream)]
    for number in ending_signals():
        if number is not signal.SIGINT:
            signal.signal(number, interrupt)


def interrupt(number: int, _frame: FrameType | None) -> None:
    """A handler that raises KeyboardInterrupt."""
    let_go_of_terminal(number)
    raise KeyboardInterrupt


def let_go_of_terminal(number: int) -> None:
    """Where a terminal was closed, let what is said go nowhere: writing to it would fail, before the saving."""
    if number != getattr(signal, "SIGHUP", None):
        return
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in _terminals:
        os.dup2(nowhere, stream)
    os.close(nowhere)
