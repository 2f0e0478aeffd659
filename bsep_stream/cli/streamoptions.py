"""``--latency``, ``--sample-rate`` and ``--rack``: the stream that ``info`` and ``bench`` speak of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from bsep_stream.cli.latencyoption import latency_option
from bsep_stream.cli.pluginpermission import permitted, plugins_option

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack

STREAM_OPTIONS = ("latency", "sample_rate", "rack_name", "allow_plugins")
"""What click calls them."""


def stream_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the stream checks the values of the first two, :func:`named_rack` reads the third."""
    options = (
        latency_option,
        click.option("--sample-rate", type=int, metavar="HZ", help="Of the stream; the model's own if not given."),
        click.option("--rack", "rack_name", metavar="FILE", help="Effects and levels, or name of a shipped rack."),
        plugins_option,
    )
    for option in reversed(options):  # as decorators are applied
        command = option(command)
    return command


def named_rack(name: str | None, allow_plugins: bool = False) -> Rack | None:
    """The rack of ``--rack``. ConfigError if there is none of that name, or something in it makes no sense, or it needs
    plugins that were not allowed."""
    from bsep_stream.effects.rack import load_rack
    from bsep_stream.effects.racks import find_rack

    return None if name is None else permitted(load_rack(find_rack(name)), allow_plugins)


def latency_lines(facts: dict[str, Any]) -> dict[str, str]:
    """Lines of a table, by their titles: the latency of the stream, and on the stage if that is known.

    Parameters
    ----------
    facts : dict
        With ``latency`` and perhaps ``live_latency`` (see :func:`bsep_stream.report.info.latencies`).
    """
    latency = facts["latency"]
    parts = ", ".join(
        f"{key.removesuffix('_samples')} {value}"
        for key, value in latency.items()
        if not key.startswith("total") and value
    )
    lines = {"latency": f"{_total(latency)}: {parts}"}
    if "live_latency" in facts:
        live = facts["live_latency"]
        cushion = f"with a cushion of {live['cushion_samples']}"
        lines["bsep live"] = f"{_total(live)} {cushion}; the device adds its buffers"
    return lines


def _total(latency: dict[str, float]) -> str:
    return f"{latency['total_samples']} samples ({latency['total_ms']:.1f} ms)"
