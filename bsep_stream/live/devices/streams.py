"""The engine between real devices, by way of PortAudio."""

from __future__ import annotations

import atexit
import sys
import threading
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from bsep_stream.errors import DeviceError
from bsep_stream.live.devices.listing import Device, list_devices
from bsep_stream.live.devices.wiring import Wiring, reason
from bsep_stream.live.devices.wiring import plan as plan
from bsep_stream.live.devices.xruns import JACK, OwnXruns
from bsep_stream.live.engine.history import Audio
from bsep_stream.live.engine.liveengine import LARGEST_BLOCK, LiveEngine

abandoned = threading.Event()
"""Set when devices did not come back: their threads live on in this process, and crash when Python unloads itself."""

CLOSE_SECONDS = 3.0
"""So long devices may take to stop."""

_LONGEST_SECONDS = 10.0  # of latency that a device states; a sink of PipeWire that is none of hardware states years


class Streams(Protocol):
    """What a session needs of running devices."""

    blocks: int

    @property
    def alive(self) -> bool: ...
    @property
    def device_samples(self) -> int: ...
    def close(self) -> None: ...


class PortAudioStreams:
    """Running devices; the engine is called from their thread.

    Parameters
    ----------
    library : module
        :func:`~bsep_stream.live.devices.listing.sound_library`.
    wiring : Wiring
    engine : LiveEngine

    Attributes
    ----------
    blocks : int
        Callbacks so far: a sign of life.

    Raises
    ------
    DeviceError
        If the devices do not start.
    """

    def __init__(self, library: Any, wiring: Wiring, engine: LiveEngine) -> None:
        self.blocks = 0
        self._library = library
        self._engine = engine
        self._counters = engine.counters
        self._rate = wiring.sample_rate
        self._mixed: Audio = np.empty((engine.channels, LARGEST_BLOCK), dtype=np.float32)
        common = {"samplerate": wiring.sample_rate, "blocksize": wiring.block_size, "dtype": "float32"}
        common["latency"] = wiring.device_latency
        self._streams: list[Any] = []
        # Blocks of another size than the server's hide which of its periods was missed: then every xrun counts.
        told_of_all = [device.host_api == JACK and not wiring.block_size for device in (wiring.input, wiring.output)]
        self._own_xruns = [OwnXruns(self._rate) if told else None for told in told_of_all]
        numbers = wiring.input.number, wiring.output.number
        channels = wiring.input_channels, wiring.output_channels
        try:
            if wiring.two_clocks:
                self._streams = [
                    library.InputStream(device=numbers[0], channels=channels[0], callback=self._captured, **common),
                    library.OutputStream(device=numbers[1], channels=channels[1], callback=self._played, **common),
                ]
            else:
                self._streams = [library.Stream(device=numbers, channels=channels, callback=self._both, **common)]
            for stream in self._streams:
                stream.start()
        except library.PortAudioError as error:
            self.close()
            raise DeviceError(
                f"the devices {wiring.input} and {wiring.output} do not start ({reason(error)}); "
                "another program may hold them, so close it or choose others from `bsep devices`"
            ) from error

    @property
    def alive(self) -> bool:
        """Whether PortAudio still calls back."""
        return all(stream.active for stream in self._streams)

    @property
    def device_samples(self) -> int:
        """Latency of the devices' own buffers, as they say."""
        seconds = 0.0
        for stream in self._streams:
            latency = stream.latency
            parts = latency if isinstance(latency, tuple) else (latency,)
            seconds += sum(part for part in parts if 0.0 <= part < _LONGEST_SECONDS)
        return round(seconds * self._rate)

    def close(self) -> None:
        """Stop and let the devices go.

        Raises
        ------
        DeviceError
            If PortAudio does not come back. It waits ten minutes for a JACK server that has died, here and when the
            process ends; so it is left alone, and only a new process can play again.
        """
        closing = threading.Thread(target=self._close, name="bsep closing", daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            atexit.unregister(self._library._exit_handler)
            if self._library is sys.modules.get("sounddevice"):
                abandoned.set()
            raise DeviceError("the sound server does not answer any more; start it again, and then `bsep live`")

    def _close(self) -> None:
        for stream in self._streams:
            stream.close(ignore_errors=True)

    def _both(self, indata: Audio, outdata: Audio, frames: int, time: Any, status: Any) -> None:
        self._heed(0, frames, time, status)
        out = outdata.T
        if len(out) == self._engine.channels:
            self._engine.callback(indata.T, out)
        else:
            mixed = self._room(frames)
            self._engine.callback(indata.T, mixed)
            spread(mixed, out)
        self.blocks += 1

    def _captured(self, indata: Audio, frames: int, time: Any, status: Any) -> None:
        self._heed(0, frames, time, status)
        self._engine.capture(indata.T)

    def _played(self, outdata: Audio, frames: int, time: Any, status: Any) -> None:
        self._heed(1, frames, time, status)
        out = outdata.T
        if len(out) == self._engine.channels:
            self._engine.playback(out)
        else:
            mixed = self._room(frames)
            self._engine.playback(mixed)
            spread(mixed, out)
        self.blocks += 1

    def _room(self, frames: int) -> Audio:
        """Memory for a block with the channels of the engine; taken once, and again for a longer block than ever."""
        if frames > self._mixed.shape[1]:
            self._mixed = np.empty((self._engine.channels, frames), dtype=np.float32)
        return self._mixed[:, :frames]

    def _heed(self, device: int, frames: int, time: Any, status: Any) -> None:
        """Count it if sound was lost before it came to us, or after."""
        lost = status and (
            status.input_overflow or status.output_underflow or status.input_underflow or status.output_overflow
        )
        own = self._own_xruns[device]
        if own is not None:
            self._counters.device_faults += own.count(time.currentTime, frames, bool(lost))
        elif lost:
            self._counters.device_faults += 1


class Connector:
    """Opens the devices; again and again if need be, when they have been away and may have other numbers.

    Parameters
    ----------
    library : module
    wiring : Wiring
    engine : LiveEngine
    """

    def __init__(self, library: Any, wiring: Wiring, engine: LiveEngine) -> None:
        self._library = library
        self._wiring = wiring
        self._engine = engine
        self._first = True

    def __call__(self) -> PortAudioStreams:
        """Running devices. DeviceError while they are not there."""
        if not self._first:
            try:
                self._library._terminate()  # PortAudio looks for devices only when it begins
                self._library._initialize()
            except self._library.PortAudioError as error:
                raise DeviceError(f"the sound system does not start ({reason(error)})") from error
            self._wiring = replace(self._wiring, input=self._again("input"), output=self._again("output"))
        self._first = False
        return PortAudioStreams(self._library, self._wiring, self._engine)

    def _again(self, kind: str) -> Device:
        wanted = self._wiring.input if kind == "input" else self._wiring.output
        for device in list_devices(self._library):
            if (device.name, device.host_api) == (wanted.name, wanted.host_api) and device.channels(kind):
                return device
        raise DeviceError(f"the {kind} {wanted} is not there")


def spread(sound: Audio, out: Audio) -> None:
    """Sound on another number of channels, shape (channels, n): mono to all, all to mono, others as far as they go."""
    if len(sound) == 1:
        out[...] = sound
    elif len(out) == 1:
        np.mean(sound, axis=0, keepdims=True, out=out)
    else:
        out[...] = 0.0
        n = min(len(out), len(sound))
        out[:n] = sound[:n]
