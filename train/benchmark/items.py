"""Recordings with true stems, and the notes that were played in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.report.measures import evaluate

PARTS = ("all", "second half")
"""Of an item, that are judged: whoever trained on the first half has not heard the second."""

_Audio = NDArray[np.float32]
_COLUMNS = ("onset_s", "duration_s", "midi", "cents")


@dataclass(frozen=True)
class Notes:
    """Notes of one instrument in the order of their beginnings, each of shape (n_notes,).

    Attributes
    ----------
    onset_seconds, end_seconds : ndarray, float64
    midi : ndarray, float64
        Pitch in semitones, 69 = 440 Hz, with its deviation in cents.
    """

    onset_seconds: NDArray[np.float64]
    end_seconds: NDArray[np.float64]
    midi: NDArray[np.float64]


@dataclass(frozen=True)
class Item:
    """A recording with true stems.

    Parameters
    ----------
    folder : Path
    names : tuple of str
        Of the instruments, in the order of ``meta.json``.
    notes : tuple of Notes or None
        Of every instrument; None where nobody wrote them down.
    tones_at_once : tuple of int
        How many tones every instrument may have at once; empty: one each.
    one_tone : bool
        Training is told that all have one.
    """

    folder: Path
    names: tuple[str, ...]
    notes: tuple[Notes | None, ...]
    tones_at_once: tuple[int, ...] = ()
    one_tone: bool = False

    @property
    def has_chords(self) -> bool:
        """Whether any instrument may have several tones at once."""
        return max(self.tones_at_once, default=1) > 1

    @property
    def polyphony(self) -> tuple[int, ...]:
        """What training is told."""
        return (1,) * len(self.names) if self.one_tone or not self.tones_at_once else self.tones_at_once

    @property
    def mixture(self) -> Path:
        """What training sees."""
        return self.folder / "mix.flac"

    def true_stems(self) -> list[NDArray[np.float32]]:
        """For judging only: each (channels, samples)."""
        return [read_recording(self.folder / f"{name}.flac")[0] for name in self.names]

    def stems_at(self, sample_rate: int) -> list[NDArray[np.float32]]:
        """True stems at another sample rate, each (channels, samples)."""
        stems = []
        for name in self.names:
            audio, rate = read_recording(self.folder / f"{name}.flac")
            stems.append(soxr.resample(audio.T, rate, sample_rate, quality="VHQ").T if rate != sample_rate else audio)
        return stems

    def judge(self, estimates: Sequence[Path], part: str = "all") -> dict[str, Any]:
        """Measures of estimates against the true stems, see :func:`judge`."""
        return judge(self.names, self.true_stems(), [read_recording(path)[0] for path in estimates], part)


def judge(
    names: Sequence[str], true: Sequence[_Audio], estimates: Sequence[_Audio] | _Audio, part: str
) -> dict[str, Any]:
    """Measures of a part of a recording, one of :data:`PARTS`, as ``Evaluation.to_dict()``."""
    start = true[0].shape[-1] // 2 if part == "second half" else 0
    return evaluate([stem[:, start:] for stem in true], [stem[:, start:] for stem in estimates], names).to_dict()


def find_items(data: Path, wanted: Sequence[str] = ()) -> list[Item]:
    """Items below a folder, all or those whose folder's name begins with one of `wanted`.

    Raises
    ------
    ConfigError
        If there are none, or a ``meta.json`` does not say what was played.
    """
    items = [
        _read_item(meta)
        for meta in sorted(data.glob("*/meta.json"))
        if not wanted or any(meta.parent.name.startswith(name) for name in wanted)
    ]
    if not items:
        raise ConfigError(
            f"{data} should hold folders with mix.flac, meta.json and stems; found none that was asked for"
        )
    return items


def _read_item(meta: Path) -> Item:
    try:
        values = json.loads(meta.read_text(encoding="utf-8"))
        instruments = values["instruments"]
        names = tuple(str(instrument["name"]) for instrument in instruments)
        notes = tuple(_read_notes(instrument.get("notes"), values.get("note_columns")) for instrument in instruments)
        tones = tuple(int(instrument.get("tones_at_once", 1)) for instrument in instruments)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"{meta} should hold `instruments`, a list with a `name` and (or null) `notes` each, and `note_columns`, "
            f"their columns; it does not ({error!r})"
        ) from error
    for name in ("mix", *names):
        if not (meta.parent / f"{name}.flac").is_file():
            raise AudioError(f"{meta.parent} should hold {name}.flac: {meta.name} names it, and it is not there")
    return Item(meta.parent, names, notes, tones if max(tones) > 1 else ())


def _read_notes(rows: list[list[Any]] | None, columns: list[str] | None) -> Notes | None:
    if not rows or columns is None:
        return None
    table = np.array([[float(row[columns.index(column)]) for column in _COLUMNS] for row in sorted(rows)])
    onset, duration, midi, cents = table.T
    return Notes(onset, onset + duration, midi + cents / 100)
