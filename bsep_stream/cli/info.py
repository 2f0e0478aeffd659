"""``bsep info``: what a model or a training run holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bsep_stream.cli.streamoptions import STREAM_OPTIONS, latency_lines, named_rack, stream_options
from bsep_stream.trust.terminal import say

_SHOWN_HARMONICS = 6  # fits into 80 columns
_BARS = " ▁▂▃▄▅▆▇█"
_FLOOR_DB = -48.0  # 6 dB a step


@click.command("info")
@click.argument("path", metavar="MODEL.onnx|RUN", type=click.Path(path_type=Path))
@stream_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
@click.pass_context
def info(
    ctx: click.Context,
    path: Path,
    latency: str,
    sample_rate: int | None,
    rack_name: str | None,
    allow_plugins: bool,
    as_json: bool,
) -> None:
    """Show sources, geometry, latency and dictionary of a model or a training run."""
    import json

    from bsep_stream.report.info import describe, describe_model

    if path.is_dir():
        _refuse_stream_options(ctx)
        facts = describe(path)
    else:
        facts = describe_model(
            path, latency=latency, sample_rate=sample_rate, rack=named_rack(rack_name, allow_plugins)
        )
    if as_json:
        say(json.dumps(facts, indent=2), lines=True)
    else:
        _print(facts)


def _refuse_stream_options(ctx: click.Context) -> None:
    """An option that would do nothing is refused where it was typed; a file of defaults may hold it for models."""
    from bsep_stream.errors import ConfigError

    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if parameter.name in STREAM_OPTIONS and source is click.core.ParameterSource.COMMANDLINE:
            raise ConfigError(
                f"{parameter.opts[0]} goes with a model: leave it out for a training run, or give MODEL.onnx"
            )


def _print(facts: dict[str, Any]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from bsep_stream.trust.console import Console

    console = Console()
    lines = Table(title=escape(facts["path"]), title_justify="left", show_header=False, box=None, pad_edge=False)
    lines.add_column(style="bold", no_wrap=True)
    lines.add_column(overflow="fold")
    for name, text in _lines(facts).items():
        lines.add_row(name, escape(text))
    console.print(lines)

    rows = facts["dictionary"]
    shown = min(_SHOWN_HARMONICS, len(rows[0]))
    dictionary = Table(box=SIMPLE_HEAD, pad_edge=False)
    dictionary.add_column("source", min_width=6, overflow="fold")
    for harmonic in range(1, shown + 1):
        dictionary.add_column(str(harmonic), justify="right", no_wrap=True)
    dictionary.add_column("", no_wrap=True)
    for name, row in zip(facts["source_names"], rows, strict=True):
        dictionary.add_row(escape(name), *(f"{value:.2f}".removeprefix("0") for value in row[:shown]), _bars(row))
    console.print(dictionary)
    for sentence in (facts.get("verdict") or {}).get("sentences", []):
        console.print(escape(str(sentence)))
    console.print(f"amplitudes of the harmonics; bars: all {len(rows[0])}, down to {_FLOOR_DB:.0f} dB", style="dim")


def _lines(facts: dict[str, Any]) -> dict[str, str]:
    from math import log10

    from bsep_stream.masks.metronome import periods_text
    from bsep_stream.model.geometry import FrameGeometry

    geometry = FrameGeometry.from_dict(facts["geometry"])
    rate = geometry.sample_rate

    def ms(samples: float) -> str:
        return f"{1000 * samples / rate:.1f} ms"

    lines = {"kind": facts["kind"]}
    if facts["kind"] == "model":
        lines["kind"] = f"model, format {facts['format_version']}, {facts['megabytes']:.1f} MB"
    lines["sources"] = ", ".join(
        name if most == 1 else f"{name} (up to {most} tones)"
        for name, most in zip(facts["source_names"], facts["tones_at_once"], strict=True)
    )
    lines["sample rate"] = f"{rate} Hz"
    if facts.get("stream_sample_rate", rate) != rate:
        lines["sample rate"] += f", the stream {facts['stream_sample_rate']} Hz"
    lines["frame"] = (
        f"{geometry.n_fft} samples ({ms(geometry.n_fft)}), every {geometry.hop_length} ({ms(geometry.hop_length)})"
    )
    lines["window"] = f"Gaussian, standard deviation {geometry.sigma_samples:g} samples ({ms(geometry.sigma_samples)})"
    lines["bins"] = f"{geometry.n_bins} of {geometry.bin_hz:.3f} Hz, up to {geometry.n_bins * geometry.bin_hz:.0f} Hz"
    lines.update(latency_lines(facts))
    choices = ", ".join(f"{name} {value:.1f}" for name, value in facts["latencies_ms"].items())
    lines["--latency"] = f"{choices} ms at {rate} Hz"
    lines["level"] = f"{20 * log10(facts['gain']):+.1f} dB before the network"
    if "output" in facts:
        lines["output"] = facts["output"]
    if facts.get("metronome_seconds"):
        lines["metronome"] = f"{periods_text(facts['metronome_seconds'])}; it stays in the residual"
    if facts.get("decay_seconds"):
        pairs = zip(facts["source_names"], facts["decay_seconds"], strict=True)
        lines["rings on"] = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in pairs)
    lines["training"] = _training(facts["training"])
    return lines


def _training(training: dict[str, Any]) -> str:
    words = []
    if "preset" in training:
        words.append(f"preset {training['preset']}")
    if "iterations" in training:
        target = training.get("target_iterations")
        words.append(f"{training['iterations']} iterations" + (f" of {target}" if target else ""))
    if "seconds" in training:
        words.append(f"{training['seconds'] / 60:.1f} min")
    if "seed" in training:
        words.append(f"seed {training['seed']}")
    if training.get("dropped_steps"):
        words.append(f"{training['dropped_steps']} steps dropped")
    takes = [take["name"] if isinstance(take, dict) else str(take) for take in training.get("recordings", [])]
    if takes:
        words.append("on " + ", ".join(takes))
    return ", ".join(words) or "unknown"


def _bars(row: list[float]) -> str:
    """One block per harmonic; its height is its level in dB."""
    from math import log10

    peak = max(row) or 1.0
    steps = len(_BARS) - 1
    levels = (20 * log10(max(value / peak, 1e-9)) for value in row)
    return "".join(_BARS[max(0, round(steps * (1 - level / _FLOOR_DB)))] for level in levels)


command = info
