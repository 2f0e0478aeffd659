"""What a notebook shows of stems and models: HTML without scripts, for notebooks that are not trusted run none."""

from __future__ import annotations

import base64
import io
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bsep_stream.files.stems import Stems
from bsep_stream.report.info import latency_dict
from bsep_stream.report.page.sound import MEDIA_TYPE, encode_mp3
from bsep_stream.report.pictures import audible, colour_of, draw_dictionary, draw_spectrogram, sound_rows
from bsep_stream.separator import StreamingSeparator
from bsep_stream.words import RESIDUAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bsep_stream.model.separation_model import SeparationModel

MOST_SECONDS = 60.0
"""The players hold the beginning of a recording, at most so long,"""

MOST_SOUND_SECONDS = 240.0
"""and all channels of all of them together at most so long: a notebook keeps all that it shows in its file."""

PICTURES = find_spec("matplotlib") is not None
"""Without the extra `[pictures]` there are players and facts alone."""

_COLUMNS = 800  # of a spectrogram: about one per pixel
_WIDTH = 9.0  # inches
_DPI = 96
_CARD = "max-width: 60em; margin: .3em 0"
_PLAYER = "width: min(20em, 50vw)"  # a phone has less
_CELL = "text-align: left; vertical-align: middle; padding: .1em .9em .1em 0"


def stems_card(stems: Stems) -> str:
    """Players and spectrograms of stems, and of their sum: with the residual that is the mixture."""
    audio, names, sample_rate = np.asarray(stems), stems.stem_names, stems.sample_rate
    n_stems, channels, n_samples = audio.shape
    length = min(MOST_SECONDS, MOST_SOUND_SECONDS / ((n_stems + 1) * channels))
    shown = audio[..., : round(length * sample_rate)]
    whole = "mixture" if RESIDUAL in names else "sum of the stems"
    tracks = {whole: shown.sum(axis=0), **dict(zip(names, shown, strict=True))}
    sources = [name for name in names if name != RESIDUAL]
    words = [
        f"{n_stems} stems",
        "mono" if channels == 1 else "stereo" if channels == 2 else f"{channels} channels",
        f"{sample_rate} Hz",
        _minutes(n_samples / sample_rate),
    ]
    if shown.shape[2] < n_samples:
        words.append(f"here the first {_minutes(shown.shape[2] / sample_rate)}")
    body = f"<div>{', '.join(words)}</div>"
    if shown.size:
        body += _players(tracks, sources, sample_rate)
        drawn = {name: track.mean(axis=0) for name, track in tracks.items()}
        if PICTURES:
            body += _picture(_spectrograms(drawn, sources, sample_rate), f"Spectrograms of {', '.join(tracks)}")
    return f'<div style="{_CARD}">{body}</div>'


def model_card(model: SeparationModel) -> str:
    """Facts about a model, and the harmonics that it knows of every source."""
    geometry, training = model.geometry, model.training
    latency = latency_dict(StreamingSeparator(model).latency, geometry.sample_rate)
    takes = [str(take.get("name", take) if isinstance(take, dict) else take) for take in training.get("recordings", [])]
    facts = {
        "sources": ", ".join(model.source_names),
        "trained on": ", ".join(takes),
        "training": ", ".join(
            f"{key} {training[key]:.0f}" if isinstance(training[key], float) else f"{key} {training[key]}"
            for key in ("preset", "iterations", "seconds", "seed")
            if key in training
        ),
        "latency": f"{latency['total_samples']:.0f} samples, {latency['total_ms']:.1f} ms",
        "frames": f"{geometry.n_fft} samples every {geometry.hop_length}, at {geometry.sample_rate} Hz",
        "file": f"{model.path} ({model.path.stat().st_size / 1e6:.1f} MB)" if model.path.exists() else str(model.path),
    }
    rows = "".join(
        f'<tr><th style="{_CELL}">{name}</th><td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in facts.items()
        if value
    )
    picture = _picture(_dictionaries(model), f"Harmonics of {', '.join(model.source_names)}") if PICTURES else ""
    return f'<div style="{_CARD}"><table style="border: 0; margin: 0">{rows}</table>{picture}</div>'


def _players(tracks: dict[str, NDArray[np.float32]], sources: list[str], sample_rate: int) -> str:
    peak = max(1.0, *(float(np.abs(track).max()) for track in tracks.values()))  # all alike: levels are part of a mix
    rows = []
    for name, track in tracks.items():
        sound = _data(MEDIA_TYPE, encode_mp3(track / np.float32(peak), sample_rate))
        colour, label = colour_of(name, sources), escape(name)
        square = f'<span style="color: {colour}" aria-hidden="true">&#9632;</span>'
        player = f'<audio controls preload="metadata" style="{_PLAYER}" aria-label="{label}" src="{sound}"></audio>'
        rows.append(f'<tr><th style="{_CELL}">{square} {label}</th><td style="{_CELL}">{player}</td></tr>')
    return f'<table style="border: 0; margin: .3em 0">{"".join(rows)}</table>'


def _spectrograms(tracks: dict[str, NDArray[np.float32]], sources: list[str], sample_rate: int) -> Figure:
    from matplotlib.figure import Figure

    n_samples = len(next(iter(tracks.values())))
    n_columns = min(_COLUMNS, max(2, n_samples // 64))
    rows = {}
    for name, track in tracks.items():
        rows[name], octaves = sound_rows(track, sample_rate, n_columns)
    whole = next(iter(rows.values()))
    n_shown = audible(whole, octaves)
    top = octaves[0] + (octaves[1] - octaves[0]) * n_shown / len(whole)
    figure = Figure(figsize=(_WIDTH, 1.25 * len(tracks) + 0.3), layout="constrained")
    all_axes = figure.subplots(len(tracks), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axes, (name, each) in zip(all_axes, rows.items(), strict=True):
        colour = colour_of(name, sources)
        seconds = n_samples / sample_rate
        draw_spectrogram(axes, each[:n_shown], (octaves[0], top), seconds, float(whole.max()), colour)
        axes.set_title(name, fontsize=9, fontweight="bold", color=colour, loc="left", pad=2)
    all_axes[-1].set_xlabel("time (s)", fontsize=8.5)
    return figure


def _dictionaries(model: SeparationModel) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, 2.0), layout="constrained")
    all_axes = figure.subplots(1, model.n_sources, sharey=True, squeeze=False)[0]
    for axes, name, row in zip(all_axes, model.source_names, model.dictionary, strict=True):
        draw_dictionary(axes, row, name, colour_of(name, model.source_names))
    all_axes[0].set_ylabel("harmonics (dB)", fontsize=8.5)
    return figure


def _picture(figure: Figure, text: str) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, facecolor="white")
    source = _data("image/png", file.getvalue())
    return f'<img style="max-width: 100%" alt="{escape(text)}" src="{source}">'


def _data(media_type: str, content: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def _minutes(seconds: float) -> str:
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"
