"""Processors that do not fall asleep: what waits for the next block must wake at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LATENCY_FILE = Path("/dev/cpu_dma_latency")
"""Linux: as long as it is open, no processor sleeps more deeply than lets it wake within the time that was written."""

_NO_LATENCY = (0).to_bytes(4, "little")  # s32, microseconds


@contextmanager
def wakeful_processors(latency_file: Path = LATENCY_FILE) -> Iterator[bool]:
    """Ask the system to keep all processors awake meanwhile, at the price of power.

    A processor that sleeps deeply needs up to a millisecond to wake. A virtual one that sleeps is given away by its
    host, and comes back when the host pleases.

    Parameters
    ----------
    latency_file : Path

    Yields
    ------
    bool
        Whether the system allows it. On Linux it does for root and for whom a udev rule allows to write the file;
        elsewhere there is no such file, and the system decides.
    """
    try:
        request = latency_file.open("r+b", buffering=0)
    except OSError:
        yield False
        return
    with request:
        try:
            request.write(_NO_LATENCY)
        except OSError:
            allowed = False
        else:
            allowed = True
        yield allowed
