"""How the threads of torch wait."""

from __future__ import annotations

import os


def let_threads_sleep() -> None:
    """Let the threads of torch sleep while they wait; to be called before torch is imported, which reads it once.

    By default a thread that has done its part of an operation spins until the others have done theirs. Where another
    process has one of the cores, the others spin for a whole time slice, at every operation, and a training on two
    cores becomes several times slower than on one. Whoever sets OMP_WAIT_POLICY himself is obeyed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
