"""Comparing a recording of a live run with what should have been: in pieces, because blocks may be lost on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Fit:
    """How a recording was put together from a signal.

    Parameters
    ----------
    matched : int
        Samples that are those of the signal, to the bit.
    gaps : int
        Times that the recording goes on at another place of the signal, or with a block of something else.
    uncounted : int
        Samples that are neither the signal nor excused.
    first_offset : int
        Place of the signal's first sample in the recording, as of the first block that matches.
    """

    matched: int = 0
    gaps: int = 0
    uncounted: int = 0
    first_offset: int = 0


def fit(recording: np.ndarray, signal: np.ndarray, block: int, excused: np.ndarray | None = None) -> Fit:
    """Put a recording together from pieces of a signal that has no two equal blocks.

    Parameters
    ----------
    recording, signal : ndarray, shape (n,)
    block : int
        Samples that are compared at a time.
    excused : ndarray, shape (len(signal),), bool
        Samples of the signal in whose place there may be something else.
    """
    order = np.argsort(signal, kind="stable")
    found, offset = Fit(), None
    excused = np.zeros(signal.size, dtype=bool) if excused is None else excused
    lost = False
    sounding = np.flatnonzero(recording)
    if not sounding.size:
        return found
    for start in range(sounding[0] // block * block, sounding[-1] + 1, block):
        piece = recording[start : start + block]
        here = None if offset is None else start - offset
        if here is not None and same(signal, here, piece):
            found.matched += piece.size
            lost = False
            continue
        if here is not None and excused[max(here, 0) : max(here, 0) + piece.size].any():
            differs = piece[: max(0, signal.size - here)] != signal[here : here + piece.size]
            wrong = differs & ~excused[here : here + differs.size]
            if not wrong.any():
                continue
        where = look_up(signal, order, piece)
        if where is not None:
            if offset is None:
                found.first_offset = start - where
            else:
                found.gaps += not lost
            offset, lost = start - where, False
            found.matched += piece.size
        elif piece.any() and offset is not None and here is not None and here < signal.size:
            found.gaps += not lost
            found.uncounted += piece.size
            lost = True
    return found


def same(signal: np.ndarray, start: int, piece: np.ndarray) -> bool:
    """Whether a piece lies at a place of the signal; silence follows it."""
    if start < 0:
        return False
    there = signal[start : start + piece.size]
    return np.array_equal(there, piece[: there.size]) and not piece[there.size :].any()


def look_up(signal: np.ndarray, order: np.ndarray, piece: np.ndarray) -> int | None:
    """Where in the signal a piece lies, if anywhere."""
    if not piece.all():
        return None
    first = np.searchsorted(signal, piece[0], side="left", sorter=order)
    last = np.searchsorted(signal, piece[0], side="right", sorter=order)
    for start in order[first:last]:
        if np.array_equal(signal[start : start + piece.size], piece):
            return int(start)
    return None


def bridged(events: list[dict[str, Any]], n_samples: int, ramp: int) -> np.ndarray:
    """Positions that `bsep live` says were bridged, or lie where its latency changed, with the fades; shape (n,)."""
    excused = np.zeros(n_samples, dtype=bool)
    since = None
    for event in events:
        position = max(event["position"], 0)
        if event["kind"] == "underrun":
            since = position
        elif event["kind"] == "recovered":
            excused[0 if since is None else since : position + ramp] = True
            since = None
        elif event["kind"] == "latency":
            reach = ramp + abs(event["samples"])
            excused[max(position - reach, 0) : position + reach] = True
    if since is not None:
        excused[since:] = True
    return excused
