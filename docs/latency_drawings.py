"""Pictures of the latency: frames over a sample, windows of the settings, parts of the sum."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
from material import WIDTH, Material, bare
from matplotlib.figure import Figure

from bsep_stream import StreamingSeparator
from bsep_stream.stream.latency import LIMITS_MS, QUALITY
from bsep_stream.stream.windows import stream_windows

SETTINGS = (QUALITY, *LIMITS_MS)
"""Names of latencies."""


def draw_window(material: Material) -> Figure:
    """Which frames a sample lies in: the last of them says how late it can be at the earliest."""
    geometry = material.model.geometry
    half, hop = geometry.n_fft // 2, geometry.hop_length
    to_ms = 1000.0 / geometry.sample_rate
    figure = Figure(figsize=(WIDTH, 2.4), layout="constrained")
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
    bare(axes)
    return figure


def draw_settings(material: Material) -> Figure:
    """What every setting looks at, what it masks, and which part of that goes out."""
    geometry = material.model.geometry
    to_ms = 1000.0 / geometry.sample_rate
    time = (np.arange(geometry.n_fft) + 0.5 - geometry.n_fft) * to_ms
    figure = Figure(figsize=(WIDTH, 1.2 * len(SETTINGS) + 0.5), layout="constrained")
    all_axes = figure.subplots(len(SETTINGS), 1, sharex=True)
    for axes, name in zip(all_axes, SETTINGS, strict=True):
        setting = StreamingSeparator(material.model, latency=name).setting
        windows = stream_windows(geometry, setting)
        axes.axvspan(-setting.synthesis_samples * to_ms, 0.0, color="#c8402f", alpha=0.15, label="goes out")
        axes.fill_between(time, windows.analysis / windows.analysis.max(), color="#9aa7b5", label="is masked")
        heard = windows.analysis if windows.network is None else windows.network
        axes.plot(time[-len(heard) :], heard / heard.max(), color="#1668b0", linewidth=1.5, label="the network hears")
        axes.set_title(name, fontsize=9, fontweight="bold", loc="left", pad=2)
        axes.set_yticks([])
        axes.set_xlim(time[0], 0.0)
        bare(axes)
    handles, labels = all_axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False, fontsize=9)
    all_axes[-1].set_xlabel("time before the newest sample (ms)")
    return figure


def draw_ledger(material: Material) -> Figure:
    """The parts of the latency, for every setting."""
    rate = material.model.geometry.sample_rate
    figure = Figure(figsize=(WIDTH, 0.55 * len(SETTINGS) + 0.8), layout="constrained")
    axes = figure.subplots()
    for row, name in enumerate(SETTINGS):
        ledger = StreamingSeparator(material.model, latency=name).latency
        begin = 0.0
        for colour, (part, samples) in zip(("#1668b0", "#1b8a5a", "#7d3fa8"), asdict(ledger).items(), strict=False):
            if samples:
                label = part.removesuffix("_samples") if row == 0 else None
                axes.barh(row, 1000.0 * samples / rate, left=begin, color=colour, height=0.6, label=label)
                begin += 1000.0 * samples / rate
        axes.annotate(f"{begin:.1f} ms", (begin, row), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set_yticks(range(len(SETTINGS)), SETTINGS)
    axes.invert_yaxis()
    axes.margins(x=0.1)
    axes.set_xlabel(f"ms, at {rate} Hz")
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    bare(axes)
    return figure
