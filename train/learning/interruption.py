"""Ctrl-C at the right moment, and what means the same."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bsep_stream.endings import ending_signals, interrupt, let_go_of_terminal


@contextmanager
def deferred_interrupt() -> Iterator[threading.Event]:
    """Let Ctrl-C, SIGTERM and SIGHUP wait until the iteration is whole; a second one does not wait."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted  # only the main thread may set handlers, and only it gets the signal
        return
    numbers = ending_signals()

    def defer(number: int, _frame: FrameType | None) -> None:
        interrupted.set()
        let_go_of_terminal(number)
        for each in numbers:
            signal.signal(each, interrupt)

    previous = {number: signal.signal(number, defer) for number in numbers}
    try:
        yield interrupted
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
