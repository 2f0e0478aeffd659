"""The engine in words: a line while it runs, a summary when it ends."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from bsep_stream.live.engine.counters import Event
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.machine import peak_memory_mb

_METER_CELLS, _METER_DB = 6, 60.0
_USUAL = "separated"

_SHOWN = {  # counter: words, where it is not 0
    "underruns": "underruns",
    "overruns": "overruns",
    "late_hops": "late hops",
    "dropped_samples": "dropped samples",
    "bridged_samples": "bridged samples",
    "slips": "slips",
    "device_faults": "faults of the device",
    "device_losses": "losses of the device",
    "lost_samples": "samples that never came in",
    "bad_input_samples": "bad samples in",
    "bad_output_samples": "bad samples out",
    "limited_samples": "limited samples",
    "plugin_errors": "errors of plugins",
    "model_errors": "errors of the model",
    "unrecorded_samples": "unrecorded samples",
    "midi_errors": "messages that the MIDI port refused",
    "unsent_frames": "frames too late for the MIDI port",
}


def latency_line(engine: LiveEngine, device_samples: int) -> str:
    """Latency and its parts."""
    ledger = engine.latency(device_samples)
    parts = {name.removesuffix("_samples"): value for name, value in asdict(ledger).items() if value}
    listed = ", ".join(f"{name} {value}" for name, value in parts.items())
    total = ledger.total_samples
    return f"latency {total} samples ({1000 * total / engine.sample_rate:.1f} ms): {listed}"


def status_line(engine: LiveEngine, device_samples: int, width: int = 80) -> str:
    """One line of at most so many columns: time, latency, levels, load; what went wrong only when something did.

    The levels are the highest since the last call.
    """
    counters = engine.counters
    hop_ms = 1000 * engine.hop_samples / engine.sample_rate
    total_ms = 1000 * engine.latency(device_samples).total_samples / engine.sample_rate
    seconds = int(engine.input.end / engine.sample_rate)
    sound = "DRY" if engine.bridging else "bypass" if engine.desk.bypass else _USUAL
    peaks = counters.input_peak, counters.output_peak
    counters.input_peak = counters.output_peak = 0.0
    trouble = ", ".join(_trouble(engine))
    load = f"load {100 * counters.p99_ms / hop_ms:.0f} %"
    clock = f"{seconds // 60}:{seconds % 60:02d}"
    start = f"{clock} {sound} {total_ms:.1f} ms"
    short = f"{clock} {total_ms:.0f} ms" if sound == _USUAL else f"{clock} {sound} {total_ms:.0f} ms"
    levels = [f"in {_meter(peaks[0], n)}  out {_meter(peaks[1], n)} dB" for n in (_METER_CELLS, 0)]
    line = ""
    for parts in ((start, levels[0]), (start, levels[1]), (short, levels[1])):
        line = "  ".join(part for part in (*parts, load, trouble) if part)
        if len(line) <= width:
            return line
    return line[: max(0, width - 3)] + "..."


def _trouble(engine: LiveEngine) -> list[str]:
    counts = ((getattr(engine.counters, name), words) for name, words in _SHOWN.items())
    return [f"{count} {words}" for count, words in counts if count]


def _meter(peak: float, cells: int) -> str:
    """A level in decibels below full scale, behind a row of signs that every terminal has."""
    decibels = 20.0 * math.log10(max(peak, 1e-5)) if peak == peak else 0.0
    full = round(cells * min(1.0, max(0.0, 1.0 + decibels / _METER_DB)))
    row = f"{'#' * full}{'-' * (cells - full)} " if cells else ""
    return f"{row}{decibels:.0f}" if decibels > -99.0 else f"{row}-inf"


def event_line(event: Event, sample_rate: int) -> str:
    """One line about an event."""
    if event.kind == "latency":
        return f"latency {1000 * event.samples / sample_rate:+.1f} ms ({event.text})"
    if event.kind == "device" and event.samples:
        return f"device: {event.text}; {event.samples / sample_rate:.2f} s of sound are lost"
    length = f" ({1000 * event.samples / sample_rate:.1f} ms)" if event.samples else ""
    return f"{event.kind}: {event.text}{length}"


def summary_lines(engine: LiveEngine, device_samples: int) -> tuple[str, ...]:
    """A few lines for the end."""
    counters = engine.counters
    trouble = _trouble(engine)
    hop_ms = 1000 * engine.hop_samples / engine.sample_rate
    return (
        f"{engine.input.end / engine.sample_rate:.1f} s, {', '.join(trouble) or 'no trouble'}",
        f"hop of {hop_ms:.2f} ms: p50 {counters.p50_ms:.2f}, p99 {counters.p99_ms:.2f} ms",
        latency_line(engine, device_samples),
    )


def summary_dict(engine: LiveEngine, device_samples: int, events: list[Event]) -> dict[str, Any]:
    """Everything, as plain values."""
    ledger = engine.latency(device_samples)
    return {
        "seconds": engine.input.end / engine.sample_rate,
        "sample_rate": engine.sample_rate,
        "latency": {**asdict(ledger), "total_samples": ledger.total_samples},
        "peak_memory_mb": peak_memory_mb(),
        "counters": engine.counters.to_dict(),
        "events": [asdict(event) for event in events],
    }
