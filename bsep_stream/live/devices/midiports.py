"""MIDI ports that notes can be sent to, and which of them is meant."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from bsep_stream.errors import DeviceError

if TYPE_CHECKING:
    import mido

VIRTUAL = "virtual"
"""Instead of a port: make one, which other programs can be connected to."""

VIRTUAL_NAME = "bsep-stream"


class MidiPort(Protocol):
    """What of a port of mido is used."""

    name: str

    def send(self, message: mido.Message, /) -> None: ...
    def close(self) -> None: ...


def list_ports() -> list[str]:
    """Names of the ports that can be played to, in the order of the system.

    Raises
    ------
    DeviceError
        If the system has no MIDI.
    """
    try:
        return list(dict.fromkeys(_mido().get_output_names()))
    except ModuleNotFoundError:
        raise
    except Exception as error:  # the backends' exceptions share no base
        raise DeviceError(
            f"there is no MIDI on this system ({_reason(error)}); on Linux load its sequencer (modprobe snd-seq), "
            "or use JACK's: MIDO_BACKEND=mido.backends.rtmidi/UNIX_JACK"
        ) from error


def open_port(wanted: str) -> MidiPort:
    """The port that is meant, opened.

    Parameters
    ----------
    wanted : str
        A number in the order of :func:`list_ports`, part of a name in upper or lower case, or :data:`VIRTUAL`.

    Raises
    ------
    DeviceError
        None, several, or one that cannot be opened.
    """
    if wanted == VIRTUAL:
        return _opened(VIRTUAL_NAME, virtual=True)
    return _opened(find_port(list_ports(), wanted))


def find_port(names: list[str], wanted: str) -> str:
    """The one of the names that is meant; see :func:`open_port`."""
    listed = ", ".join(f"{number} ({name})" for number, name in enumerate(names))
    if not names:
        raise DeviceError(f"there is no MIDI port; start what shall play the notes, or say {VIRTUAL!r} to make a port")
    if wanted.strip().isdigit():
        if int(wanted) < len(names):
            return names[int(wanted)]
        raise DeviceError(f"there is no MIDI port with the number {wanted.strip()}; there are {listed}")
    like = wanted.casefold()
    found = [name for name in names if like in name.casefold()]
    exact = [name for name in found if name.casefold() == like]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise DeviceError(f"there is no MIDI port like {wanted!r}; there are {listed}")
    raise DeviceError(f"several MIDI ports are like {wanted!r}: {', '.join(exact or found)}; give a number of {listed}")


def _opened(name: str, **options: Any) -> MidiPort:
    try:
        port: MidiPort = _mido().open_output(name, **options)
    except ModuleNotFoundError:
        raise
    except Exception as error:
        raise DeviceError(f"the MIDI port {name} cannot be opened ({_reason(error)}); see `bsep devices`") from error
    return port


def _mido() -> Any:
    import_module("rtmidi")  # mido asks for it when a port is opened; the extra `live` brings both
    import mido

    return mido


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
