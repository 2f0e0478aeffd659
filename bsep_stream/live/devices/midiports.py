"""MIDI ports that notes can be sent to, and which of them is meant."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from bsep_stream.errors import DeviceError
from bsep_stream.live.devices.jackmidi import JackMidiOut

if TYPE_CHECKING:
    import mido

VIRTUAL = "virtual"
"""Instead of a port: make one, which other programs can be connected to."""

VIRTUAL_NAME = "bsep-stream"

JACK = "jack:"
"""Before a port: that of JACK, though the system has a sequencer, too."""


class MidiPort(Protocol):
    """Where messages of mido can be sent."""

    name: str

    def send(self, message: mido.Message, /) -> None: ...
    def close(self) -> None: ...


class _Port:
    """A port of RtMidi, or of JACK."""

    def __init__(self, name: str, client: Any) -> None:
        self.name = name
        self._client = client

    def send(self, message: mido.Message, /) -> None:
        self._client.send_raw(*message.bytes())

    def close(self) -> None:
        self._client.close_port()


def list_ports(wanted: str = "") -> list[str]:
    """Names of the ports that can be played to, in the order of the system.

    Parameters
    ----------
    wanted : str
        Begins with :data:`JACK` if the ports of JACK are meant.

    Raises
    ------
    DeviceError
        If the system has no MIDI.
    """
    client = _client(wanted)
    try:
        return list(dict.fromkeys(client.ports))
    finally:
        client.close_port()  # a client of JACK that is left to the garbage collector crashes when the server has gone


def open_port(wanted: str) -> MidiPort:
    """The port that is meant, opened.

    Parameters
    ----------
    wanted : str
        A number in the order of :func:`list_ports`, part of a name in upper or lower case, or :data:`VIRTUAL`; with
        :data:`JACK` before it a port of JACK.

    Raises
    ------
    DeviceError
        None, several, or one that cannot be opened.
    """
    client, meant = _client(wanted), wanted.removeprefix(JACK)
    try:
        return _Port(_open(client, meant), client)
    except BaseException:
        client.close_port()
        raise


def _open(client: Any, wanted: str) -> str:
    """Open the port that is meant; its name."""
    names = list(client.ports)
    name = VIRTUAL_NAME if wanted == VIRTUAL else find_port(list(dict.fromkeys(names)), wanted)
    try:
        if wanted == VIRTUAL:
            client.open_virtual_port(name)
        else:
            client.open_port(names.index(name))
    except Exception as error:
        raise DeviceError(f"the MIDI port {name} cannot be opened ({_reason(error)}); see `bsep devices`") from error
    return name


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


def _client(wanted: str) -> Any:
    """A client of the system's MIDI; on Linux of JACK where it has none, or JACK is wanted."""
    import rtmidi2  # first: where it is missing, the extra `midi` is named, which brings the other, too

    import_module("mido")  # what is sent

    on_jack = [JackMidiOut] if sys.platform.startswith("linux") else []
    first: Exception | None = None
    for client in on_jack if wanted.startswith(JACK) else (rtmidi2.MidiOut, *on_jack):
        try:
            return client(VIRTUAL_NAME)
        except Exception as error:  # RtMidi's are plain RuntimeErrors, JACK's of its own, without libjack OSErrors
            first = first or error
    raise DeviceError(
        f"there is no MIDI on this system ({'JACK is for Linux' if first is None else _reason(first)}); on Linux load "
        "its sequencer (modprobe snd-seq), or start JACK"
    ) from first


def _reason(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
