"""Panels of a report: each function draws one thing into given axes. Matplotlib without pyplot: no global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.spectrogram import hann_spectra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

PALETTE = ("#1668b0", "#c8402f", "#1b8a5a", "#7d3fa8")
"""One colour per source, told apart by colour-blind eyes too; used for spectrogram, pitches and bars alike."""

GREY = "#4d4d4d"
RANGE_DB = 72.0
"""Levels from this far below the loudest point of the mixture up to it are shown."""

EXPLAINED = "explained"
"""Columns of a training log that begin so are shares of energy and no losses."""

_WINDOW_SECONDS = 0.08
_LOWEST_HZ = 60.0
_ROWS_PER_OCTAVE = 48
_TICKS_HZ = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
_DICTIONARY_FLOOR_DB = -60.0
_LINE_BREAK = 2.0 ** (0.8 / 12.0)  # a pitch that jumps by more than 0.8 semitones is another note


def log_rows(spectra: NDArray[np.complex64], sample_rate: int) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Modulus on rows of equal width in octaves.

    Parameters
    ----------
    spectra : ndarray, shape (n_columns, n_fft // 2 + 1), complex64
    sample_rate : int
        Hz.

    Returns
    -------
    ndarray, shape (n_rows, n_columns), float32
        The largest modulus of all bins of a row; between the bins where they are wider apart than the rows.
    (float, float)
        Lowest and highest frequency in octaves (``log2`` of Hz).
    """
    n_bins = spectra.shape[1]
    bin_hz = sample_rate / 2 / (n_bins - 1)
    low, high = np.log2(_LOWEST_HZ), np.log2(min(20_000.0, sample_rate / 2))
    edges = 2.0 ** np.linspace(low, high, int((high - low) * _ROWS_PER_OCTAVE) + 1) / bin_hz
    modulus = np.abs(spectra).T  # (n_bins, n_columns)
    rows = np.empty((len(edges) - 1, modulus.shape[1]), dtype=np.float32)
    for i, (first, last) in enumerate(pairwise(edges)):
        inside = modulus[int(np.ceil(first)) : int(np.ceil(last))]
        if len(inside):
            rows[i] = inside.max(axis=0)
        else:
            middle = min((first + last) / 2, n_bins - 1.001)
            share = middle - int(middle)
            rows[i] = (1 - share) * modulus[int(middle)] + share * modulus[int(middle) + 1]
    return rows, (float(low), float(high))


def sound_rows(
    audio: NDArray[np.float32], sample_rate: int, n_columns: int
) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """:func:`log_rows` of a sound, shape (n_samples,), at evenly spaced points in time."""
    n_fft = 2 * (round(_WINDOW_SECONDS * sample_rate) // 2)
    starts = np.linspace(0, len(audio), n_columns, endpoint=False).astype(int)
    padded = np.pad(audio, (n_fft // 2, n_fft))
    segments = (padded[start : start + n_fft] for start in starts)
    return log_rows(hann_spectra(segments, n_columns, n_fft), sample_rate)


def draw_spectrogram(
    axes: Axes,
    rows: NDArray[np.float32],
    octaves: tuple[float, float],
    seconds: float,
    reference: float,
    colour: str,
) -> AxesImage:
    """One spectrogram on a logarithmic frequency axis, from white (silent) to the colour and on to near black.

    Parameters
    ----------
    rows, octaves
        From :func:`log_rows`.
    seconds : float
        Length of the time axis.
    reference : float
        Modulus that is 0 dB.
    """
    from matplotlib.colors import LinearSegmentedColormap

    floor = 10.0 ** (-RANGE_DB / 20.0)
    decibels = 20.0 * np.log10(np.maximum(rows / max(reference, 1e-30), floor))
    colours = LinearSegmentedColormap.from_list("stem", [(0.0, "#ffffff"), (0.68, colour), (1.0, "#0b0b14")])
    image = axes.imshow(
        decibels,
        origin="lower",
        aspect="auto",
        extent=(0.0, seconds, *octaves),
        cmap=colours,
        vmin=-RANGE_DB,
        vmax=0.0,
        interpolation="antialiased",
    )
    axes.set_xlim(0.0, seconds)  # fixed: a pitch beyond the picture shall not shrink it
    axes.set_ylim(*octaves)
    ticks = [hz for hz in _TICKS_HZ if octaves[0] <= np.log2(hz) <= octaves[1]]
    axes.set_yticks([float(np.log2(hz)) for hz in ticks], [_hertz(hz) for hz in ticks])
    axes.tick_params(length=2.5, labelsize=8, color="#999999")
    for spine in axes.spines.values():
        spine.set_color("#bbbbbb")
    return image


def draw_pitches(
    axes: Axes, times: NDArray[np.float64], f0_hz: NDArray[np.float64], colour: str, label: str | None = None
) -> None:
    """Pitch of one source over time as a line that breaks where the note changes.

    Parameters
    ----------
    times : ndarray, shape (n,)
        Seconds.
    f0_hz : ndarray, shape (n,)
        NaN where the source is silent.
    """
    known = np.isfinite(f0_hz) & (f0_hz > 0)
    octaves = np.where(known, np.log2(np.where(known, f0_hz, 1.0)), np.nan)
    jumps = np.flatnonzero(~(np.abs(np.diff(octaves)) < np.log2(_LINE_BREAK))) + 1
    x, y = np.insert(times, jumps, np.nan), np.insert(octaves, jumps, np.nan)
    axes.plot(x, y, color="white", linewidth=3.2, solid_capstyle="round")
    axes.plot(x, y, color=colour, linewidth=1.7, solid_capstyle="round", label=label)


def draw_dictionary(axes: Axes, amplitudes: NDArray[np.floating[Any]], name: str, colour: str) -> None:
    """Relative amplitudes of the harmonics of one source as bars in dB, shape (n_harmonics,)."""
    peak = float(np.max(amplitudes)) or 1.0
    decibels = 20.0 * np.log10(np.maximum(np.asarray(amplitudes, dtype=float) / peak, 1e-9))
    harmonics = np.arange(1, len(amplitudes) + 1)
    heights = np.maximum(decibels - _DICTIONARY_FLOOR_DB, 0.0)
    axes.bar(harmonics, heights, bottom=_DICTIONARY_FLOOR_DB, width=0.72, color=colour)
    axes.set_ylim(_DICTIONARY_FLOOR_DB, 3.0)
    axes.set_xlim(0.2, len(amplitudes) + 0.8)
    axes.set_xticks([h for h in harmonics if h == 1 or h % 5 == 0])
    axes.set_yticks([-60, -40, -20, 0])
    axes.set_title(name, fontsize=10, color=colour, fontweight="bold", loc="left")
    axes.set_xlabel("harmonic", fontsize=8.5)
    _quiet(axes)


def draw_losses(axes: Axes, losses: Mapping[str, NDArray[np.float64]]) -> None:
    """Loss terms over the iterations: each value faint, the running median bold.

    Parameters
    ----------
    losses : mapping of str to ndarray
        As :func:`bsep_stream.report.runfiles.read_losses` gives.
    """
    iterations = losses["iteration"]
    terms = [name for name in losses if name not in ("iteration", "seconds") and not name.startswith(EXPLAINED)]
    colours = dict(zip(terms, ("#1a1a1a", *PALETTE, "#b8860b", "#5f9ea0", GREY), strict=False))
    drawn = False
    for name in terms:
        known = np.isfinite(losses[name]) & (losses[name] > 0)
        if not known.any():
            continue
        x, y, colour, drawn = iterations[known], losses[name][known], colours.get(name, GREY), True
        many = len(y) > 50
        if many:
            axes.plot(x, y, color=colour, alpha=0.18, linewidth=0.6)
            x, y = running_median(x, y)
        axes.plot(x, y, color=colour, linewidth=2.0 if name == "total" else 1.3, label=name)
    if not drawn:
        axes.text(0.5, 0.5, "nothing logged yet", ha="center", va="center", transform=axes.transAxes, color=GREY)
        return
    axes.set_yscale("log")
    axes.set_xlabel("iteration", fontsize=8.5)
    _quiet(axes)
    axes.yaxis.grid(True, which="minor", color="#f2f2f2", linewidth=0.5)
    axes.margins(x=0.01)
    # Above the axes: inside, it would cover a curve sooner or later.
    axes.legend(
        fontsize=7.5,
        frameon=False,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=len(terms),
        borderaxespad=0.1,
        handlelength=1.0,  # short enough to leave room for the title at the left
        handletextpad=0.4,
        columnspacing=0.9,
    )


def audible(rows: NDArray[np.float32], octaves: tuple[float, float]) -> int:
    """Number of rows from the lowest up that are worth showing: to the highest partial within 60 dB of the loudest."""
    loud = np.flatnonzero(rows.max(axis=1) > 1e-3 * rows.max())
    highest = int(loud[-1]) + _ROWS_PER_OCTAVE // 4 if len(loud) else 0
    at_least = int(
        (np.log2(4000.0) - octaves[0]) * _ROWS_PER_OCTAVE
    )  # a picture of a low hum shall still look like one
    return min(len(rows), max(highest, at_least))


def label_time(axes: Axes, seconds: float) -> None:
    """Time axis in seconds, from two minutes on in minutes and seconds."""
    from matplotlib.ticker import FuncFormatter

    axes.set_xlabel("time (s)" if seconds < 120 else "time (min:s)", fontsize=8.5)
    if seconds >= 120:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{int(x // 60)}:{x % 60:02.0f}"))


def colour_of(name: str, names: Sequence[str]) -> str:
    """Colour of a stem: by its place among the sources; grey for what belongs to no source."""
    return PALETTE[names.index(name) % len(PALETTE)] if name in names else GREY


def running_median(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most 400 points, each the median of a stretch twice as long as their distance."""
    n_points = min(400, len(y) // 10)
    centres = np.linspace(0, len(y) - 1, n_points).round().astype(int)
    half = max(1, len(y) // n_points)
    return x[centres], np.array([np.median(y[max(0, c - half) : c + half + 1]) for c in centres])


def _quiet(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#bbbbbb")
    axes.tick_params(length=2.5, labelsize=8, color="#999999")
    axes.yaxis.grid(True, color="#e4e4e4", linewidth=0.7)
    axes.set_axisbelow(True)


def _hertz(value: int) -> str:
    return f"{value // 1000} kHz" if value >= 1000 else f"{value} Hz"
