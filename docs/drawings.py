"""The pictures of the pages, from the recording and the model that are shipped: ``python docs/drawings.py FOLDER``.

Also the cards that a notebook shows, as they are, and the floors of the design. Sphinx calls :func:`draw_all` before it
reads the pages.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from floor_drawings import draw_floors
from latency_drawings import draw_ledger, draw_settings, draw_window
from material import WIDTH, Material, bare, gather
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bsep_stream import separate
from bsep_stream.demo import MODEL
from bsep_stream.masks.maskoutput import MaskOutput
from bsep_stream.masks.outputs import network_step
from bsep_stream.report.pictures import (
    GREY,
    audible,
    colour_of,
    draw_dictionary,
    draw_pitches,
    draw_spectrogram,
    sound_rows,
)

_DPI = 110
_COLUMNS = 800
_HIGHEST_HZ = 5_000.0
_LOWEST_DB = -75.0


def draw_mixture(material: Material) -> Figure:
    """The mixture, and the pitch that the network gives each instrument in every frame."""
    geometry = material.model.geometry
    hop, rate = geometry.hop_length, geometry.sample_rate
    padded = np.pad(material.audio[0], geometry.n_fft // 2)
    starts = np.arange(0, material.audio.shape[1], hop)
    f0_hz = np.full((len(material.names), len(starts)), np.nan)
    for column, start in enumerate(starts):
        tones = network_step(material.model, geometry.analyse(padded[start : start + geometry.n_fft]))
        f0_hz[:, column] = np.where(tones.on > 0.5, tones.f0_bin * geometry.bin_hz, np.nan)
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
    axes = figure.subplots()
    _draw_sound(axes, material.audio[0], rate, GREY)
    for row, name in zip(f0_hz, material.names, strict=True):
        draw_pitches(axes, starts / rate, row, colour_of(name, material.names), f"pitch of {name}")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, frameon=False, fontsize=9)
    axes.set_xlabel("time (s)")
    return figure


def draw_frame(material: Material) -> Figure:
    """One frame, and the harmonics of the two tones that explain it."""
    figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
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
        heights = _decibels(material.tones.coefficients[tone] / material.model.gain, reference)
        shown = heights > _LOWEST_DB
        colour = colour_of(name, material.names)
        axes.vlines(hz[shown], _LOWEST_DB, heights[shown], color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(hz[shown], heights[shown], "o", color=colour, markersize=5, label=f"{name}, {hz[0]:.0f} Hz")
    _frequency_axis(axes)
    return figure


def draw_dictionaries(material: Material) -> Figure:
    """What was learned of the harmonics of each instrument."""
    figure = Figure(figsize=(WIDTH, 2.2), layout="constrained")
    all_axes = figure.subplots(1, len(material.names), sharey=True)
    for axes, name, row in zip(all_axes, material.names, material.model.dictionary, strict=True):
        draw_dictionary(axes, row, name, colour_of(name, material.names))
    all_axes[0].set_ylabel("level (dB)")
    return figure


def draw_masks(material: Material) -> Figure:
    """From the spectra of the instruments at these pitches to shares of the mixture, bin by bin."""
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1.0))
    output = MaskOutput(material.model)
    output.hear(material.tones)
    masks = output.masks(material.frame)
    reference = float(np.abs(material.frame).max())
    above.plot(
        material.hz, _decibels(material.frame, reference), color=GREY, linewidth=0.9, label="frame of the mixture"
    )
    floor = np.zeros(len(material.hz))
    for source, name in enumerate(material.names):
        colour = colour_of(name, material.names)
        levels = _decibels(material.tones.timbre[source] / material.model.gain, reference)
        above.plot(material.hz, levels, color=colour, linewidth=1.3, label=f"spectrum of {name} at this pitch")
        below.fill_between(material.hz, floor, floor + masks[source], color=colour, linewidth=0.0, alpha=0.85)
        floor = floor + masks[source]
    _frequency_axis(above)
    above.set_xlabel("")
    below.set_ylim(0.0, 1.0)
    below.set_ylabel("share of the bin")
    below.set_xlabel("frequency (Hz)")
    return figure


def stems_card(material: Material) -> str:
    """What a notebook shows of stems."""
    return separate(material.model, material.audio, material.model.geometry.sample_rate)._repr_html_() or ""


def model_card(material: Material) -> str:
    """What a notebook shows of a model, without the place where it lies on this machine."""
    return material.model._repr_html_().replace(str(MODEL), MODEL.name)


PICTURES: dict[str, Callable[[Material], Figure]] = {
    "mixture": draw_mixture,
    "frame": draw_frame,
    "dictionaries": draw_dictionaries,
    "masks": draw_masks,
    "window": draw_window,
    "settings": draw_settings,
    "ledger": draw_ledger,
}
CARDS: dict[str, Callable[[Material], str]] = {"stems": stems_card, "model": model_card}


def draw_all(folder: Path) -> None:
    """Write every picture (PNG) and card (HTML) into a folder."""
    material = gather()
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        draw(material).savefig(folder / f"{name}.png", dpi=_DPI, facecolor="white")
    draw_floors().savefig(folder / "floors.png", dpi=_DPI, facecolor="white")
    for name, show in CARDS.items():
        (folder / f"{name}.html").write_text(show(material), encoding="utf-8")


def _draw_sound(axes: Axes, audio: NDArray[np.float32], rate: int, colour: str) -> None:
    rows, (low, high) = sound_rows(audio, rate, _COLUMNS)
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
    bare(axes)


if __name__ == "__main__":
    draw_all(Path(sys.argv[1]))
