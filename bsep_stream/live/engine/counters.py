"""What went wrong and how often, and how long the work takes: an attribute of the engine, read at any time."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

_KEPT_HOPS = 4096
_KEPT_EVENTS = 4096


@dataclass(frozen=True)
class Event:
    """Something that a player of the instrument wants to know.

    Parameters
    ----------
    kind : str
        ``underrun``, ``recovered``, ``overrun``, ``latency``, ``slip``, ``plugin``, ``model``, ``rack``, ``device``,
        ``midi``.
    position : int
        Sample of the input at which it happened.
    samples : int
        How many samples it concerns.
    text : str
        One line.
    """

    kind: str
    position: int
    samples: int
    text: str


@dataclass
class Counters:
    """Counts since the start. Every number has one thread that writes it; reading needs no lock.

    Attributes
    ----------
    underruns : int
        Times that a block was due and its sound was not ready: bridged with the dry signal.
    bridged_samples : int
        Samples that were bridged.
    overruns : int
        Times that the worker was so far behind that it gave up what was waiting.
    dropped_samples : int
        Samples of the input that were never separated.
    late_hops : int
        Hops of which the first samples were due before they were there.
    hops : int
        Hops that were separated.
    bad_input_samples, bad_output_samples : int
        NaN, Inf or far beyond full scale; replaced.
    limited_samples : int
        Samples of the output that the limiter made softer.
    slips : int
        Times that the output jumped to stay in step with an input that runs by another clock.
    device_faults : int
        Times that the device said that it lost sound; of the xruns of JACK those that were ours.
    device_losses : int
        Times that the device vanished.
    lost_samples : int
        Samples of the input that never came: the process was stopped, or the device away.
    plugin_errors, model_errors : int
        Times that an effect or the model raised.
    unrecorded_samples : int
        Samples that the disk was too slow for; silent in the recording.
    midi_errors : int
        Messages that the MIDI port did not take.
    input_peak, output_peak : float
        Largest sample since somebody last set them to 0.
    unsent_frames : int
        Frames whose notes a slow MIDI port left no time for.
    """

    underruns: int = 0
    bridged_samples: int = 0
    overruns: int = 0
    dropped_samples: int = 0
    late_hops: int = 0
    hops: int = 0
    bad_input_samples: int = 0
    bad_output_samples: int = 0
    limited_samples: int = 0
    slips: int = 0
    device_faults: int = 0
    device_losses: int = 0
    lost_samples: int = 0
    plugin_errors: int = 0
    model_errors: int = 0
    unrecorded_samples: int = 0
    midi_errors: int = 0
    unsent_frames: int = 0
    input_peak: float = 0.0
    output_peak: float = 0.0
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_KEPT_EVENTS), repr=False)
    _hop_ms: np.ndarray[tuple[int], np.dtype[np.float32]] = field(
        default_factory=lambda: np.zeros(_KEPT_HOPS, dtype=np.float32), repr=False
    )

    def add_hop(self, seconds: float) -> None:
        """Count a hop and the time that it took."""
        self._hop_ms[self.hops % _KEPT_HOPS] = 1000.0 * seconds
        self.hops += 1

    def report(self, kind: str, position: int, samples: int, text: str) -> None:
        """Leave an event for whoever shows them."""
        self.events.append(Event(kind, position, samples, text))

    @property
    def p50_ms(self) -> float:
        """Median time of a hop, of the last 4096; 0 before the first."""
        return self._percentile(50.0)

    @property
    def p99_ms(self) -> float:
        """99th percentile of the time of a hop, of the last 4096; 0 before the first."""
        return self._percentile(99.0)

    def to_dict(self) -> dict[str, float]:
        """All counts and times, as plain values."""
        counts = {name: value for name, value in vars(self).items() if isinstance(value, int)}
        return {**counts, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms}

    def _percentile(self, percent: float) -> float:
        known = self._hop_ms[: min(self.hops, _KEPT_HOPS)]
        return float(np.percentile(known, percent)) if known.size else 0.0
