"""Stems with their effects, a short segment after the other, while faders and sliders move."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.effects.mixer import Mixer
from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.soundfiles import changed_at, open_stems, to_two
from bsep_stream.words import MASTER

MOST_DESKS = 8
LONGEST_SEGMENT_SECONDS = 2.0
PREROLL_SECONDS = 1.0
"""Of sound that effects hear before a place at which one begins: so long a room may ring on."""

FADE_SECONDS = 0.03


class RemixStream:
    """One listener's desk.

    Parameters
    ----------
    stems : StemFolder
    rack : Rack
        With a strip for every stem.
    """

    def __init__(self, stems: StemFolder, rack: Rack) -> None:
        self._stems = stems
        self._rack = rack
        self._lock = threading.Lock()
        self._next = -1
        self._read_at = 0
        self._old: tuple[Mixer, int] | None = None
        self._build(rack)

    @property
    def sample_rate(self) -> int:
        """Hz."""
        return self._stems.sample_rate

    def set_rack(self, rack: Rack) -> None:
        """Move faders and sliders; where effects come or go, the old ones fade out while the new ones fade in.

        Raises
        ------
        ConfigError
            Effects that do not run; the old ones play on.
        """
        with self._lock:
            if _kinds(rack) == _kinds(self._rack):
                self._move(rack)
                return
            mixer, read_at = self._mixer, self._read_at
            self._build(rack)
            self._old = (mixer, read_at) if self._next >= 0 else None

    def render(self, start: int, n: int) -> tuple[NDArray[np.float32], dict[str, float]]:
        """The remix of a segment, shape (channels, n), and the peak of every stem behind its fader.

        Parameters
        ----------
        start, n : int
            In samples of the recording. A segment that follows the one before goes on without a seam.
        """
        if start < 0 or not 0 < n <= LONGEST_SEGMENT_SECONDS * self.sample_rate:
            raise ConfigError("there is no such segment")
        with self._lock:
            if start != self._next:
                self._old = None
                self._mixer.reset()
                self._go_to(start)
            elif self._read_at < 0:  # new effects in the middle of the sound
                self._go_to(start)
            try:
                mix = self._mixer.process(self._read(self._read_at, n))
            except StreamError:  # an effect changed what it holds back
                self._build(self._rack)
                self._go_to(start)
                mix = self._mixer.process(self._read(self._read_at, n))
            self._read_at += n
            if self._old is not None:
                mixer, read_at = self._old
                self._old = None
                mix = _crossfaded(mixer.process(self._read(read_at, n)), mix, round(FADE_SECONDS * self.sample_rate))
            self._next = start + n
            return mix, self._peaks(start, n)

    def _build(self, rack: Rack) -> None:
        names = self._stems.names
        boards = rack.boards()
        master = rack.master.board() if rack.master.effects else None
        self._mixer = Mixer(
            names,
            self.sample_rate,
            min(self._stems.channels, 2) if self._stems.channels <= 2 else 1,
            boards=boards,
            gains_db=rack.gains_db(names),
            master=master,
            master_gain_db=rack.master.gain_db,
        )
        self._boards = {**boards, **({MASTER: master} if master is not None else {})}
        self._rack, self._read_at = rack, -1

    def _move(self, rack: Rack) -> None:
        """The same effects with other parameters: they keep their sound."""
        before = self._rack
        strips = {**rack.stems, MASTER: rack.master}
        for name, strip in strips.items():
            was = before.master if name == MASTER else before.stems[name]
            for plugin, effect, old in zip(self._boards.get(name, ()), strip.effects, was.effects, strict=True):
                keys = {**effect.parameters, **old.parameters}
                changed = [key for key in keys if effect.parameters.get(key) != old.parameters.get(key)]
                if changed:
                    made = effect.make()
                    for key in changed:
                        setattr(plugin, key, getattr(made, key))
        names = self._stems.names
        after, levels = rack.gains_db(names), before.gains_db(names)
        for name in names:
            if after[name] != levels[name]:
                self._mixer.set_gain_db(name, after[name])
        if rack.master.gain_db != before.master.gain_db:
            self._mixer.set_gain_db(MASTER, rack.master.gain_db)
        self._rack = rack

    def _go_to(self, start: int) -> None:
        """Let the effects hear what comes before, so that what comes next is the sample at ``start``."""
        late = self._mixer.latency_samples
        begin = max(0, start - round(PREROLL_SECONDS * self.sample_rate))
        self._mixer.process(self._read(begin, start - begin + late))
        self._read_at = start + late

    def _read(self, start: int, n: int) -> NDArray[np.float32]:
        """All stems, silent behind their end: (n_stems, channels, n)."""
        inside = max(0, min(n, self._stems.n_samples - start))
        parts = [to_two(self._stems.audio(name, start, inside)) if inside else None for name in self._stems.names]
        channels = self._mixer.channels
        block = np.zeros((len(parts), channels, n), np.float32)
        for row, part in zip(block, parts, strict=True):
            if part is not None:
                row[:, : part.shape[1]] = part
        return block

    def _peaks(self, start: int, n: int) -> dict[str, float]:
        gains = self._rack.gains_db(self._stems.names)
        peaks = np.abs(self._read(start, n)).max(axis=(1, 2))
        return {
            name: float(peak) * (0.0 if gains[name] == -math.inf else 10.0 ** (gains[name] / 20.0))
            for name, peak in zip(self._stems.names, peaks, strict=True)
        }


class Desks:
    """Streams of all pages that listen with effects; the one that was silent longest goes when there are too many."""

    def __init__(self) -> None:
        self._desks: OrderedDict[tuple[Path, str, str, str], tuple[int, RemixStream]] = OrderedDict()
        self._lock = threading.Lock()

    def stream(self, folder: SessionFolder, version: str, take: str, desk: str, rack: Rack) -> RemixStream:
        """The stream of a page; a new one if the stems have changed."""
        key, at = (folder.path, version, take, desk), changed_at(folder, version, take)
        with self._lock:
            known = self._desks.pop(key, None)
            stream = known[1] if known is not None and known[0] == at else None
            if stream is None:
                stream = RemixStream(open_stems(folder, version, take), rack)
            self._desks[key] = (at, stream)
            while len(self._desks) > MOST_DESKS:
                self._desks.popitem(last=False)
            return stream

    def forget(self, folder: SessionFolder) -> None:
        """Its stems are others now."""
        with self._lock:
            for key in [key for key in self._desks if key[0] == folder.path]:
                del self._desks[key]

    def set_rack(self, folder: SessionFolder, rack: Rack) -> None:
        """Tell all pages that listen to a session."""
        with self._lock:
            streams = [stream for (path, *_), (_, stream) in self._desks.items() if path == folder.path]
        for stream in streams:
            stream.set_rack(rack)


def _kinds(rack: Rack) -> list[tuple[str, tuple[str, ...]]]:
    strips = [*rack.stems.items(), (MASTER, rack.master)]
    return [(name, tuple(effect.type for effect in strip.effects)) for name, strip in strips]


def _crossfaded(old: NDArray[np.float32], new: NDArray[np.float32], ramp: int) -> NDArray[np.float32]:
    ramp = min(ramp, new.shape[1])
    rise = np.linspace(0.0, 1.0, ramp, dtype=np.float32)
    new[:, :ramp] = rise * new[:, :ramp] + (1.0 - rise) * old[:, :ramp]
    return new
