"""The pictures of the pages, from the recording and the model that are shipped: ``python docs/drawings.py FOLDER``.

Also the cards that a notebook shows, as they are. Sphinx calls :func:`draw_all` before it reads the pages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bsep_stream import SeparationModel, StreamingSeparator, read_recording, separate
from bsep_stream.demo import MIX, MODEL
from bsep_stream.model import Tones
from bsep_stream.outputs import MaskOutput, network_step
from bsep_stream.pictures import (
    GREY,
    audible,
    colour_of,
    draw_dictionary,
    draw_pitches,
    draw_spectrogram,
    hann_spectra,
    log_rows,
)
from bsep_stream.stems import Stems

SECONDS = 8.0
"""Of the demo's recording are shown."""

FRAME_AT_SECONDS = 2.72
"""Both instruments play, and some of their harmonics meet."""

_WIDTH = 9.0  # inches
_DPI = 110
_HIGHEST_HZ = 5_000.0
_LOWEST_DB = -75.0


@dataclass(frozen=True)
class Material:
    """What the pictures are drawn from.

    Parameters
    ----------
    model : SeparationModel
    audio : ndarray, shape (1, n_samples), float32
    frame : ndarray, shape (n_bins,), complex64
        As the network sees it.
    tones : Tones
        What it finds there.
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
    tones = network_step(model, spectrum)
    frame = spectrum[: geometry.n_bins] * np.float32(model.gain)
    return Material(model, audio[:, : round(SECONDS * rate)], frame, tones)


def draw_mixture(material: Material) -> Figure:
    """The mixture, and the pitch that the network gives each instrument in every frame."""
    geometry = material.model.geometry
    hop, rate = geometry.hop_length, geometry.sample_rate
    padded = np.pad(material.audio[0], geometry.n_fft // 2)
    starts = np.arange(0, material.audio.shape[1], hop)
    spectra = [geometry.analyse(padded[start : start + geometry.n_fft]) for start in starts]
    found = [network_step(material.model, spectrum) for spectrum in spectra]
    figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    _draw_sound(axes, material.audio[0], rate, GREY)
    for source, name in enumerate(material.names):
        f0_hz = np.array([tones.f0_bin[source] if tones.on[source] else np.nan for tones in found]) * geometry.bin_hz
        draw_pitches(axes, starts / rate, f0_hz, colour_of(name, material.names), f"pitch of {name}")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=9)
    axes.set_xlabel("time (s)")
    return figure


def draw_frame(material: Material) -> Figure:
    """One frame, and the harmonics of the two tones that explain it."""
    figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    reference = float(np.abs(material.frame).max())
    axes.plot(
        material.hz, _decibels(material.frame, reference), color=GREY, linewidth=1.0, label="frame of the mixture"
    )
    bin_hz = material.model.geometry.bin_hz
    harmonics = np.arange(1, material.model.dictionary.shape[1] + 1)
    for tone, name in enumerate(material.names):
        stretch = np.sqrt(1.0 + material.tones.inharmonicity[tone] * harmonics**2)
        hz = material.tones.f0_bin[tone] * harmonics * stretch * bin_hz
        heights = _decibels(material.tones.coefficients[tone], reference)
        shown = heights > _LOWEST_DB
        colour = colour_of(name, material.names)
        axes.vlines(hz[shown], _LOWEST_DB, heights[shown], color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(hz[shown], heights[shown], "o", color=colour, markersize=5, label=f"{name}, {hz[0]:.0f} Hz")
    _frequency_axis(axes)
    return figure


def draw_dictionaries(material: Material) -> Figure:
    """What was learned of the harmonics of each instrument."""
    figure = Figure(figsize=(_WIDTH, 2.2), layout="constrained")
    all_axes = figure.subplots(1, len(material.names), sharey=True)
    for axes, name, row in zip(all_axes, material.names, material.model.dictionary, strict=True):
        draw_dictionary(axes, row, name, colour_of(name, material.names))
    all_axes[0].set_ylabel("level (dB)")
    return figure


def draw_masks(material: Material) -> Figure:
    """From the spectra of the instruments at these pitches to shares of the mixture, bin by bin."""
    figure = Figure(figsize=(_WIDTH, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1.0))
    masks = MaskOutput(material.model).masks(material.frame, material.tones)
    reference = float(np.abs(material.frame).max())
    above.plot(
        material.hz, _decibels(material.frame, reference), color=GREY, linewidth=0.9, label="frame of the mixture"
    )
    floor = np.zeros(len(material.hz))
    for source, name in enumerate(material.names):
        colour = colour_of(name, material.names)
        levels = _decibels(material.tones.timbre[source], reference)
        above.plot(material.hz, levels, color=colour, linewidth=1.3, label=f"spectrum of {name} at this pitch")
        below.fill_between(material.hz, floor, floor + masks[source], color=colour, linewidth=0.0, alpha=0.85)
        floor = floor + masks[source]
    _frequency_axis(above)
    above.set_xlabel("")
    below.set_ylim(0.0, 1.0)
    below.set_ylabel("share of the bin")
    below.set_xlabel("frequency (Hz)")
    return figure


def draw_window(material: Material) -> Figure:
    """Which frames a sample lies in: the last of them says how late it can be at the earliest."""
    geometry = material.model.geometry
    half, hop = geometry.n_fft // 2, geometry.hop_length
    to_ms = 1000.0 / geometry.sample_rate
    figure = Figure(figsize=(_WIDTH, 2.4), layout="constrained")
    axes = figure.subplots()
    time = (np.arange(geometry.n_fft) - half) * to_ms
    centres = np.arange(-half + hop // 2, half, hop)
    for centre in centres:
        last = centre == centres[-1]
        colour = "#c8402f" if last else "#9aa7b5"
        axes.plot(time + centre * to_ms, geometry.window / geometry.window.max(), color=colour, linewidth=1.0 + last)
    axes.axvline(0.0, color="#1668b0", linewidth=1.6)
    axes.annotate("a sample", (0.0, 1.0), (4.0, 1.08), color="#1668b0", fontsize=9)
    end = (centres[-1] + half) * to_ms
    axes.axvline(end, color="#c8402f", linewidth=1.2, linestyle=":")
    axes.annotate(
        "the last frame over it is complete", (end, 1.08), (end - 3.0, 1.08), ha="right", color="#c8402f", fontsize=9
    )
    axes.set_xlim(-half * to_ms, 2 * half * to_ms)
    axes.set_ylim(0.0, 1.25)
    axes.set_yticks([])
    axes.set_xlabel("time (ms)")
    _bare(axes)
    return figure


def draw_ledger(material: Material) -> Figure:
    """The parts of the latency."""
    ledger = StreamingSeparator(material.model).latency
    rate = material.model.geometry.sample_rate
    figure = Figure(figsize=(_WIDTH, 1.4), layout="constrained")
    axes = figure.subplots()
    begin = 0.0
    for colour, (name, samples) in zip(("#1668b0", "#1b8a5a", "#7d3fa8"), vars(ledger).items(), strict=False):
        length = 1000.0 * samples / rate
        if not length:
            continue
        axes.barh(0, length, left=begin, color=colour, height=0.5)
        text = f"{name.removesuffix('_samples')}\n{samples} samples, {length:.1f} ms"
        axes.annotate(text, (begin + length / 2, 0.3), ha="center", va="bottom", fontsize=8.5, color=colour)
        begin += length
    axes.set_ylim(-0.3, 1.0)
    axes.set_yticks([])
    axes.set_xlabel("ms")
    _bare(axes)
    return figure


def stems_card(material: Material) -> str:
    """What a notebook shows of stems."""
    stems = separate(material.model, material.audio, material.model.geometry.sample_rate)
    assert isinstance(stems, Stems)
    return stems._repr_html_() or ""


def model_card(material: Material) -> str:
    """What a notebook shows of a model, without the place where it lies on this machine."""
    return material.model._repr_html_().replace(str(MODEL), MODEL.name)


PICTURES: dict[str, Callable[[Material], Figure]] = {
    "mixture": draw_mixture,
    "frame": draw_frame,
    "dictionaries": draw_dictionaries,
    "masks": draw_masks,
    "window": draw_window,
    "ledger": draw_ledger,
}
CARDS: dict[str, Callable[[Material], str]] = {"stems": stems_card, "model": model_card}


def draw_all(folder: Path) -> None:
    """Write every picture (PNG) and card (HTML) into a folder."""
    material = gather()
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        draw(material).savefig(folder / f"{name}.png", dpi=_DPI, facecolor="white")
    for name, show in CARDS.items():
        (folder / f"{name}.html").write_text(show(material), encoding="utf-8")


def _draw_sound(axes: Axes, audio: NDArray[np.float32], rate: int, colour: str) -> None:
    n_fft = 2 * (round(0.08 * rate) // 2)
    starts = np.linspace(0, len(audio), 800, endpoint=False).astype(int)
    padded = np.pad(audio, (n_fft // 2, n_fft))
    spectra = hann_spectra((padded[start : start + n_fft] for start in starts), len(starts), n_fft)
    rows, (low, high) = log_rows(spectra, rate)
    shown = audible(rows, (low, high))
    octaves = low, low + (high - low) * shown / len(rows)
    draw_spectrogram(axes, rows[:shown], octaves, len(audio) / rate, float(rows.max()), colour)


def _decibels(values: NDArray[np.complex64] | NDArray[np.float32], reference: float) -> NDArray[np.float64]:
    levels: NDArray[np.float64] = 20.0 * np.log10(np.maximum(np.abs(values) / reference, 1e-9))
    return levels


def _frequency_axis(axes: Axes) -> None:
    axes.set_xlim(0.0, _HIGHEST_HZ)
    axes.set_ylim(_LOWEST_DB, 5.0)
    axes.set_xlabel("frequency (Hz)")
    axes.set_ylabel("level (dB)")
    axes.legend(loc="upper right", frameon=False, fontsize=9)
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
