"""A PortAudio that exists only in the tests."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any


class FakeStream:
    """What sounddevice's streams have."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.active = False
        latency = options["latency"]
        assert latency in ("low", "high")
        self.latency = (0.01, 0.02) if isinstance(options["device"], tuple) else 0.01

    def start(self) -> None:
        self.active = True

    def close(self, ignore_errors: bool = True) -> None:
        self.active = False


class FakeLibrary:
    """What of sounddevice is used: five devices, of which one input knows 44.1 kHz only."""

    class PortAudioError(Exception):
        pass

    default = SimpleNamespace(device=[1, 2])

    def __init__(self) -> None:
        self.streams: list[FakeStream] = []
        self.refuse = False
        self.begun = 0

    def _exit_handler(self) -> None:
        """What sounddevice does when the process ends."""

    def _initialize(self) -> None:
        self.begun += 1

    def _terminate(self) -> None:
        self.streams.clear()

    def query_hostapis(self) -> list[dict[str, str]]:
        return [{"name": "ALSA"}, {"name": "JACK Audio Connection Kit"}]

    def query_devices(self) -> list[dict[str, Any]]:
        rows = [("Loopback", 0, 0, 2), ("USB Mic", 0, 1, 0), ("USB Speaker", 0, 0, 2), ("system", 1, 2, 2)]
        rows.append(("USB", 0, 8, 8))
        keys = ("name", "hostapi", "max_input_channels", "max_output_channels")
        return [{**dict(zip(keys, row, strict=True)), "default_samplerate": 44_100.0} for row in rows]

    def check_input_settings(self, **options: Any) -> None:
        if options["device"] == 1 and options["samplerate"] != 44_100:
            raise self.PortAudioError("Invalid sample rate [PaErrorCode -9997]")

    check_output_settings = check_input_settings

    def Stream(self, **options: Any) -> FakeStream:
        if self.refuse:
            raise self.PortAudioError("Device unavailable [PaErrorCode -9985]")
        self.streams.append(FakeStream(**options))
        return self.streams[-1]

    InputStream = OutputStream = Stream


class FakeStatus:
    """sounddevice's CallbackFlags."""

    def __init__(self, input_overflow: bool = False) -> None:
        self.input_overflow = input_overflow
        self.input_underflow = self.output_overflow = self.output_underflow = False

    def __bool__(self) -> bool:
        return self.input_overflow

    def __str__(self) -> str:
        return "input overflow"
