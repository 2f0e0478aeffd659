"""Report on a training run, a folder of stems, a model, or all of these: a picture here, a page in page/."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, MissingDependency
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.outputlock import locked_file
from bsep_stream.notes.pitches import find_pitches
from bsep_stream.report.runfiles import RunSummary, read_losses
from bsep_stream.report.subject import Subject, read_subject

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from bsep_stream.model.separation_model import SeparationModel

SUFFIXES = (".png", ".pdf", ".svg")
PAGE_SUFFIX = ".html"

_COLUMNS = 1600  # of a spectrogram: about one per pixel
_WINDOW_SECONDS = 0.08
_WIDTH = 12.0  # inches
_DPI = 140


def write_report(
    paths: str | Path | Sequence[str | Path],
    output: str | Path,
    *,
    model: str | Path | SeparationModel | None = None,
    references: Sequence[str | Path] = (),
    part: tuple[float, float | None] = (0.0, None),
) -> None:
    """Put what is known about a separation into one picture, or one page to listen to.

    Parameters
    ----------
    paths : str or Path, or sequence of them
        A training run (loss curve, dictionary), a folder of stems that ``bsep separate`` wrote
        (spectrograms of mixture and stems), a model (dictionary, and with stems the pitches that it finds in the
        mixture), or one of each.
    output : str or Path
        The picture (``.png``, ``.pdf``, ``.svg``) or the page (``.html``). It is replaced if it exists.
    model : SeparationModel or str or Path, optional
        A model or its ONNX file, as if it were among the paths.
    references : sequence of str or Path
        The true stems: the page shows how close the stems come. A page only.
    part : (float, float or None)
        Where the page begins, and its length, in seconds. A page only.

    Raises
    ------
    BsepError
        None of the three, two of a kind, stems that do not belong together, another suffix, or a picture without
        matplotlib (the extra `[pictures]`).
    """
    output = Path(output)
    suffix = output.suffix.lower()
    if suffix not in (*SUFFIXES, PAGE_SUFFIX):
        raise ConfigError(f"a report must end in {', '.join((*SUFFIXES, PAGE_SUFFIX))}, got {output}")
    if suffix == PAGE_SUFFIX:
        from bsep_stream.report.page.assemble import write_page

        with locked_file(output):
            write_page(read_subject(paths, model), output, references=references, part=part)
        return
    if references or part != (0.0, None):
        raise ConfigError(f"true stems and a part of a session can be shown on a page only; write {PAGE_SUFFIX}")
    subject = read_subject(paths, model)
    if find_spec("matplotlib") is None:
        raise MissingDependency(
            f'a picture needs matplotlib, which is not installed: pip install "bsep-stream[pictures]", or write '
            f"{output.with_suffix(PAGE_SUFFIX)}, which does not"
        )
    with locked_file(output):
        figure = _draw(subject)
        with whole_file(output) as temporary:
            figure.savefig(temporary, dpi=_DPI, facecolor="white")


def _draw(subject: Subject) -> Figure:
    from matplotlib.figure import Figure

    run, stems, dictionary = subject.run, subject.stems, subject.dictionary
    heights = []
    if stems is not None:
        heights.append(1.75 * (len(stems.names) + 1) + 0.5)
    if dictionary is not None or run is not None:
        heights.append(2.7 if stems is not None else (2.6 + (3.4 if run is not None else 0.0)))
    figure = Figure(figsize=(_WIDTH, sum(heights)), layout="constrained")
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    parts = [figure.add_subfigure(grid[i, 0]) for i in range(len(heights))]
    if stems is not None:
        _draw_stems(parts[0], subject)
    if dictionary is not None or run is not None:
        _draw_training(parts[-1], run, subject.source_names, dictionary, stacked=stems is None)
    return figure


def _draw_stems(part: SubFigure, subject: Subject) -> None:
    from bsep_stream.report.pictures import (
        GREY,
        audible,
        colour_of,
        draw_pitches,
        draw_spectrogram,
        label_time,
        log_rows,
    )

    stems, model, sources = subject.stems, subject.model, list(subject.source_names)
    assert stems is not None
    order = subject.ordered_stems()
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
    from bsep_stream.report.pictures import colour_of, draw_dictionary, draw_losses

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
