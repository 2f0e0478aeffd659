"""The pictures of the page that says what to expect: from the demo, and from the tables of the laboratory book."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from material import Material, gather
from matplotlib.figure import Figure

from bsep_stream.demo import SOURCE_NAMES, TRUE_STEMS
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate
from bsep_stream.report.pictures import colour_of, draw_spectrogram, sound_rows

TABLES = {"Default preset, from the mixture alone": "#1668b0", "Held out: the same notes, other instruments": "#8ab8dd"}
"""Sections of the laboratory book whose first table is drawn, and its colour."""

_COLUMNS = 1000
_DPI = 110


def draw_quality(folder: Path, laboratory: Path) -> None:
    """Write ``truth.png`` and ``scores.png``."""
    draw_truth(gather()).savefig(folder / "truth.png", dpi=_DPI, facecolor="white")
    scores = {heading: read_scores(laboratory.read_text(encoding="utf-8"), heading) for heading in TABLES}
    draw_scores(scores).savefig(folder / "scores.png", dpi=_DPI, facecolor="white")


def draw_truth(material: Material) -> Figure:
    """The true stems of the demo on the left, what was separated on the right."""
    rate = material.model.geometry.sample_rate
    stems = separate(material.model, material.audio, rate)
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    all_axes = figure.subplots(len(SOURCE_NAMES), 2, sharex=True, sharey=True)
    for row, (name, path) in enumerate(zip(SOURCE_NAMES, TRUE_STEMS, strict=True)):
        true, _ = read_recording(path)
        tracks = {"as it was played": true[0, : stems.shape[2]], "separated": stems[name][0]}
        loudest = 0.0
        for axes, (title, track) in zip(all_axes[row], tracks.items(), strict=True):
            rows, octaves = sound_rows(np.ascontiguousarray(track), rate, _COLUMNS)
            loudest = loudest or float(rows.max())
            colour = colour_of(name, SOURCE_NAMES)
            draw_spectrogram(axes, rows, octaves, len(track) / rate, loudest, colour)
            axes.set_title(f"{name.replace('_', ' ')}, {title}", fontsize=9, color=colour, loc="left", pad=2)
    for axes in all_axes[-1]:
        axes.set_xlabel("time (s)", fontsize=8.5)
    return figure


def read_scores(laboratory: str, heading: str) -> dict[str, float]:
    """SDR of the masks of every recording, dB, mean over the stems, of the first seed in the table below a heading."""
    section = laboratory.split(f"## {heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)
    assert table is not None
    head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[0].splitlines()]
    column = next(number for number, name in enumerate(head) if name in ("mask", "mean of stems"))
    scores: dict[str, float] = {}
    for row in rows:
        scores.setdefault(row[0], float(row[column].split("/")[0]))
    return scores


def draw_scores(scores: dict[str, dict[str, float]]) -> Figure:
    """A bar for every recording."""
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    axes = figure.subplots()
    bars = [(name, sdr, TABLES[heading]) for heading, found in scores.items() for name, sdr in found.items()]
    names = [re.sub(r"^[0-9a-z]*\d[a-z]?_", "", name).replace("_", ", ") for name, _, _ in bars]
    places = np.arange(len(bars))[::-1]
    axes.barh(places, [sdr for _, sdr, _ in bars], color=[colour for *_, colour in bars], height=0.75)
    for place, (_, sdr, _) in zip(places, bars, strict=True):
        axes.text(sdr + 0.3, place, f"{sdr:.1f}", va="center", fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    axes.set_xlabel("SDR (dB)", fontsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
