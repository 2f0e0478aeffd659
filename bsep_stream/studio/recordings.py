"""What came in: waveform and level at once, and words about what could be better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import Recording
from bsep_stream.studio.sessionfolder import read_json, stamp, write_json
from bsep_stream.studio.wording import sentence

POINTS = 1200
"""Of a waveform: about one per pixel of a large window."""

SHORTEST_SECONDS, GOOD_SECONDS = 1.0, 20.0
LONG_SECONDS = 1200.0
CLIPPED_LEVEL, CLIPPED_RUN = 0.999, 3
"""So many samples in a row at full scale are a cut peak and no chance."""
BEYOND_DB = 0.05
QUIET_DB, SILENT_DB = -45.0, -100.0
DC_SHARE = 0.1
"""Of an offset against the RMS: what a broken interface makes, not music."""


def look_at(path: Path, cache: Path) -> dict[str, Any]:
    """Length, level, waveform and remarks of a recording; kept in ``cache`` until the file changes.

    Returns
    -------
    dict
        ``seconds, sample_rate, channels, rms_db, peak_db, low, high, remarks``; ``low`` and ``high`` are
        :data:`POINTS` whole numbers from -127 to 127. A remark has a ``kind`` (``bad``: cannot be learned from;
        ``warn``, ``hint``) and a ``text``.
    """
    kept_path = cache / f"{path.name}.json"
    kept = read_json(kept_path)
    if isinstance(kept, dict) and kept.get("stamp") == stamp(path):
        return kept
    try:
        found = measure(path)
    except AudioError as error:
        text = sentence(str(error).replace(str(path), path.name))
        unknown = {"seconds": 0.0, "sample_rate": 0, "channels": 0, "rms_db": None, "peak_db": None}
        found = {**unknown, "low": [], "high": [], "remarks": [{"kind": "bad", "text": text}]}
    found["stamp"] = stamp(path)
    write_json(kept_path, found)
    return found


def measure(path: Path) -> dict[str, Any]:
    """The same, from the file; AudioError if it cannot be read."""
    with Recording(path) as recording:
        rate, channels, n = recording.sample_rate, recording.channels, recording.n_samples
        edges = np.linspace(0, n, POINTS + 1).astype(np.int64)
        low, high = np.zeros(POINTS, np.float32), np.zeros(POINTS, np.float32)
        squares, sums = np.zeros(channels), np.zeros(channels)
        peak, clipped, start, mono_squares = 0.0, 0, 0, 0.0
        sides = 0.0
        for block in recording.blocks():
            squares += np.square(block, dtype=np.float64).sum(axis=1)
            sums += block.sum(axis=1, dtype=np.float64)
            peak = max(peak, float(np.abs(block).max()))
            clipped += sum(runs_at_full_scale(row) for row in block)
            mono = block.mean(axis=0)
            mono_squares += float(np.square(mono, dtype=np.float64).sum())
            if channels == 2:
                sides += float(np.square(block[0] - block[1], dtype=np.float64).sum())
            _draw(mono, start, edges, low, high)
            start += block.shape[1]
        missing = [text.replace(str(path), path.name) for text in recording.warnings]
    count = max(start, 1)
    power = float(squares.sum() / (count * channels))
    offset = float(np.abs(sums / count).max())
    facts = {
        "seconds": start / rate,
        "sample_rate": rate,
        "channels": channels,
        "rms_db": _decibels(np.sqrt(power)),
        "peak_db": _decibels(peak),
    }
    cancelled = channels > 1 and mono_squares / count < 1e-6 * power
    same = channels == 2 and sides <= 1e-9 * float(squares.sum())
    scale = 127.0 / max(peak, 1e-9)
    return {
        **facts,
        "low": np.round(low * scale).astype(int).tolist(),
        "high": np.round(high * scale).astype(int).tolist(),
        "remarks": [
            *({"kind": "warn", "text": sentence(text)} for text in missing),
            *remarks(facts, clipped=clipped, offset=offset, cancelled=cancelled, same=same),
        ],
    }


def runs_at_full_scale(samples: NDArray[np.float32]) -> int:
    """How often the peaks of a channel are cut off."""
    full = np.abs(samples) >= CLIPPED_LEVEL
    if not full.any():
        return 0
    together = full[: len(full) - CLIPPED_RUN + 1].copy()
    for shift in range(1, CLIPPED_RUN):
        together &= full[shift : len(full) - CLIPPED_RUN + 1 + shift]
    return int(np.count_nonzero(together[1:] & ~together[:-1]) + (bool(together[0]) if len(together) else 0))


def remarks(facts: dict[str, Any], *, clipped: int, offset: float, cancelled: bool, same: bool) -> list[dict[str, str]]:
    """What makes a good recording, where this is none."""
    found: list[dict[str, str]] = []

    def say(kind: str, text: str) -> None:
        found.append({"kind": kind, "text": text})

    seconds, level, peak = facts["seconds"], facts["rms_db"], facts["peak_db"]
    if level is None or level < SILENT_DB:
        say("bad", "This recording is silent: check the cable and the input, and record again.")
        return found
    if seconds < SHORTEST_SECONDS:
        say("bad", f"It lasts {seconds:.2f} s. At least one second is needed, half a minute is good.")
    elif seconds < GOOD_SECONDS:
        say("warn", f"It lasts {seconds:.0f} s. Half a minute or more tells the instruments apart better.")
    elif seconds > LONG_SECONDS:
        say("hint", "It is long: a few minutes are learned from, all of it is separated.")
    if cancelled:
        say("bad", "The channels cancel each other when they are summed: turn the phase of one of them.")
    beyond = peak is not None and peak > BEYOND_DB  # what goes on beyond full scale was not cut there
    if clipped and not beyond:
        times = "once" if clipped == 1 else f"{clipped} times"
        say("warn", f"It clips: peaks are cut off {times}. Record with 6 dB less gain, if you can.")
    if level < QUIET_DB:
        say("warn", f"It is quiet ({level:.0f} dB): noise will be heard in the stems. Come closer, or add gain.")
    if offset > DC_SHARE * 10 ** (level / 20) and offset > 1e-4:
        say("warn", "It has an offset (DC). That is taken care of; the sound card may need a look.")
    if facts["channels"] == 1:
        say("hint", "It is mono. In stereo, instruments that stand apart are told apart better.")
    elif same:
        say("hint", "Both channels are the same: it is mono in two channels.")
    if beyond:
        say("hint", f"Its peaks go {peak:.1f} dB beyond full scale; that is kept.")
    return found


def _draw(
    mono: NDArray[np.float32], start: int, edges: NDArray[np.int64], low: NDArray[np.float32], high: NDArray[np.float32]
) -> None:
    """Lowest and highest sample of every point that a block touches."""
    end = start + len(mono)
    first = max(0, int(np.searchsorted(edges, start, side="right")) - 1)
    last = min(len(low), int(np.searchsorted(edges, end, side="left")))
    for point in range(first, last):
        part = mono[max(0, int(edges[point]) - start) : max(0, int(edges[point + 1]) - start)]
        if part.size:
            low[point] = min(low[point], float(part.min()))
            high[point] = max(high[point], float(part.max()))


def _decibels(value: float) -> float | None:
    return None if value <= 0.0 else round(20.0 * float(np.log10(value)), 2)
