"""Which audio devices there are, and which of them is meant."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bsep_stream.errors import DeviceError, MissingDependency

KINDS = ("input", "output")


@dataclass(frozen=True)
class Device:
    """An audio device as PortAudio lists it.

    Parameters
    ----------
    number : int
    name : str
    host_api : str
        The sound system through which it is reached: ALSA, JACK, Core Audio, WASAPI, ...
    inputs, outputs : int
        Channels.
    sample_rate : float
        Hz; its own rate.
    default_input, default_output : bool
        Whether it is used when none is named.
    """

    number: int
    name: str
    host_api: str
    inputs: int
    outputs: int
    sample_rate: float
    default_input: bool
    default_output: bool

    def channels(self, kind: str) -> int:
        """Channels as ``input`` or ``output``."""
        return self.inputs if kind == "input" else self.outputs

    def __str__(self) -> str:
        return f"{self.number} ({self.name}, {self.host_api})"


def sound_library() -> ModuleType:
    """The module ``sounddevice``.

    Raises
    ------
    MissingDependency
        If it or PortAudio is not installed.
    """
    try:
        import sounddevice
    except OSError as error:  # its wheels for Linux come without PortAudio
        raise MissingDependency(
            f"live sound needs the PortAudio library ({error}); on Debian and Ubuntu: apt-get install libportaudio2"
        ) from error
    module: ModuleType = sounddevice
    return module


def list_devices(library: Any) -> list[Device]:
    """All devices, in PortAudio's order; ``library`` is :func:`sound_library`."""
    apis = library.query_hostapis()
    default = library.default.device
    return [
        Device(
            number=number,
            name=str(found["name"]),
            host_api=str(apis[found["hostapi"]]["name"]),
            inputs=int(found["max_input_channels"]),
            outputs=int(found["max_output_channels"]),
            sample_rate=float(found["default_samplerate"]),
            default_input=number == default[0],
            default_output=number == default[1],
        )
        for number, found in enumerate(library.query_devices())
    ]


def find_device(devices: list[Device], wanted: str | None, kind: str) -> Device:
    """The device that is meant.

    Parameters
    ----------
    devices : list of Device
    wanted : str or None
        A number, or part of "name, host API", upper or lower case; None for the default.
    kind : {"input", "output"}

    Raises
    ------
    DeviceError
        None, several, or one that cannot do it.
    """
    able = [device for device in devices if device.channels(kind)]
    if not able:
        raise DeviceError(
            f"there is no {kind} device; plug one in, or start a sound server (PulseAudio, PipeWire or JACK), "
            "and see `bsep devices`"
        )
    if wanted is None:
        for device in able:
            if device.default_input if kind == "input" else device.default_output:
                return device
        raise DeviceError(f"no {kind} device is the default one; name one of {_listed(able)}")
    if wanted.strip().isdigit():
        for device in able:
            if device.number == int(wanted):
                return device
        raise DeviceError(f"there is no {kind} device with the number {wanted.strip()}; there are {_listed(able)}")
    name = wanted.casefold()
    found = [device for device in able if name in f"{device.name}, {device.host_api}".casefold()]
    exact = [device for device in found if device.name.casefold() == name]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise DeviceError(f"there is no {kind} device like {wanted!r}; there are {_listed(able)}")
    raise DeviceError(f"several {kind} devices are like {wanted!r}: {_listed(exact or found)}; give a number")


def _listed(devices: list[Device]) -> str:
    return ", ".join(map(str, devices))
