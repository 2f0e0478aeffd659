"""``--allow-plugins``: a rack may name VST3 plugins, native code that nobody runs by accident."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack


def plugins_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option; :func:`permitted` obeys it."""
    return click.option(
        "--allow-plugins",
        is_flag=True,
        help="Load the VST3 plugins of the rack: native code of whoever made them. Remembered.",
    )(command)


def permitted(rack: Rack, allow_plugins: bool, *, may_ask: bool = True) -> Rack:
    """The rack, with leave to load its plugins: typed now, given before to the same files, or asked for.

    Parameters
    ----------
    rack : Rack
    allow_plugins : bool
        What was typed.
    may_ask : bool
        Whether this is a moment for a question. On a terminal only.

    Raises
    ------
    ConfigError
        If nobody has allowed one of them.
    """
    from bsep_stream.effects.vst3 import not_allowed
    from bsep_stream.errors import BsepError
    from bsep_stream.files.plugins import is_known, is_remembered, remember

    for path in rack.plugin_paths:
        if is_remembered(path):
            continue
        if not allow_plugins and not (may_ask and _agreed(path, changed=is_known(path))):
            raise not_allowed(path)
        with suppress(OSError, RuntimeError, BsepError):  # then it is asked again next time
            remember(path)
    return rack.allowing_plugins()


def _agreed(path: str, *, changed: bool) -> bool:
    from bsep_stream.trust.terminal import say

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    other = "It is another file than the one that was allowed before. " if changed else ""
    say(f"The rack loads the plugin {path}: native code, which can do whatever you can. {other}", err=True)
    return click.confirm("Load it, now and from now on?", default=False, err=True)
