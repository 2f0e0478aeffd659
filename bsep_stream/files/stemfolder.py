"""A folder of stems, read at single points in time: memory does not grow with the length of the stems."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import Recording
from bsep_stream.files.libsndfile import file_name
from bsep_stream.files.spectrogram import hann_spectra
from bsep_stream.files.stemwriter import FORMATS
from bsep_stream.words import REMIX, RESIDUAL


class StemFolder:
    """The stems in a folder: every WAV or FLAC file but the remix and what is hidden.

    Parameters
    ----------
    path : str or Path

    Attributes
    ----------
    names : tuple of str
        Stems in alphabetical order, ``residual`` last.
    source_names : list of str
        The same without the residual.
    remix_path : Path or None
        The remix beside the stems, which is none of them.
    sample_rate, channels, n_samples : int

    Raises
    ------
    AudioError
        No stems, or stems of different length, rate or channels.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        suffixes = {f".{name}" for name in FORMATS}
        entries = sorted(self.path.iterdir()) if self.path.is_dir() else []
        # What begins with a dot was left behind by a crash, or is what a Mac keeps beside every file.
        found = [file for file in entries if not file.name.startswith(".") and file.is_file()]
        files = [file for file in found if file.suffix.lower() in suffixes and file.stem != REMIX]
        if not files:
            raise AudioError(f"{self.path} is no folder of stems; give one that bsep separate wrote, or a training run")
        mixed = [file for file in found if file.suffix.lower() in suffixes and file.stem == REMIX]
        self.remix_path: Path | None = mixed[0] if mixed else None
        files.sort(key=lambda file: file.stem == RESIDUAL)
        if len({file.stem for file in files}) < len(files):
            raise AudioError(f"{self.path} holds a stem twice, as WAV and as FLAC; keep one of them")
        shapes = {}
        for file in files:
            with Recording(file) as recording:
                shapes[file] = (recording.sample_rate, recording.channels, recording.n_samples)
                for sentence in recording.warnings:
                    raise AudioError(f"{sentence}; separate again")
        for file, shape in shapes.items():
            if shape != shapes[files[0]]:
                raise AudioError(
                    f"stems must have the same rate, channels and length: {files[0].name} has "
                    f"{shapes[files[0]]}, {file.name} has {shape}"
                )
        self._files = files
        self.names = tuple(file.stem for file in files)
        self.source_names = [name for name in self.names if name != RESIDUAL]
        self.sample_rate, self.channels, self.n_samples = shapes[files[0]]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.sample_rate

    def spectrograms(self, times: NDArray[np.float64], n_fft: int) -> NDArray[np.complex64]:
        """Spectra (Hann window) of the mean of the channels of every stem around points in time.

        Parameters
        ----------
        times : ndarray, shape (n_columns,)
            Seconds.
        n_fft : int
            Length of the window in samples.

        Returns
        -------
        ndarray, shape (n_stems, n_columns, n_fft // 2 + 1), complex64
            A sinusoid of amplitude 1 has the modulus 1. Their sum over the stems is that of the mixture.
        """
        return np.stack([self._spectrogram(file, times, n_fft) for file in self._files])

    def spectrogram(self, name: str, times: NDArray[np.float64], n_fft: int) -> NDArray[np.complex64]:
        """The same of one stem or, where there is one, of the remix; shape (n_columns, n_fft // 2 + 1)."""
        return self._spectrogram(self._file(name), times, n_fft)

    def _spectrogram(self, file: Path, times: NDArray[np.float64], n_fft: int) -> NDArray[np.complex64]:
        segments = _segments(file, times, n_fft, self.sample_rate, self.n_samples)
        return hann_spectra(segments, len(times), n_fft)

    def audio(self, name: str, start: int = 0, n: int | None = None) -> NDArray[np.float32]:
        """Samples of a stem or, where there is one, of the remix.

        Parameters
        ----------
        name : str
            A stem, or ``remix``.
        start, n : int
            First sample and number of samples.

        Returns
        -------
        ndarray, shape (channels, n), float32
        """
        import soundfile

        with soundfile.SoundFile(file_name(self._file(name))) as sound:
            sound.seek(start)
            read = sound.read(-1 if n is None else n, dtype="float32", always_2d=True)
        return np.ascontiguousarray(read.T)

    def _file(self, name: str) -> Path:
        if name == REMIX and self.remix_path is not None:
            return self.remix_path
        return self._files[self.names.index(name)]

    def segments(self, times: NDArray[np.float64], seconds: float) -> Iterator[NDArray[np.float32]]:
        """Mixture (sum of the stems, mean of the channels) around points in time, silent outside of the files."""
        n = round(seconds * self.sample_rate)
        readers = [_segments(file, times, n, self.sample_rate, self.n_samples) for file in self._files]
        for parts in zip(*readers, strict=True):
            yield np.sum(parts, axis=0, dtype=np.float32)


def _segments(
    file: Path, times: NDArray[np.float64], n: int, sample_rate: int, n_samples: int
) -> Iterator[NDArray[np.float32]]:
    import soundfile

    with soundfile.SoundFile(file_name(file)) as sound:
        for time in times:
            start = round(time * sample_rate) - n // 2
            first, last = max(start, 0), min(start + n, n_samples)
            segment = np.zeros(n, dtype=np.float32)
            if last > first:
                sound.seek(first)
                read = sound.read(last - first, dtype="float32", always_2d=True)
                segment[first - start : first - start + len(read)] = read.mean(axis=1)
            yield segment
