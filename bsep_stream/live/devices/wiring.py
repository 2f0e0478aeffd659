"""Which devices an engine is put between, and how: found, and asked whether they do that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bsep_stream.errors import DeviceError
from bsep_stream.live.devices.listing import Device, find_device, list_devices


@dataclass(frozen=True)
class Wiring:
    """Which devices, and how.

    Parameters
    ----------
    input, output : Device
    sample_rate : int
        Hz.
    input_channels, output_channels : int
    block_size : int
        Samples; 0 lets the device choose.
    device_latency : {"low", "high"}
        Which of the two buffer sizes that the devices suggest.
    """

    input: Device
    output: Device
    sample_rate: int
    input_channels: int
    output_channels: int
    block_size: int = 0
    device_latency: str = "low"

    @property
    def two_clocks(self) -> bool:
        """Whether input and output are different devices: each then has its own callback."""
        return self.input.number != self.output.number


def plan(
    library: Any,
    input_name: str | None,
    output_name: str | None,
    *,
    sample_rate: int | None = None,
    channels: int | None = None,
    block_size: int = 0,
    device_latency: str = "low",
) -> Wiring:
    """Find the devices and make sure that they do what is asked.

    Parameters
    ----------
    library : module
    input_name, output_name : str or None
        See :func:`~bsep_stream.live.devices.listing.find_device`.
    sample_rate : int, optional
        Hz; the input's own if not given.
    channels : int, optional
        Of the input; two if it has them.
    block_size : int
        Samples; 0 lets the device choose.
    device_latency : {"low", "high"}
        Which of the two buffer sizes that the devices suggest.

    Raises
    ------
    DeviceError
        No such device, rate or number of channels.
    """
    devices = list_devices(library)
    source = find_device(devices, input_name, "input")
    target = find_device(devices, output_name, "output")
    rate = round(source.sample_rate) if sample_rate is None else sample_rate
    n_in = min(2, source.inputs) if channels is None else channels
    if not 1 <= n_in <= source.inputs:
        raise DeviceError(f"the input {source} has {source.inputs} channel(s), got --channels {n_in}; give fewer")
    n_out = min(max(2, n_in), target.outputs)
    for kind, device, count in (("input", source, n_in), ("output", target, n_out)):
        check = library.check_input_settings if kind == "input" else library.check_output_settings
        try:
            check(device=device.number, channels=count, dtype="float32", samplerate=rate)
        except library.PortAudioError as error:
            raise DeviceError(
                f"the {kind} {device} does not run at {rate} Hz with {count} channel(s) ({reason(error)}); "
                f"its own rate is {device.sample_rate:.0f}: give --sample-rate {device.sample_rate:.0f}"
            ) from error
    return Wiring(source, target, rate, n_in, n_out, block_size, device_latency)


def reason(error: Exception) -> str:
    """What PortAudio says of a failure, in one line."""
    return str(error).strip().splitlines()[0]
