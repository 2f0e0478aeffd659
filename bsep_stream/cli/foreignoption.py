"""``--foreign``, as every command that makes stems has it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bsep_stream.masks.masksettings import MaskSettings

_USUAL = "residual"


def foreign_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--foreign``; :func:`mask_settings` says what it means."""
    return click.option(
        "--foreign",
        type=click.Choice([_USUAL, "stems", "strict"]),
        default=_USUAL,
        show_default=True,
        help="Where noise, clicks and a metronome go: to the residual, to the stems as what they coincide with, or "
        "strictly to the residual, which takes some of the hammers and the breath as well.",
    )(command)


def mask_settings(foreign: str, output_kind: str) -> MaskSettings:
    """Of the masks, for what ``--foreign`` says.

    Parameters
    ----------
    foreign : {"residual", "stems", "strict"}
    output_kind : str
        Only masks can say where foreign sound goes.

    Raises
    ------
    ConfigError
        If something is wished for that the output does not have.
    """
    from bsep_stream.errors import ConfigError
    from bsep_stream.masks.masksettings import FOREIGN_TO_STEMS, FOREIGN_TO_STEMS_NEVER, MaskSettings

    if foreign != _USUAL and output_kind != "mask":
        raise ConfigError(f"--foreign {foreign} goes with masks: add --output-kind mask, this is {output_kind}")
    return {_USUAL: MaskSettings(), "stems": FOREIGN_TO_STEMS, "strict": FOREIGN_TO_STEMS_NEVER}[foreign]
