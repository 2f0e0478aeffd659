"""Streaming separation of the instruments of a recording, learned from that recording alone.

The names below are imported when they are first used, so that ``import bsep_stream`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bsep_stream.audiofile import read_recording as read_recording
    from bsep_stream.errors import BsepError as BsepError
    from bsep_stream.masks import MaskSettings as MaskSettings
    from bsep_stream.measures import evaluate as evaluate
    from bsep_stream.mixer import StemMixer as StemMixer
    from bsep_stream.model import SeparationModel as SeparationModel
    from bsep_stream.rack import load_rack as load_rack
    from bsep_stream.separation import separate as separate
    from bsep_stream.separation import separate_file as separate_file
    from bsep_stream.stream import StreamingSeparator as StreamingSeparator

    __version__: str

_HOMES = {
    "BsepError": "errors",
    "MaskSettings": "masks",
    "SeparationModel": "model",
    "StemMixer": "mixer",
    "StreamingSeparator": "stream",
    "evaluate": "measures",
    "load_rack": "rack",
    "read_recording": "audiofile",
    "separate": "separation",
    "separate_file": "separation",
}

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


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("bsep-stream")
    elif name in _HOMES:
        value = getattr(import_module(f"bsep_stream.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES, "__version__"])
