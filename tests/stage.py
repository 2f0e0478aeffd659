"""A stage without sound cards: devices, a processor and a clock that exist only in numbers.

Time passes in two places: while the model works, and while the worker waits for a block. Whatever the devices do in
that time is done then and there, from inside of the model if need be, as a real audio thread would interrupt it. So a
run is the same every time, to the sample.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.samplequeue import SampleQueue

REAL_TIME_FACTOR = 0.3


class Halves:
    """What a separator with the geometry of a model does, without the work: fixed shares of the delayed input."""

    shares = (0.6, 0.3, 0.1)

    def __init__(self, model_path: Path, channels: int = 1) -> None:
        real = StreamingSeparator(model_path, channels=channels)
        self.model, self.setting, self.sample_rate, self.channels = real.model, real.setting, real.sample_rate, channels
        self.stem_names, self.latency, self.latency_samples = real.stem_names, real.latency, real.latency_samples
        self.tones_hop_samples = real.tones_hop_samples
        self._queue = SampleQueue((channels,), self.latency_samples)

    def process(self, block: np.ndarray) -> np.ndarray:
        assert np.isfinite(block).all()
        self._queue.push(block)
        delayed = np.empty_like(block)
        self._queue.pop(delayed)
        return np.stack([np.float32(share) * delayed for share in self.shares])

    def flush(self) -> np.ndarray:
        rest = self.process(np.zeros((self.channels, self.latency_samples), dtype=np.float32))
        self.reset()
        return rest

    def reset(self) -> None:
        self._queue.reset()


class SlowSeparator:
    """A separator whose hops take time on the stage's clock."""

    def __init__(self, separator: Any, stage: Stage) -> None:
        self._separator = separator
        self._stage = stage
        self._fed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._separator, name)

    def process(self, block: np.ndarray) -> np.ndarray:
        stage, hop = self._stage, self._separator.model.geometry.hop_length
        n_hops = (self._fed + block.shape[1]) // hop - self._fed // hop
        self._fed += block.shape[1]
        stems: np.ndarray = self._separator.process(block)
        stage.work(n_hops * hop / self.sample_rate * stage.real_time_factor)
        return stage.tamper(stems)


class Stage:
    """An engine between a fake input and a fake output.

    Parameters
    ----------
    separator : StreamingSeparator or Halves
    audio : ndarray, shape (channels, n), float32
        What is played into the input; silence follows.
    sizes : tuple of int
        Block sizes, again and again.
    output_rate : float
        Samples per second of the output's clock, if it has one of its own.
    engine_options
        For :class:`LiveEngine`.
    """

    def __init__(
        self,
        separator: StreamingSeparator | Halves,
        audio: np.ndarray,
        sizes: tuple[int, ...] = (64,),
        output_rate: float | None = None,
        **engine_options: Any,
    ) -> None:
        self.now = 0.0
        self.real_time_factor = REAL_TIME_FACTOR
        self.stalls: list[tuple[float, float]] = []  # (when, how long) the processor does something else
        self.late: list[tuple[float, float]] = []  # (from, to): blocks of the input that are due then arrive at the end
        self.tamper: Callable[[np.ndarray], np.ndarray] = lambda stems: stems
        self.audio = audio
        self.rate = separator.sample_rate
        options = {"block_size": max(sizes), **engine_options}
        self.engine = LiveEngine(
            SlowSeparator(separator, self),
            two_clocks=output_rate is not None,
            clock=lambda: self.now,
            **options,
        )
        self._played = 0
        self._out: list[np.ndarray] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._n_events = 0
        self._sizes = cycle(sizes)
        self._input_time = self._output_time = 0.0
        if output_rate is None:
            self._next_duplex()
        else:
            self._output_rate = output_rate
            self._next_input()
            self._next_output()

    @property
    def heard(self) -> np.ndarray:
        """All that came out so far."""
        return np.concatenate(self._out, axis=1)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end = self.now + seconds
        while self.now < end:
            if not self.engine.step():
                self._fire()

    def unplug(self, seconds: float) -> None:
        """The devices are away for so long, come back, and the session says so."""
        self.now += seconds
        self._events = [(time + seconds, number, event) for time, number, event in self._events]
        self._input_time += seconds
        self._output_time += seconds
        self.engine.interrupt()

    def work(self, seconds: float) -> None:
        """The processor is busy; the devices are not impressed."""
        begun = [stall for stall in self.stalls if stall[0] <= self.now]
        self.stalls = [stall for stall in self.stalls if stall not in begun]
        end = self.now + seconds + sum(stall[1] for stall in begun)
        while self._events and self._events[0][0] <= end:
            self._fire()
        self.now = end

    def _fire(self) -> None:
        time, _, event = heapq.heappop(self._events)
        self.now = max(self.now, time)
        event()

    def _at(self, time: float, event: Callable[[], None]) -> None:
        for begin, end in self.late:
            if begin <= time < end:
                time = end
        self._n_events += 1
        heapq.heappush(self._events, (time, self._n_events, event))

    def _take(self, n: int) -> np.ndarray:
        block = self.audio[:, self._played : self._played + n]
        self._played += n
        return np.pad(block, ((0, 0), (0, n - block.shape[1])))

    def _next_duplex(self) -> None:
        n = next(self._sizes)
        self._input_time += n / self.rate

        def event() -> None:
            out = np.full((len(self.audio), n), np.nan, dtype=np.float32)
            self.engine.callback(self._take(n), out)
            self._out.append(out)
            self._next_duplex()

        self._at(self._input_time, event)

    def _next_input(self) -> None:
        n = next(self._sizes)
        self._input_time += n / self.rate

        def event() -> None:
            self.engine.capture(self._take(n))
            self._next_input()

        self._at(self._input_time, event)

    def _next_output(self) -> None:
        n = next(self._sizes)
        self._output_time += n / self._output_rate

        def event() -> None:
            out = np.full((len(self.audio), n), np.nan, dtype=np.float32)
            self.engine.playback(out)
            self._out.append(out)
            self._next_output()

        late, self.late = self.late, []  # only the input can be late
        self._at(self._output_time, event)
        self.late = late


def music(rng: np.random.Generator, seconds: float, rate: int, channels: int = 1) -> np.ndarray:
    """Two voices of sines that wander, and a little noise: like music, no sample steps far."""
    time = np.arange(round(seconds * rate)) / rate
    voices = np.zeros((channels, time.size))
    for f0 in (233.0, 391.0):
        phase = 2 * np.pi * f0 * (time + 0.002 * np.sin(2 * np.pi * 3.0 * time))
        for harmonic in range(1, 5):
            voices += 0.1 / harmonic * np.sin(harmonic * phase + rng.uniform(0, 6, (channels, 1)))
    return (voices + 0.002 * rng.standard_normal(voices.shape)).astype(np.float32)


def separated(separator: StreamingSeparator | Halves, audio: np.ndarray) -> np.ndarray:
    """Stems of the whole signal, aligned with it: what a machine without limits would have made."""
    separator.reset()
    streamed = np.concatenate([separator.process(audio), separator.flush()], axis=2)
    return streamed[..., separator.latency_samples :]


def largest_step(signal: np.ndarray) -> float:
    """From one sample to the next."""
    return float(np.abs(np.diff(signal)).max())


def runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """Begin and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
