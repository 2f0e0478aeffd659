"""Keeps devices and engine together: opens, watches, and opens again what went away."""

from __future__ import annotations

import time
from collections.abc import Callable

from bsep_stream.errors import DeviceError
from bsep_stream.live.devices.streams import Streams
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session.losttime import LostTime

SILENCE_SECONDS = 1.0
"""A device that has not called back for so long is gone."""

FIRST_SECONDS = 5.0
"""So long its first call may take."""

RETRY_SECONDS = 0.5
"""So often it is looked for."""

FAULT_SECONDS = 10.0
"""So often, at most, it is told that a device loses sound: some do so all the time."""


class LiveSession:
    """An engine on devices that may vanish and come back.

    Parameters
    ----------
    engine : LiveEngine
    connect : callable
        Opens the devices; raises DeviceError while they are not there.
    clock : callable
        Seconds.
    """

    def __init__(
        self, engine: LiveEngine, connect: Callable[[], Streams], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._connect = connect
        self._clock = clock
        self._streams: Streams | None = None
        self._retry_at = 0.0
        self._seen, self._seen_at = 0, 0.0
        self._lost = LostTime(engine.sample_rate)
        self._gone_at = 0.0
        self._faults_told, self._tell_faults_at = 0, clock()
        self.device_samples = 0
        """Latency of the devices, as they say; that of the last time while they are away."""

    @property
    def connected(self) -> bool:
        """Whether the devices are there."""
        return self._streams is not None

    def open(self) -> None:
        """Start worker and devices. DeviceError if they are not there."""
        self._engine.start()
        self._open()

    def poll(self) -> None:
        """Look after the devices; to be called a few times a second. DeviceError if they are lost for good."""
        now = self._clock()
        self._tell_faults(now)
        if self._streams is None:
            if now >= self._retry_at:
                self._retry_at = now + RETRY_SECONDS
                self._reopen()
            return
        if self._streams.blocks:
            self._tell_lost(self._lost.observe(now, self._engine.input.end))
        if self._streams.blocks != self._seen:
            self._seen, self._seen_at = self._streams.blocks, now
        patience = SILENCE_SECONDS if self._streams.blocks else FIRST_SECONDS
        if not self._streams.alive or now - self._seen_at > patience:
            self._retry_at = now + RETRY_SECONDS
            self._engine.counters.device_losses += 1
            self._gone_at = self._seen_at
            self._report("the device is gone; waiting for it")
            self._let_go()

    def close(self) -> None:
        """Stop devices and worker."""
        if self._streams is not None:
            self._tell_lost(self._lost.finish())
        try:
            self._let_go()
        except DeviceError as error:  # all has been played: this costs nothing any more
            self._report(str(error))
        finally:
            self._engine.stop()

    def _tell_faults(self, now: float) -> None:
        new = self._engine.counters.device_faults - self._faults_told
        if new and now >= self._tell_faults_at:
            self._report("the device lost sound" if new == 1 else f"the device lost sound {new} times")
            self._faults_told += new
            self._tell_faults_at = now + FAULT_SECONDS

    def _let_go(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams.close()

    def _reopen(self) -> None:
        self._engine.interrupt()  # no callback runs now
        try:
            self._open()
        except DeviceError:
            return
        away = round((self._clock() - self._gone_at) * self._engine.sample_rate)
        self._engine.counters.lost_samples += away
        self._report("the device is back", away)

    def _open(self) -> None:
        self._streams = self._connect()
        self._lost.restart()
        self._seen, self._seen_at = self._streams.blocks, self._clock()
        self.device_samples = self._streams.device_samples

    def _tell_lost(self, samples: int) -> None:
        if samples:
            self._engine.counters.lost_samples += samples
            self._report("the process stood still", samples)

    def _report(self, text: str, samples: int = 0) -> None:
        self._engine.counters.report("device", self._engine.input.end, samples, text)
