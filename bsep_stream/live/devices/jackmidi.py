"""MIDI on JACK, with the methods of RtMidi's `MidiOut`, whose wheels bring a libjack that new servers refuse."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue

OLDEST_FIRST = 0
"""Place of all messages in a period of the server: they go out in the order in which they came."""


class JackMidiOut:
    """A client of a JACK server that is running.

    Parameters
    ----------
    name : str
        Of the client.

    Raises
    ------
    jack.JackError
        If no server runs.
    ModuleNotFoundError, OSError
        Without JACK-Client, or libjack.
    """

    def __init__(self, name: str) -> None:
        import jack

        self._client = jack.Client(name, no_start_server=True)
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        self._inputs = self._client.get_ports(is_midi=True, is_input=True)

    @property
    def ports(self) -> list[str]:
        """Names of the ports that take MIDI."""
        return [port.name for port in self._inputs]

    def open_virtual_port(self, name: str) -> None:
        """Make a port that others can be connected to."""
        self._out = self._client.midi_outports.register(name)
        self._client.set_process_callback(self._process)
        self._client.activate()

    def open_port(self, number: int) -> None:
        """Make a port and connect it to one of :attr:`ports`."""
        self.open_virtual_port("out")
        self._client.connect(self._out, self._inputs[number])

    def send_raw(self, *content: int) -> None:
        """Send a message in the next period of the server."""
        self._waiting.put(bytes(content))

    def close_port(self) -> None:
        """Leave the server."""
        self._client.close()

    def _process(self, _frames: int) -> None:
        self._out.clear_buffer()
        with suppress(Empty):
            while True:
                self._out.write_midi_event(OLDEST_FIRST, self._waiting.get_nowait())
