"""The rack while it plays: changing gains and effects, and going on without effects when one fails."""

from __future__ import annotations

import numpy as np

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.mixer import Mixer
from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.history import Audio
from bsep_stream.live.engine.latency import Delay
from bsep_stream.live.engine.line import Line


class RackLine:
    """Mixes the stems, by position, with effects that may be changed while it plays.

    New effects run beside the old ones until they have caught up with their own latency; then comes a crossfade of
    ``RAMP_SECONDS``. Both are read at the same position, so that nothing shifts.

    Parameters
    ----------
    mixer : Mixer
        What plays first.
    spare : Mixer
        Without effects; plays when an effect raises.
    position : int
        Of the first sample of the stems.
    delay : Delay
        ``boards_samples`` is kept there.
    counters : Counters
    largest_block : int
        Of :meth:`process`.
    """

    def __init__(
        self, mixer: Mixer, spare: Mixer, position: int, delay: Delay, counters: Counters, largest_block: int
    ) -> None:
        self._active = Line(mixer, position)
        self._incoming: Line | None = None
        self._pending: Mixer | None = None
        self._spare = spare
        self._delay = delay
        self._counters = counters
        self._boards = mixer.latency_samples
        self._fed = position
        ramp = max(1, round(RAMP_SECONDS * mixer.sample_rate))
        self._fade = (np.arange(1, ramp + 1) / ramp).astype(np.float32)
        self._faded = 0
        self._other: Audio = np.zeros((mixer.channels, largest_block), dtype=np.float32)

    @property
    def position(self) -> int:
        """Of the next sample that comes out."""
        return self._active.position

    def restart(self, position: int) -> None:
        """Forget all sound; the next stems are those of ``position``."""
        for line in (self._active, self._incoming):
            if line is not None:
                line.restart(position)
        self._fed = position

    def replace(self, mixer: Mixer, spare: Mixer) -> None:
        """Change to another mixer as soon as the last change is over."""
        self._pending, self._spare = mixer, spare

    def set_gains_db(self, gains_db: dict[str, float]) -> None:
        """Move faders."""
        playing = [line.mixer for line in (self._active, self._incoming) if line is not None]
        waiting = [mixer for mixer in (self._pending, self._spare) if mixer is not None]
        for mixer in {id(mixer): mixer for mixer in playing + waiting}.values():  # the spare may be the active one
            for name, gain_db in gains_db.items():
                mixer.set_gain_db(name, gain_db)

    def process(self, stems: Audio) -> int:
        """Take the next stems, shape (n_stems, channels, n).

        Returns
        -------
        int
            Position of the first sample of these stems if the effects have failed: the sound before it is lost.
            Else -1.
        """
        if self._pending is not None and self._incoming is None:
            self._begin_change()
        first, self._fed = self._fed, self._fed + stems.shape[2]
        if self._incoming is not None:
            try:
                self._incoming.push(stems)
            except Exception as error:  # whatever a plugin raises, the old rack plays on
                self._failed(error, "the new rack; the old one plays on")
                self._incoming = None
        try:
            self._active.push(stems)
        except Exception as error:
            self._failed(error, "the rack; the stems are mixed without effects until it is changed")
            self._incoming, self._active = None, Line(self._spare, first)
            self._active.push(stems)
            return first
        return -1

    @property
    def ready(self) -> int:
        """Samples that :meth:`pop` can give."""
        return max(0, self._fed - self._boards - self._active.position)

    def pop(self, out: Audio) -> None:
        """The next samples of the remix, shape (channels, n), n at most ``largest_block``."""
        n = out.shape[1]
        incoming, position = self._incoming, self._active.position
        self._active.pop(out)
        if incoming is None or position < incoming.position:
            return
        incoming.skip_to(position)
        other = self._other[:, :n]
        incoming.pop(other)
        fade = self._fade[self._faded : self._faded + n]
        out[:, : fade.size] += fade * (other[:, : fade.size] - out[:, : fade.size])
        out[:, fade.size :] = other[:, fade.size :]
        self._faded += fade.size
        if self._faded == self._fade.size:
            self._active, self._incoming = incoming, None
            self._counters.report("rack", position, n, "the new rack plays")
            self._boards = incoming.mixer.latency_samples

    def publish(self) -> None:
        """Say how late the effects are now: once all that is ready has been written."""
        if self._delay.boards_samples > self._boards:
            self._set_boards(self._boards)

    def _begin_change(self) -> None:
        assert self._pending is not None
        self._incoming, self._pending = Line(self._pending, self._fed), None
        self._faded = 0
        slowest = self._incoming.mixer.latency_samples
        if slowest > self._boards:
            self._boards = slowest
            self._set_boards(slowest)

    def _set_boards(self, samples: int) -> None:
        before = self._delay.samples
        self._delay.boards_samples = samples
        self._counters.report("latency", self._fed, self._delay.samples - before, "the effects of the rack changed")

    def _failed(self, error: Exception, what: str) -> None:
        self._counters.plugin_errors += 1
        self._counters.report("plugin", self._fed, 0, f"{error} in {what}")
