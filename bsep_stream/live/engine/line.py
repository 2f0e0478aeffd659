"""A mixer whose output waits until it is wanted, and knows its position."""

from __future__ import annotations

from bsep_stream.effects.mixer import Mixer
from bsep_stream.live.engine.history import Audio
from bsep_stream.stream.samplequeue import SampleQueue


class Line:
    """Stems in, remix out by position, whatever the latency of the effects.

    Parameters
    ----------
    mixer : Mixer
        Used by nobody else.
    position : int
        Of the first sample of the stems.
    """

    def __init__(self, mixer: Mixer, position: int) -> None:
        self.mixer = mixer
        self._queue = SampleQueue((mixer.channels,))
        self.restart(position)

    def restart(self, position: int) -> None:
        """Forget all sound; the next stems are those of ``position``."""
        self.mixer.reset()
        self._queue.reset()
        self._to_drop = self.mixer.latency_samples  # what comes out first is silence from before
        self.position = position
        """Of the next sample that :meth:`pop` gives."""

    @property
    def end(self) -> int:
        """Position after the last sample that is there."""
        return self.position + len(self._queue)

    def push(self, stems: Audio) -> None:
        """Mix the next stems, shape (n_stems, channels, n)."""
        remix = self.mixer.process(stems)
        drop = min(self._to_drop, remix.shape[1])
        self._to_drop -= drop
        self._queue.push(remix[:, drop:])

    def pop(self, out: Audio) -> None:
        """Take the next samples, shape (channels, n)."""
        self._queue.pop(out)
        self.position += out.shape[1]

    def skip_to(self, position: int) -> None:
        """Throw away what lies before a position."""
        n = min(max(position - self.position, 0), len(self._queue))
        self._queue.drop(n)
        self.position += n
