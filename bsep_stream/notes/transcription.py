"""A recording becomes notes and pitch tracks: the frames of the stream, the tones of the model, the tracker."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.audiofile import Recording
from bsep_stream.masks.outputs import Listener
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.notes.events import Note, NoteSettings, Tone, pitch_of
from bsep_stream.notes.tracker import NoteTracker
from bsep_stream.notes.tuning import find_tuning
from bsep_stream.spoken import AudioWarning
from bsep_stream.stream.resampling import StreamResampler


@dataclass(frozen=True)
class PitchTrack:
    """Pitch of every tone over time.

    Parameters
    ----------
    times : ndarray, shape (n_frames,)
        Seconds; the centres of the frames.
    f0_hz : ndarray, shape (n_tones, n_frames)
        NaN where the tone is off.
    level_db : ndarray, shape (n_tones, n_frames)
        Relative to the recording that the model was trained on; NaN where the tone is off.
    tone_sources : tuple of int
        Source of every tone.
    """

    times: NDArray[np.float64]
    f0_hz: NDArray[np.float64]
    level_db: NDArray[np.float64]
    tone_sources: tuple[int, ...]


@dataclass(frozen=True)
class Transcription:
    """What :func:`transcribe` heard.

    Parameters
    ----------
    source_names : tuple of str
    notes : list of Note
        In the order of their onsets.
    track : PitchTrack
    settings : NoteSettings
    """

    source_names: tuple[str, ...]
    notes: list[Note]
    track: PitchTrack
    settings: NoteSettings


class ToneReader:
    """Turns what the network found in a frame into what a :class:`NoteTracker` follows.

    Parameters
    ----------
    model : SeparationModel
    a4_hz : float
        Frequency of MIDI key 69.

    Notes
    -----
    The level of a tone is the larger of two: that of its dictionary row and that of the harmonics as they lie in the
    frame. The first flickers where the spectrum of a note is not that of its row, the second where harmonics of two
    sources meet; by measurement the larger one follows notes better than either.
    """

    def __init__(self, model: SeparationModel, a4_hz: float = 440.0) -> None:
        self._sources = model.tone_sources
        self._bin_hz = model.geometry.bin_hz
        self._a4_hz = a4_hz
        self._row_norms = np.linalg.norm(model.dictionary, axis=1)[list(model.tone_sources)]

    def levels_db(self, tones: Tones) -> NDArray[np.float64]:
        """Level of every tone, shape (n_tones,); -inf for one that is off."""
        # A peak of height h is a sinusoid of amplitude 2 h, whose RMS is sqrt(2) h.
        rms = np.sqrt(2.0) * np.maximum(
            tones.amplitude * self._row_norms, np.linalg.norm(tones.coefficients, axis=1)
        ).astype(np.float64)
        rms[(tones.on < 0.5) | ~np.isfinite(rms)] = 0.0
        with np.errstate(divide="ignore"):
            decibels: NDArray[np.float64] = 20.0 * np.log10(rms)
        return decibels

    def __call__(self, tones: Tones) -> list[Tone]:
        """The tones that are on."""
        return self.of(tones.f0_bin.astype(np.float64) * self._bin_hz, self.levels_db(tones))

    def of(self, f0_hz: NDArray[np.float64], levels: NDArray[np.float64]) -> list[Tone]:
        """The tones that are on, by the frequency and the level of each."""
        heard = np.isfinite(levels) & (f0_hz > 0.0) & np.isfinite(f0_hz)
        return [
            Tone(self._sources[t], pitch_of(float(f0_hz[t]), self._a4_hz), float(levels[t]))
            for t in np.flatnonzero(heard)
        ]


def transcribe(
    model: SeparationModel | str | Path,
    recording: str | Path,
    *,
    settings: NoteSettings | None = None,
    find_a4: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Transcription:
    """Notes and pitches of a recording, from the same frames that the stream would cut.

    Parameters
    ----------
    model : SeparationModel or str or Path
    recording : str or Path
        Any format that libsndfile reads, any sample rate and number of channels. Channels are averaged.
    settings : NoteSettings, optional
    find_a4 : bool
        Whether the tuning is found in the recording, in place of that of the settings; :attr:`Transcription.settings`
        has what was found.
    progress : callable, optional
        Called with the number of samples of every block that is done.

    Raises
    ------
    BsepError
        A model or recording that cannot be used.
    """
    model = model if isinstance(model, SeparationModel) else SeparationModel(model)
    settings = settings or NoteSettings()
    geometry = model.geometry
    hop_seconds = geometry.hop_length / geometry.sample_rate
    start_seconds = (geometry.hop_length - geometry.n_fft // 2) / geometry.sample_rate
    reader = ToneReader(model)
    listener = Listener(model)
    f0_hz, level_db = [], []
    with Recording(recording) as audio:
        for segment in _segments(audio, model, progress):
            tones = listener.hear(geometry.analyse(segment))
            f0_hz.append(tones.f0_bin.astype(np.float64) * geometry.bin_hz)
            level_db.append(reader.levels_db(tones))
        for sentence in audio.warnings:
            warnings.warn(sentence, AudioWarning, stacklevel=2)
    if find_a4:
        tuning = find_tuning(np.array(f0_hz), np.array(level_db), settings.on_db)
        settings = replace(settings, a4_hz=tuning.a4_hz)
    reader = ToneReader(model, settings.a4_hz)
    tracker = NoteTracker(hop_seconds, settings, start_seconds=start_seconds)
    notes: list[Note] = []
    for frequencies_of_frame, levels_of_frame in zip(f0_hz, level_db, strict=True):
        notes += tracker.process(reader.of(frequencies_of_frame, levels_of_frame))[1]
    notes += tracker.finish()
    levels: NDArray[np.float64] = np.array(level_db, dtype=np.float64).T
    frequencies: NDArray[np.float64] = np.array(f0_hz, dtype=np.float64).T
    silent = ~(levels >= settings.off_db)
    levels[silent] = frequencies[silent] = np.nan
    track = PitchTrack(
        start_seconds + hop_seconds * np.arange(levels.shape[1], dtype=np.float64),
        frequencies,
        levels,
        model.tone_sources,
    )
    return Transcription(
        model.source_names, sorted(notes, key=lambda n: (n.onset_seconds, n.source, n.key)), track, settings
    )


def _segments(
    audio: Recording, model: SeparationModel, progress: Callable[[int], object] | None
) -> Iterator[NDArray[np.float32]]:
    """Segments of n_fft samples every hop, on the grid of the stream, until their centre has passed the end."""
    geometry = model.geometry
    rate, hop = geometry.sample_rate, geometry.hop_length
    resampler = StreamResampler(audio.sample_rate, rate) if audio.sample_rate != rate else None

    def blocks() -> Iterator[NDArray[np.float32]]:
        for block in audio.blocks():
            mono = block.mean(axis=0)
            yield mono if resampler is None else resampler.process(mono[None])[0]
            if progress is not None:
                progress(block.shape[-1])
        if resampler is not None:
            yield resampler.process(np.zeros((1, resampler.lookahead_samples), dtype=np.float32))[0]
        yield np.zeros(geometry.n_fft // 2, dtype=np.float32)

    recent = np.zeros(geometry.n_fft - hop, dtype=np.float32)
    for block in blocks():
        recent = np.concatenate([recent, block])
        while len(recent) >= geometry.n_fft:
            yield recent[: geometry.n_fft]
            recent = recent[hop:]
