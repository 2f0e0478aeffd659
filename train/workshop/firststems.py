"""Stems before there is a network: masks from the tones that the search found, in the stream's own frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import Recording
from bsep_stream.files.stemwriter import StemWriter
from bsep_stream.masks.maskoutput import MaskOutput
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.model.strikes import Strike
from bsep_stream.stream.hops import HopEngine
from bsep_stream.stream.latency import QUALITY, choose_setting
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.session.labels import Labels, frames_at
from bsep_stream.train.tones.spectra import as_channels
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.words import RESIDUAL

FRAMES_AT_ONCE = 64

WARM_UP_SECONDS = 3.0
"""Of sound before a passage: masks remember what rings on, and what noise there is."""

PART_SECONDS = 60.0
"""A long recording is separated in parts,"""
MEETING_SECONDS = 0.1
"""which go over into each other."""

_Audio = NDArray[np.float32]


@dataclass(frozen=True)
class _Ear:
    """What masks need to know of a model."""

    geometry: FrameGeometry
    n_sources: int
    gain: float
    decay_seconds: tuple[float, ...] = ()
    metronome: tuple[Strike, ...] = ()


class LabelledFrames:
    """Makes the spectra of stems as the stream does in ``quality``, but is told the tones.

    Parameters
    ----------
    config : TrainConfig
    gain : float
        From the recording to the level of the timbre.
    tones : iterable of Tones
        Of frames centred every ``hop_length``, the first on sample 0 of the stream; after their end nothing sounds.
    channels : int
    decays : tuple of float, optional
        Of the sources, as :attr:`bsep_stream.train.tones.timbre.Timbre.decays` has them.
    """

    tones: Tones | None = None

    def __init__(
        self, config: TrainConfig, gain: float, tones: Iterable[Tones], channels: int, decays: tuple[float, ...] = ()
    ) -> None:
        geometry = config.geometry
        ear = _Ear(geometry, config.n_sources, gain, decays)
        self._output = MaskOutput(cast(SeparationModel, ear), None, channels)
        self._tones = iter(tones)
        self._early = geometry.n_fft // 2 // geometry.hop_length - 1  # frames before the one around sample 0
        self._silence = silent_tones(config)

    def reset(self) -> None:
        """There is nothing to be heard twice."""
        self._output.forget()

    def spectra(self, mixture: NDArray[np.complex64], recent: _Audio) -> NDArray[np.complex64]:
        """Spectra of the stems of the next frame, shape (n_sources, channels, n_fft // 2 + 1)."""
        del recent
        early, self._early = self._early > 0, self._early - 1
        self._output.hear(self._silence if early else next(self._tones, self._silence))
        return self._output.spectra(mixture)


def silent_tones(config: TrainConfig) -> Tones:
    """A frame in which nobody plays."""
    zeros, none = np.zeros(config.n_tones, np.float32), np.zeros((config.n_tones, 0), np.complex64)
    timbre = np.zeros((config.n_sources, config.geometry.n_bins), np.float32)
    return Tones(none, none, zeros, zeros, zeros, zeros, zeros, none, timbre)


@torch.no_grad()
def labelled_tones(mono: _Audio, f0_bin: _Audio, config: TrainConfig, timbre: Timbre) -> Iterator[Tones]:
    """Tones of all frames, a block of them at a time.

    Parameters
    ----------
    mono : ndarray, shape (n_samples,)
        At the rate of the geometry and the level of the timbre.
    f0_bin : ndarray, shape (n_frames, n_tones)
    """
    geometry, silence = config.geometry, silent_tones(config)
    for start in range(0, len(f0_bin), FRAMES_AT_ONCE):
        pitches = f0_bin[start : start + FRAMES_AT_ONCE]
        centres = np.arange(start, start + len(pitches)) * geometry.hop_length
        frames = torch.from_numpy(frames_at(mono, np.minimum(centres, len(mono)), geometry))
        pitch = torch.from_numpy(pitches)
        on = (pitch > 0).to(pitch.dtype)
        values = (each[..., None] for each in (pitch, 0 * on, torch.full_like(pitch, geometry.sigma_bins), on))
        found = timbre.moduli(as_channels(frames), *values).numpy()
        for row, moduli in zip(pitches, found, strict=True):
            sounding = (row > 0).astype(np.float32)
            yield replace(silence, f0_bin=row, on=sounding, timbre=moduli)


def stems_of(
    audio: _Audio, sample_rate: int, config: TrainConfig, timbre: Timbre, gain: float, f0_bin: _Audio
) -> _Audio:
    """Sources of a recording, shape (n_sources, channels, n_samples), at its own rate.

    Parameters
    ----------
    audio : ndarray, shape (channels, n_samples)
    sample_rate : int
    config : TrainConfig
    timbre : Timbre
    gain : float
        From the recording to the level of the timbre.
    f0_bin : ndarray, shape (n_frames, n_tones)
        Pitches in frames centred every ``hop_length``, the first on sample 0; 0: no tone.
    """
    geometry = config.geometry
    at_rate = audio
    if sample_rate != geometry.sample_rate:
        at_rate = soxr.resample(audio.T, sample_rate, geometry.sample_rate, quality="VHQ").T.astype(np.float32)
    channels, n = at_rate.shape
    setting = choose_setting(QUALITY, geometry, lambda _: 0.0)
    tones = labelled_tones(at_rate.mean(axis=0) * np.float32(gain), f0_bin, config, timbre)
    frames = LabelledFrames(config, gain, tones, channels, timbre.decays)
    engine = HopEngine(geometry, setting, config.n_sources, channels, frames)
    hop, late = setting.hop_samples, setting.algorithmic_samples
    n_hops = -(-(n + late) // hop)
    padded = np.zeros((channels, n_hops * hop), np.float32)
    padded[:, :n] = at_rate
    made = np.empty((config.n_sources, channels, n_hops * hop), np.float32)
    for number in range(n_hops):
        place = slice(number * hop, (number + 1) * hop)
        made[..., place] = engine.process(np.ascontiguousarray(padded[:, place]))
    made = made[..., late : late + n]
    if sample_rate == geometry.sample_rate:
        return made
    rows = made.reshape(-1, n).T
    back = soxr.resample(rows, geometry.sample_rate, sample_rate, quality="VHQ").T.astype(np.float32)
    fitted = np.zeros((len(back), audio.shape[1]), np.float32)
    fitted[:, : back.shape[1]] = back[:, : audio.shape[1]]
    return fitted.reshape(config.n_sources, channels, -1)


class Passages:
    """Sources of any passage of a recording, as if all of it had been separated.

    Parameters
    ----------
    mixture, sample_rate, config, timbre, gain, table
        As for :func:`stems_of`.
    """

    def __init__(
        self, mixture: _Audio, sample_rate: int, config: TrainConfig, timbre: Timbre, gain: float, table: _Audio
    ) -> None:
        self._known = (config, timbre, gain)
        self._mixture, self._rate, self._table = mixture, sample_rate, table
        self._frames = config.geometry.n_fft // config.geometry.hop_length
        self._step = config.geometry.hop_length * sample_rate / config.geometry.sample_rate

    def between(self, begin_seconds: float, end_seconds: float) -> tuple[int, _Audio]:
        """First sample, and the sources from there on, on the grid of the frames around a passage."""
        n = self._mixture.shape[1]
        first = max(0, int(begin_seconds * self._rate / self._step))
        last = min(len(self._table), int(end_seconds * self._rate / self._step) + 1)
        warm = max(0, first - int(WARM_UP_SECONDS * self._rate / self._step))
        begin, start, end = round(warm * self._step), round(first * self._step), min(n, round(last * self._step))
        tail = min(n, end + round(self._frames * self._step))
        table = self._table[warm : last + self._frames]
        made = stems_of(self._mixture[:, begin:tail], self._rate, *self._known, table)
        return start, made[..., start - begin : max(end, start) - begin]

    def all(self) -> Iterator[tuple[int, _Audio]]:
        """All of it, a part after the other: memory does not grow with the number of sources."""
        n, part = self._mixture.shape[1], PART_SECONDS
        seconds = n / self._rate
        kept: _Audio | None = None  # how the part before goes on
        done, begin = 0, 0.0
        while done < n:
            start, made = self.between(begin, min(begin + part + MEETING_SECONDS, seconds + MEETING_SECONDS))
            made = made[..., done - start :]
            if kept is not None:
                meeting = min(kept.shape[-1], made.shape[-1])
                rise = np.linspace(0.0, 1.0, meeting, dtype=np.float32)
                made[..., :meeting] = rise * made[..., :meeting] + (1.0 - rise) * kept[..., :meeting]
            n_own = n - done if begin + part >= seconds else round((begin + part) * self._rate) - done
            yield done, made[..., :n_own]
            kept = made[..., n_own:].copy()
            done, begin = done + n_own, begin + part


def frame_table(labels: Labels, take: int, n_samples: int) -> _Audio:
    """Pitches of a take in all of its frames, shape (n_frames, n_tones); 0 also where the search did not listen."""
    n_frames = -(-n_samples // labels.hop_length)
    table = np.zeros((max(n_frames, 1), labels.f0_bin.shape[1]), np.float32)
    own = labels.take == take
    table[labels.centre[own] // labels.hop_length] = labels.f0_bin[own]
    return table


def write_stems(
    folder: Path,
    mixture: _Audio,
    sample_rate: int,
    names: Sequence[str],
    parts: Iterable[tuple[int, _Audio]],
    progress: Callable[[float], object] | None = None,
) -> None:
    """Write the sources, part by part, and what they leave over: all files, or none."""
    channels, n = mixture.shape
    with ExitStack() as files:
        paths = {name: files.enter_context(whole_file(folder / f"{name}.wav")) for name in (*names, RESIDUAL)}
        with ExitStack() as open_writers:
            writers = {}
            for name, path in paths.items():
                writers[name] = StemWriter(path, "wav", sample_rate, channels, n)
                open_writers.callback(writers[name].close)
            for start, sources in parts:
                end = start + sources.shape[-1]
                for name, source in zip(names, sources, strict=True):
                    writers[name].write(source)
                writers[RESIDUAL].write(mixture[:, start:end] - sources.sum(axis=0))
                if progress is not None:
                    progress(end / n)


def stems_with(
    folder: Path, names: Sequence[str], n: int, start: int, fresh: _Audio, fade: int
) -> Iterator[tuple[int, _Audio]]:
    """Parts of the stems that are in a folder, with fresh sources from a sample on, which fade in and out."""
    end = start + fresh.shape[-1]
    weight = fade_weights(end - start, fade, start > 0, end < n)
    with ExitStack() as files:
        readers = [files.enter_context(Recording(folder / f"{name}.wav")) for name in names]
        place = 0
        for blocks in zip(*(reader.blocks() for reader in readers), strict=True):
            sources = np.stack(blocks)
            first, last = max(start, place), min(end, place + sources.shape[-1])
            if first < last:
                old = sources[..., first - place : last - place]
                share = weight[first - start : last - start]
                old[...] = share * fresh[..., first - start : last - start] + (1.0 - share) * old
            yield place, sources
            place += sources.shape[-1]


def fade_weights(n: int, ramp: int, rise: bool, fall: bool) -> _Audio:
    """Weights of new samples over old ones, shape (n,)."""
    weight = np.ones(n, np.float32)
    ramp = min(ramp, n // 2)
    if rise and ramp:
        weight[:ramp] = np.linspace(0.0, 1.0, ramp, dtype=np.float32)
    if fall and ramp:
        weight[n - ramp :] = np.linspace(1.0, 0.0, ramp, dtype=np.float32)
    return weight
