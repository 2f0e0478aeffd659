"""The live engine: an audio callback that only copies, a worker that does the work, and nobody who waits."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable
from math import ceil
from types import TracebackType

import numpy as np

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.capture import Capture
from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.desk import Desk, without_effects
from bsep_stream.live.engine.history import Audio, History
from bsep_stream.live.engine.latency import CushionPolicy, Delay
from bsep_stream.live.engine.limiter import Limiter
from bsep_stream.live.engine.pace import Pace
from bsep_stream.live.engine.playback import Playback
from bsep_stream.live.engine.rackline import RackLine
from bsep_stream.live.engine.splice import Splice
from bsep_stream.live.engine.worker import Worker
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.ledger import USUAL_BLOCK, LiveLatency, default_cushion_samples

LARGEST_BLOCK = 1024
"""Blocks are copied in pieces of at most so many samples."""

SPARE_SECONDS = 2.0
"""What the histories hold beyond what the latency needs."""

RECORDING_SECONDS = 10.0
"""What they hold when it is recorded: so long the disk may stall."""

_SWITCH_SECONDS = 0.0005  # Python's own 5 ms would let the callback wait for the worker's bytecode
_IDLE_SECONDS = 0.1
_WARM_UP_HOPS = 30
_WARM_UP_LEVEL = 0.05


class LiveEngine:
    """Separates and remixes what a device delivers, block by block, with a known latency.

    ``callback`` (or ``capture`` and ``playback``, where input and output have callbacks of their own) is for the audio
    thread. It copies and never waits. A worker thread, between :meth:`start` and :meth:`stop`, separates, runs the
    effects and mixes. What it has not finished in time is bridged with the delayed input, without a click, and counted.

    Parameters
    ----------
    separator : StreamingSeparator
        Used by nobody else. Its sample rate and channels are those of the engine.
    rack : Rack, optional
        Effects and levels; none if not given.
    block_size : int
        Samples that the device delivers at a time, as far as it is known.
    cushion_ms : float, optional
        Time that the worker may be late; see :func:`~bsep_stream.stream.ledger.default_cushion_samples`. It grows
        under repeated misses.
    two_clocks : bool
        Whether input and output are different devices, with callbacks of their own.
    record : bool
        Keep the stems for a recorder.
    clock : callable
        Seconds; measures the work.

    Attributes
    ----------
    counters : Counters
    desk : Desk
        Gain, mute, solo, dry/wet, bypass, rack.

    Raises
    ------
    ConfigError
        A rack that does not fit, or a cushion that makes no sense.

    Notes
    -----
    Denormal numbers are off in the worker if the model was made in the thread that calls :meth:`start`: ONNX Runtime
    switches them off for the thread that makes the session, and new threads inherit it.
    """

    def __init__(
        self,
        separator: StreamingSeparator,
        *,
        rack: Rack | None = None,
        block_size: int = USUAL_BLOCK,
        cushion_ms: float | None = None,
        two_clocks: bool = False,
        record: bool = False,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.separator = separator
        self.sample_rate, self.channels = separator.sample_rate, separator.channels
        self.stem_names = separator.stem_names
        self.counters = Counters()
        self.desk = Desk(rack or Rack(), self.stem_names, self.sample_rate, self.channels)
        self._clock = clock

        geometry = separator.model.geometry
        ratio = self.sample_rate / geometry.sample_rate
        period = separator.setting.network_hop_samples  # shorter hops share the work of one of the network
        self.hop_samples = separator.tones_hop_samples
        preroll = ceil(geometry.n_fft * ratio) + self.hop_samples + separator.latency.resampler_samples
        cushion = default_cushion_samples(separator.setting, self.hop_samples, block_size)
        if cushion_ms is not None:
            if not 0.0 <= cushion_ms <= 1000.0:
                raise ConfigError(f"the cushion must be 0 to 1000 ms, got {cushion_ms:g}")
            cushion = max(block_size, round(cushion_ms * self.sample_rate / 1000.0))

        mixer = self.desk.rack.mixer(self.stem_names, self.sample_rate, self.channels)
        spare = without_effects(self.desk.rack).mixer(self.stem_names, self.sample_rate, self.channels)
        self._delay = Delay(separator.latency, mixer.latency_samples, cushion)
        policy = CushionPolicy(self.hop_samples, self.sample_rate, cushion)
        spare_seconds = RECORDING_SECONDS if record else SPARE_SECONDS
        capacity = round(spare_seconds * self.sample_rate) + 2 * (preroll + self._delay.samples)
        first = -separator.latency_samples
        largest_write = max(LARGEST_BLOCK, self.hop_samples)
        self.input = History(self.channels, capacity, largest_write)
        """What came in."""
        self.wet = History(self.channels, capacity, largest_write, first)
        """What the worker made of it, at the same positions."""
        n_rows = len(self.stem_names) * self.channels
        self.stems = History(n_rows, capacity, largest_write, first) if record else None
        """The stems, one row per stem and channel, at the same positions."""

        line = RackLine(mixer, spare, first, self._delay, self.counters, self.hop_samples)
        self._worker = Worker(
            separator,
            line,
            self.input,
            self.wet,
            self.stems,
            self._delay,
            self.counters,
            hop_samples=self.hop_samples,
            preroll_samples=preroll,
            hop_grid=period if ratio == 1.0 else 1,
            clock=clock,
        )
        self.desk.connect(self._worker.commands, line, self._worker.move_dry_wet)
        self._capture = Capture(self.input, self._splice(), self.counters, LARGEST_BLOCK)
        limiter = Limiter(self.sample_rate, self.counters)
        self._playback = Playback(
            self.input, self.wet, self._delay, policy, self._splice(), limiter, self.counters, LARGEST_BLOCK
        )
        self._pace = Pace(self.sample_rate, self.counters) if two_clocks else None
        self._wake = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False

    @property
    def latency_samples(self) -> int:
        """From the input of the engine to its output, now."""
        return self._delay.samples

    def latency(self, device_samples: int = 0) -> LiveLatency:
        """The latency and its parts; the device's own must be told."""
        return self._delay.ledger(device_samples)

    @property
    def bridging(self) -> bool:
        """Whether the delayed input stands in for what is not ready."""
        return self._playback.bridging

    def callback(self, block: Audio, out: Audio) -> None:
        """Take a block of the input and give one of the output; for a device with one clock.

        Parameters
        ----------
        block : ndarray, shape (channels, n), float32
            Any n, changing at will.
        out : ndarray, shape (channels, n), float32
            Is overwritten; finite and within full scale.
        """
        self._take(block)
        self._give(self.input.end - out.shape[1], out)

    def capture(self, block: Audio) -> None:
        """Take a block of the input, where the output has a callback of its own."""
        self._take(block)

    def playback(self, out: Audio) -> None:
        """Give a block of the output, where the input has a callback of its own."""
        assert self._pace is not None, "make the engine with two_clocks=True"
        captured = self.input.end
        time = self._pace.advance(out.shape[1], captured, self._delay.samples)
        if time is None:
            self._playback.pause(out)
        else:
            self._give(time, out)

    def interrupt(self) -> None:
        """The device was away: what comes next is faded in. For the time when no callback runs."""
        self._capture.interrupt()
        self._playback.interrupt()
        if self._pace is not None:
            self._pace.restart(self.input.end)

    def step(self) -> bool:
        """One chunk of the worker's work; False if there is nothing to do. For tests and for those who own a loop."""
        return self._worker.step()

    def warm_up(self) -> float:
        """Let the model and the effects touch all their memory; the median processor time of a hop in seconds.

        Only before the first block. What other programs take away meanwhile does not count.
        """
        rng = np.random.default_rng(0)
        hop = (_WARM_UP_LEVEL * rng.standard_normal((self.channels, self.hop_samples))).astype(np.float32)
        seconds = []
        mixer = self.desk.rack.mixer(self.stem_names, self.sample_rate, self.channels)
        for _ in range(_WARM_UP_HOPS):
            begin = time.thread_time()
            mixer.process(self.separator.process(hop))
            seconds.append(time.thread_time() - begin)
        self.separator.reset()
        return float(np.median(seconds))

    def start(self) -> None:
        """Start the worker; the garbage collector rests until :meth:`stop`."""
        if self._thread is not None:
            return
        self._stopping = False
        self._switch_interval = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._collecting = gc.isenabled()
        gc.collect()
        gc.freeze()
        gc.disable()
        self._thread = threading.Thread(target=self._work, name="bsep worker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the worker when it has finished its chunk."""
        if self._thread is None:
            return
        self._stopping = True
        self._thread.join()
        self._thread = None
        gc.unfreeze()
        if self._collecting:
            gc.enable()
        sys.setswitchinterval(self._switch_interval)

    def __enter__(self) -> LiveEngine:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _take(self, block: Audio) -> None:
        self._capture.take(block)
        # A binary semaphore: only this thread opens it, only the worker closes it, and neither waits for the other.
        if self._wake.locked():
            self._wake.release()

    def _give(self, time: int, out: Audio) -> None:
        """Output that belongs to a time, ``latency_samples`` later."""
        n = out.shape[1]
        if n > self._delay.cushion_samples:  # the worker cannot know such a block before it is due
            self._playback.set_cushion(n + self.hop_samples)
        position = time - self._delay.samples
        self._playback.give(position, out)
        self._worker.due = position + n

    def _work(self) -> None:
        while not self._stopping:
            if not self._worker.step():
                self._wake.acquire(timeout=_IDLE_SECONDS)

    def _splice(self) -> Splice:
        return Splice(self.channels, self.sample_rate)
