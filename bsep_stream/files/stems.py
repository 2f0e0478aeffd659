"""The stems of a recording as an array that knows their names, saves them, and shows itself in a notebook."""

from __future__ import annotations

from collections.abc import ItemsView, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream import cards
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.outputlock import locked_folder
from bsep_stream.files.stemwriter import FORMATS, StemWriter, cannot_write
from bsep_stream.words import RESIDUAL, nearest


class Stems(np.ndarray[Any, np.dtype[np.float32]]):
    """An array, shape (n_stems, channels, n_samples), float32, with players and spectrograms in a notebook.

    What is cut out of it or computed from it is an array like any other: names and rate of a part could be wrong
    (``stems[::-1]``, ``stems[..., ::2]``), so it has none.

    Attributes
    ----------
    stem_names : tuple of str
        Empty for what was computed.
    sample_rate : int
        0 for what was computed.

    Examples
    --------
    >>> from bsep_stream import read_recording, separate
    >>> from bsep_stream.demo import MIX, MODEL
    >>> audio, sample_rate = read_recording(MIX)
    >>> stems = separate(MODEL, audio[:, :48_000], sample_rate)
    >>> stems
    <Stems recorder, english_horn, residual: 1 channel, 48000 samples at 48000 Hz>
    >>> stems["recorder"].shape
    (1, 48000)
    >>> loudest = {name: abs(stem).max() for name, stem in stems.items()}
    >>> paths = stems.save("stems")
    >>> paths["english_horn"].name
    'english_horn.wav'
    """

    stem_names: tuple[str, ...]
    sample_rate: int

    @staticmethod
    def of(audio: NDArray[np.float32], stem_names: Sequence[str], sample_rate: int) -> Stems:
        """The same memory, with names and rate."""
        stems = audio.view(Stems)
        stems.stem_names, stems.sample_rate = tuple(stem_names), sample_rate
        return stems

    def __array_finalize__(self, _origin: object) -> None:
        self.stem_names, self.sample_rate = (), 0

    @property
    def names(self) -> tuple[str, ...]:
        """The same as :attr:`stem_names`."""
        return self.stem_names

    @property
    def residual(self) -> NDArray[np.float32]:
        """What belongs to no source, shape (channels, n_samples).

        Raises
        ------
        ConfigError
            If it was separated without one.
        """
        return self._stem(RESIDUAL)

    def items(self) -> ItemsView[str, NDArray[np.float32]]:
        """Name and audio of every stem; the audio has the shape (channels, n_samples)."""
        return {name: self._stem(name) for name in self.stem_names}.items()

    def save(self, folder: str | Path, *, audio_format: str = "wav", overwrite: bool = False) -> dict[str, Path]:
        """Write a file of every stem, all of them or none.

        Parameters
        ----------
        folder : str or Path
            Made if it is not there; the files are called ``NAME.wav``.
        audio_format : {"wav", "flac"}
            float32 WAV, or FLAC of 24 bits, which cuts off what is beyond full scale.
        overwrite : bool
            Whether files that are there are replaced.

        Returns
        -------
        dict of str to Path
            File of every stem.

        Raises
        ------
        AudioError
            If a file is there, or cannot be written.
        BusyError
            If another process writes into the folder.
        ConfigError
            If the format is unknown, or these are no stems any more.
        """
        if not self.stem_names:
            raise ConfigError("only what separate() gave back can be saved, not what was cut out of it or computed")
        if audio_format not in FORMATS:
            raise ConfigError(f"the format must be one of {', '.join(FORMATS)}, got {audio_format!r}")
        paths = {name: Path(folder) / f"{name}{FORMATS[audio_format]}" for name in self.stem_names}
        try:
            with locked_folder(Path(folder)), ExitStack() as files:
                for path in paths.values():
                    if path.is_dir() or (path.exists() and not overwrite):
                        raise AudioError(f"{path} exists; add overwrite=True or give another folder")
                for name, path in paths.items():
                    temporary, stem = files.enter_context(whole_file(path)), self._stem(name)
                    writer = StemWriter(temporary, audio_format, self.sample_rate, *stem.shape)
                    try:
                        writer.write(stem)
                    finally:
                        writer.close()
        except OSError as error:
            raise cannot_write(Path(folder), error) from error
        return paths

    def __getitem__(self, key: Any) -> Any:
        """Audio of a stem by its name, shape (channels, n_samples); else what any array gives."""
        return self._stem(key) if isinstance(key, str) else super().__getitem__(key)

    def __repr__(self) -> str:
        if not self.stem_names:
            return repr(np.asarray(self))
        _, channels, n_samples = self.shape
        many = "" if channels == 1 else "s"
        names = ", ".join(self.stem_names)
        return f"<Stems {names}: {channels} channel{many}, {n_samples} samples at {self.sample_rate} Hz>"

    def __str__(self) -> str:
        return repr(self) if self.stem_names else str(np.asarray(self))

    def _repr_html_(self) -> str | None:
        """What Jupyter shows; None: the numbers."""
        return cards.card("stems", self) if self.stem_names else None

    def _stem(self, name: str) -> NDArray[np.float32]:
        if name not in self.stem_names:
            raise ConfigError(f"there is no stem {name!r}{nearest(name, self.stem_names)}")
        stem: NDArray[np.float32] = np.asarray(self)[self.stem_names.index(name)]
        return stem
