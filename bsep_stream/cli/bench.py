"""``bsep bench``: speed, latency and memory of a model on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsep_stream.cli.streamoptions import latency_lines, named_rack, stream_options
from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from bsep_stream.report.bench import Benchmark


@click.command("bench")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--seconds", type=float, default=20.0, show_default=True, help="Length of the audio that is streamed.")
@stream_options
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def bench(
    model: Path,
    seconds: float,
    latency: str,
    sample_rate: int | None,
    rack_name: str | None,
    allow_plugins: bool,
    as_json: bool,
) -> None:
    """Stream a test signal through MODEL.onnx hop by hop, on one thread, and measure."""
    import json
    import math

    from bsep_stream.report.bench import bench as measure

    result = measure(
        model, seconds, latency=latency, sample_rate=sample_rate, rack=named_rack(rack_name, allow_plugins)
    )
    if as_json:
        values = result.to_dict()
        if math.isnan(values["peak_memory_mb"]):
            values["peak_memory_mb"] = None
        say(json.dumps(values, indent=2), lines=True)
    else:
        _print(result, model)


def _print(result: Benchmark, model: Path) -> None:
    from rich.markup import escape
    from rich.table import Table

    from bsep_stream.trust.console import Console

    facts = result.machine
    share = 100.0 / result.hop_ms
    lines = {
        "real-time factor": f"{result.real_time_factor:.3f}",
        f"hop of {result.hop_ms:.2f} ms": (
            f"p50 {result.p50_ms:.2f}  p99 {result.p99_ms:.2f}  p99.9 {result.p999_ms:.2f}  max {result.max_ms:.2f} ms"
        ),
        "share of the hop": (
            f"p50 {share * result.p50_ms:.0f}  p99 {share * result.p99_ms:.0f}  "
            f"p99.9 {share * result.p999_ms:.0f}  max {share * result.max_ms:.0f} %"
        ),
        "deadline misses": f"{result.deadline_misses} of {result.n_hops} hops ({result.audio_seconds:.1f} s of audio)",
        "sample rate": f"{result.sample_rate} Hz",
        **latency_lines(result.to_dict()),
        "peak memory": f"{result.peak_memory_mb:.0f} MB",
        "machine": f"{facts['processor']}, {facts['cores']} cores, 1 thread used, load {facts['load_average']}",
        "versions": f"bsep-stream {facts['bsep-stream']}, onnxruntime {facts['onnxruntime']}, numpy {facts['numpy']}, "
        f"Python {facts['python']}, {facts['system']}",
    }
    table = Table(title=escape(str(model)), title_justify="left", show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines.items():
        table.add_row(name, escape(text))
    Console().print(table)


command = bench
