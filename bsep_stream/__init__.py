"""Streaming separation of the instruments of a recording, learned from that recording alone.

The names below are imported when they are first used, so that ``import bsep_stream`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bsep_stream import cards

if TYPE_CHECKING:
    from bsep_stream.effects.rack import load_rack as load_rack
    from bsep_stream.effects.stemmixer import StemMixer as StemMixer
    from bsep_stream.errors import BsepError as BsepError
    from bsep_stream.export.cli import export as export
    from bsep_stream.files.audiofile import read_recording as read_recording
    from bsep_stream.files.separation import separate as separate
    from bsep_stream.files.separation import separate_file as separate_file
    from bsep_stream.masks.masksettings import MaskSettings as MaskSettings
    from bsep_stream.model.separation_model import SeparationModel as SeparationModel
    from bsep_stream.report.measures import evaluate as evaluate
    from bsep_stream.separator import StreamingSeparator as StreamingSeparator
    from bsep_stream.train.runs.training import train as train

    __version__: str

_HOMES = {
    "BsepError": "errors",
    "MaskSettings": "masks.masksettings",
    "SeparationModel": "model.separation_model",
    "StemMixer": "effects.stemmixer",
    "StreamingSeparator": "separator",
    "evaluate": "report.measures",
    "load_rack": "effects.rack",
    "read_recording": "files.audiofile",
    "separate": "files.separation",
    "separate_file": "files.separation",
}

_PACKAGES = ("export", "train")
"""Callable, and not in ``__all__``: without the extra `[train]` they say what to install."""

__all__ = [
    "BsepError",
    "MaskSettings",
    "SeparationModel",
    "StemMixer",
    "StreamingSeparator",
    "evaluate",
    "load_rack",
    "read_recording",
    "separate",
    "separate_file",
]


cards.register("model", lambda model: import_module("bsep_stream.report.notebook").model_card(model))
cards.register("stems", lambda stems: import_module("bsep_stream.report.notebook").stems_card(stems))


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("bsep-stream")
    elif name in _PACKAGES:
        return import_module(f"bsep_stream.{name}")
    elif name in _HOMES:
        value = getattr(import_module(f"bsep_stream.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES, *_PACKAGES, "__version__"})
