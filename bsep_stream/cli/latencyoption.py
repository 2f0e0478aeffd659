"""``--latency``, as every command that streams has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click


def latency_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--latency``; its value is checked by :func:`~bsep_stream.stream.latency.choose_setting`."""
    return click.option(
        "--latency",
        metavar="quality|balanced|live|MS",
        default="quality",
        show_default=True,
        help="How late the stems may be: the later, the better. At most 75 ms, 23 ms, or so many milliseconds.",
    )(command)
