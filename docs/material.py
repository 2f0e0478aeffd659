"""What the pictures are drawn from: the recording and the model that are shipped, and one frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from bsep_stream import SeparationModel, read_recording
from bsep_stream.demo import MIX, MODEL
from bsep_stream.masks.outputs import network_step
from bsep_stream.model.separation_model import Tones

SECONDS = 8.0
"""Of the demo's recording are shown."""

FRAME_AT_SECONDS = 2.72
"""Both instruments play, and some of their harmonics meet."""

WIDTH = 9.0  # inches


@dataclass(frozen=True)
class Material:
    """What the pictures are drawn from.

    Parameters
    ----------
    model : SeparationModel
    audio : ndarray, shape (1, n_samples), float32
    frame : ndarray, shape (n_bins,), complex64
        Of the mixture.
    tones : Tones
        What the network finds there.
    """

    model: SeparationModel
    audio: NDArray[np.float32]
    frame: NDArray[np.complex64]
    tones: Tones

    @property
    def names(self) -> tuple[str, ...]:
        """Of the sources."""
        return self.model.source_names

    @property
    def hz(self) -> NDArray[np.floating]:
        """Frequencies of the bins."""
        return np.arange(self.model.geometry.n_bins) * self.model.geometry.bin_hz


def gather() -> Material:
    """Read the recording, load the model, look at one frame."""
    model = SeparationModel(MODEL)
    geometry = model.geometry
    audio, rate = read_recording(MIX)
    assert rate == geometry.sample_rate
    start = round(FRAME_AT_SECONDS * rate) - geometry.n_fft // 2
    spectrum = geometry.analyse(audio[0, start : start + geometry.n_fft])
    found = network_step(model, spectrum)
    tones = Tones(
        **{field.name: getattr(found, field.name).copy() for field in fields(found)}
    )  # the next step's memory
    return Material(model, audio[:, : round(SECONDS * rate)], spectrum[: geometry.n_bins], tones)


def bare(axes: Axes) -> None:
    """Without a frame: the curve is what counts."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
