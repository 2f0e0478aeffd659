"""Picture of a training run, of a folder of stems, or of both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.atomic import whole_file
from bsep_stream.errors import ConfigError
from bsep_stream.info import RunSummary, is_run, read_losses, read_run
from bsep_stream.stemfolder import StemFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from bsep_stream.model import SeparationModel

SUFFIXES = (".png", ".pdf", ".svg")

_COLUMNS = 1600  # of a spectrogram: about one per pixel
_PITCH_FRAMES = 1000  # a step of the network each
_WINDOW_SECONDS = 0.08
_QUIET_DB = -45.0  # a source this far below its loudest frame has no pitch to show
_WIDTH = 12.0  # inches
_DPI = 140


@dataclass(frozen=True)
class Pitches:
    """Pitch of every source over time.

    Parameters
    ----------
    times : ndarray, shape (n_frames,), float64
        Seconds.
    f0_hz : ndarray, shape (n_tones, n_frames), float64
        NaN where the tone is silent.
    tone_sources : tuple of int
        Source of every tone.
    """

    times: NDArray[np.float64]
    f0_hz: NDArray[np.float64]
    tone_sources: tuple[int, ...]


def write_report(
    paths: str | Path | Sequence[str | Path], output: str | Path, *, model: str | Path | SeparationModel | None = None
) -> None:
    """Draw what is known about a separation into one picture.

    Parameters
    ----------
    paths : str or Path, or sequence of them
        A training run (loss curve, dictionary), a folder of stems that ``bsep separate`` wrote
        (spectrograms of mixture and stems), or one of each.
    output : str or Path
        The picture; ``.png``, ``.pdf`` or ``.svg``. It is replaced if it exists.
    model : SeparationModel or str or Path, optional
        A model or its ONNX file: adds its dictionary, and with stems the pitches that it finds in the mixture.

    Raises
    ------
    BsepError
        Neither run nor stems, two of a kind, stems that do not belong together, another suffix.
    """
    output = Path(output)
    if output.suffix.lower() not in SUFFIXES:
        raise ConfigError(f"a picture must end in {', '.join(SUFFIXES)}, got {output}")
    run, stems = _sort([paths] if isinstance(paths, str | Path) else paths)
    if isinstance(model, str | Path):
        from bsep_stream.model import SeparationModel

        model = SeparationModel(model)
    figure = _draw(run, stems, model)
    with whole_file(output) as temporary:
        figure.savefig(temporary, dpi=_DPI, facecolor="white")


def find_pitches(model: SeparationModel, stems: StemFolder) -> Pitches:
    """Pitches that a model finds in the sum of stems, in at most ``_PITCH_FRAMES`` frames."""
    from bsep_stream.outputs import network_step

    geometry = model.geometry
    hop_seconds = max(geometry.hop_length / geometry.sample_rate, stems.seconds / _PITCH_FRAMES)
    times = np.arange(0.0, stems.seconds, hop_seconds)
    f0_hz = np.empty((len(model.tone_sources), len(times)))
    level = np.empty((model.n_sources, len(times)))
    silent = np.empty((len(model.tone_sources), len(times)), dtype=bool)
    segments = stems.segments(times, geometry.n_fft / geometry.sample_rate)
    for i, segment in enumerate(segments):
        tones = network_step(model, geometry.analyse(_of_length(segment, geometry.n_fft)))
        f0_hz[:, i] = tones.f0_bin * geometry.bin_hz
        level[:, i] = np.linalg.norm(tones.direct, axis=1)
        silent[:, i] = tones.on < 0.5
    loudest = level.max(axis=1, keepdims=True, initial=0.0)
    quiet = level <= 10.0 ** (_QUIET_DB / 20.0) * loudest
    f0_hz[silent | quiet[list(model.tone_sources)]] = np.nan
    return Pitches(times, f0_hz, model.tone_sources)


def _of_length(segment: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """The segment at another sample rate, such that it has n samples; its ends are under the window's tails."""
    if len(segment) == n:
        return segment
    import soxr

    resampled: NDArray[np.float32] = soxr.resample(segment, len(segment), n)
    return np.resize(np.pad(resampled, (0, max(0, n - len(resampled)))), n)


def _sort(paths: Sequence[str | Path]) -> tuple[RunSummary | None, StemFolder | None]:
    runs = [Path(path) for path in paths if is_run(Path(path))]
    folders = [Path(path) for path in paths if not is_run(Path(path))]
    if not paths or len(runs) > 1 or len(folders) > 1:
        raise ConfigError(
            f"a report needs one training run, one folder of stems, or one of each, got {len(runs)} runs "
            f"and {len(folders)} other paths"
        )
    return read_run(runs[0]) if runs else None, StemFolder(folders[0]) if folders else None


def _draw(run: RunSummary | None, stems: StemFolder | None, model: SeparationModel | None) -> Figure:
    from matplotlib.figure import Figure

    names, dictionary = _dictionary(run, model)
    heights = []
    if stems is not None:
        heights.append(1.75 * (len(stems.names) + 1) + 0.5)
    if dictionary is not None or run is not None:
        heights.append(2.7 if stems is not None else (2.6 + (3.4 if run is not None else 0.0)))
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    parts = [figure.add_subfigure(grid[i, 0]) for i in range(len(heights))]
    if stems is not None:
        _draw_stems(parts[0], stems, list(names) or stems.source_names, model)
    if dictionary is not None or run is not None:
        _draw_training(parts[-1], run, names, dictionary, stacked=stems is None)
    return figure


def _dictionary(run: RunSummary | None, model: SeparationModel | None) -> tuple[tuple[str, ...], NDArray[Any] | None]:
    if model is not None:
        return model.source_names, model.dictionary
    if run is not None:
        return run.source_names, run.dictionary
    return (), None


def _draw_stems(part: SubFigure, stems: StemFolder, sources: Sequence[str], model: SeparationModel | None) -> None:
    from bsep_stream.pictures import (
        GREY,
        audible,
        colour_of,
        draw_pitches,
        draw_spectrogram,
        label_time,
        log_rows,
    )

    order = sorted(stems.names, key=lambda name: sources.index(name) if name in sources else len(sources))
    titles = ["mixture", *order]
    times = np.linspace(0.0, stems.seconds, min(_COLUMNS, max(2, stems.n_samples // 64)), endpoint=False)
    n_fft = 2 * (round(_WINDOW_SECONDS * stems.sample_rate) // 2)
    spectra = stems.spectrograms(times, n_fft)
    ordered = [spectra.sum(axis=0), *(spectra[stems.names.index(name)] for name in order)]
    pictures = [log_rows(each, stems.sample_rate) for each in ordered]
    shown = audible(*pictures[0])
    reference = float(pictures[0][0].max())
    pitches = find_pitches(model, stems) if model is not None else None

    all_axes = part.subplots(len(titles), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    image = None
    for axes, title, (rows, (low, high)) in zip(all_axes, titles, pictures, strict=True):
        octaves = low, low + (high - low) * shown / len(rows)
        colour = GREY if title == "mixture" else colour_of(title, sources)
        drawn = draw_spectrogram(axes, rows[:shown], octaves, stems.seconds, reference, colour)
        image = image or drawn
        axes.text(
            0.006,
            0.94,
            title,
            transform=axes.transAxes,
            va="top",
            fontsize=10,
            fontweight="bold",
            color=colour,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 2.0},
        )
    if pitches is not None and model is not None:
        for tone, source in enumerate(pitches.tone_sources):
            name = model.source_names[source]
            label = f"pitch of {name}" if source not in pitches.tone_sources[:tone] else None
            draw_pitches(all_axes[0], pitches.times, pitches.f0_hz[tone], colour_of(name, sources), label)
        all_axes[0].legend(
            fontsize=8, frameon=False, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=4, borderaxespad=0.1
        )
    label_time(all_axes[-1], stems.seconds)
    assert image is not None  # there is always the mixture
    bar = part.colorbar(image, ax=list(all_axes), pad=0.008, fraction=0.012, aspect=50)
    bar.set_label("level (dB, 0 = loudest point of the mixture)", fontsize=8.5)
    bar.ax.tick_params(labelsize=8, length=2.5)
    bar.outline.set_visible(False)


def _draw_training(
    part: SubFigure,
    run: RunSummary | None,
    names: Sequence[str],
    dictionary: NDArray[Any] | None,
    stacked: bool,
) -> None:
    from bsep_stream.pictures import colour_of, draw_dictionary, draw_losses

    n_sources = len(names)
    if run is not None and stacked:
        grid = part.add_gridspec(2, n_sources, height_ratios=[3.4, 2.6])
        losses, bars = grid[0, :], [grid[1, i] for i in range(n_sources)]
    elif run is not None:
        grid = part.add_gridspec(1, n_sources + 1, width_ratios=[*([1.0] * n_sources), 1.4])
        losses, bars = grid[0, n_sources], [grid[0, i] for i in range(n_sources)]
    else:
        grid = part.add_gridspec(1, n_sources)
        losses, bars = None, [grid[0, i] for i in range(n_sources)]
    first = None
    if dictionary is not None:
        for cell, name, row in zip(bars, names, dictionary, strict=True):
            axes = part.add_subplot(cell, sharey=first) if first is not None else part.add_subplot(cell)
            draw_dictionary(axes, row, name, colour_of(name, list(names)))
            if first is None:
                axes.set_ylabel("harmonics (dB)", fontsize=8.5)
            else:
                axes.tick_params(labelleft=False)
            first = first or axes
    if run is not None and losses is not None:
        axes = part.add_subplot(losses)
        draw_losses(axes, read_losses(run.path))
        axes.set_title("loss", fontsize=10, fontweight="bold", loc="left")
        axes.set_xlabel(f"iteration ({_facts(run)})", fontsize=8.5)


def _facts(run: RunSummary) -> str:
    progress = run.progress
    words = [str(progress["preset"])] if "preset" in progress else []
    if "iterations" in progress:
        words.append(f"{progress['iterations']} iterations")
    if isinstance(progress.get("seconds"), int | float):
        words.append(f"{progress['seconds'] / 60:.1f} min")
    if "seed" in progress:
        words.append(f"seed {progress['seed']}")
    return ", ".join(words)
