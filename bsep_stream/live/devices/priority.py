"""Real-time priority: what is due in milliseconds goes before everything that is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

PRIORITY = 5
"""Below that of a sound server and its callbacks (JACK: 10 and more), above all that is not real time."""


@contextmanager
def real_time_priority() -> Iterator[bool]:
    """Ask the system to run this thread, and those that it starts meanwhile, before all that is not real time.

    All threads, not only the one that separates: they share Python's lock, and who holds it must not be kept waiting.

    Yields
    ------
    bool
        Whether the system allows it. On Linux it does for root and where ``ulimit -r`` is above 0, as it mostly is for
        members of the group ``audio``; elsewhere there is no such call, and the scheduler decides.
    """
    try:
        before = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except (AttributeError, OSError):
        yield False
        return
    try:
        yield True
    finally:
        os.sched_setscheduler(0, *before)
