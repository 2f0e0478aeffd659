"""The desk: what a hand may move while the sound runs. Everything glides in ``RAMP_SECONDS``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from bsep_stream.effects.fader import amplitude
from bsep_stream.effects.rack import Rack, Strip
from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.rackline import RackLine
from bsep_stream.words import MASTER, nearest


class Desk:
    """Gain, mute and solo per stem, dry/wet and bypass, and the rack itself.

    Meant for one thread; what it decides is handed to the worker, which carries it out before its next chunk.

    Parameters
    ----------
    rack : Rack
    stem_names : sequence of str
    sample_rate, channels : int
    """

    def __init__(self, rack: Rack, stem_names: tuple[str, ...], sample_rate: int, channels: int) -> None:
        self.stem_names = stem_names
        self._sample_rate, self._channels = sample_rate, channels
        self._rack = rack.for_stems(stem_names)
        self._bypass, self._wet = False, 1.0
        self._commands: deque[Callable[[], None]] = deque()
        self._line: RackLine | None = None
        self._move_dry_wet: Callable[[float], None] = lambda wet: None

    def connect(
        self, commands: deque[Callable[[], None]], line: RackLine, move_dry_wet: Callable[[float], None]
    ) -> None:
        """Say who carries out what the desk decides."""
        self._commands, self._line, self._move_dry_wet = commands, line, move_dry_wet

    @property
    def rack(self) -> Rack:
        """The rack as it is set now, with a strip for every stem."""
        return self._rack

    @property
    def bypass(self) -> bool:
        """Whether the input is heard as it is, delayed."""
        return self._bypass

    @property
    def dry_wet(self) -> float:
        """Share of the separated sound, 0 to 1."""
        return self._wet

    def set_gain_db(self, name: str, gain_db: float) -> None:
        """Level of a stem, or of the ``master``; ``-inf`` is silence.

        Raises
        ------
        ConfigError
            No such stem, or a gain that is too high.
        """
        amplitude(gain_db, name)
        if name == MASTER:
            self._change(Rack(self._rack.stems, replace(self._rack.master, gain_db=gain_db)))
        else:
            self._change_strip(name, replace(self._strip(name), gain_db=gain_db))

    def set_mute(self, name: str, mute: bool) -> None:
        """Silence a stem, or let it sound again. ConfigError if there is no such stem."""
        self._change_strip(name, replace(self._strip(name), mute=mute))

    def set_solo(self, name: str, solo: bool) -> None:
        """Let only this stem (and others that are solo) sound. ConfigError if there is no such stem."""
        self._change_strip(name, replace(self._strip(name), solo=solo))

    def set_bypass(self, bypass: bool) -> None:
        """Hear the input instead of the remix, at the same latency; the effects run on."""
        self._bypass = bypass
        self._glide()

    def set_dry_wet(self, wet: float) -> None:
        """Share of the separated sound: 0 is the input, 1 the remix. ConfigError outside of that."""
        if not 0.0 <= wet <= 1.0:
            raise ConfigError(f"dry/wet must be a number from 0 (input) to 1 (remix), got {wet:g}")
        self._wet = wet
        self._glide()

    def load(self, rack: Rack) -> None:
        """Change to another rack. Where only levels differ, the effects keep their sound.

        Raises
        ------
        ConfigError
            If the rack does not fit; the old one plays on.
        """
        rack = rack.for_stems(self.stem_names)
        if _effects(rack) == _effects(self._rack):
            self._change(rack)
            return
        mixer = rack.mixer(self.stem_names, self._sample_rate, self._channels)  # takes a moment, so not in the worker
        assert self._line is not None
        spare = without_effects(rack).mixer(self.stem_names, self._sample_rate, self._channels)
        self._rack = rack
        self._commands.append(partial(self._line.replace, mixer, spare))

    def _strip(self, name: str) -> Strip:
        if name not in self._rack.stems:
            raise ConfigError(f"there is no stem {name!r}{nearest(name, self.stem_names)}")
        return self._rack.stems[name]

    def _change_strip(self, name: str, strip: Strip) -> None:
        self._strip(name)
        self._change(Rack({**self._rack.stems, name: strip}, self._rack.master))

    def _change(self, rack: Rack) -> None:
        """Move the faders that are elsewhere in another rack with the same effects."""
        before, after = _levels(self._rack, self.stem_names), _levels(rack, self.stem_names)
        self._rack = rack
        moved = {name: gain_db for name, gain_db in after.items() if gain_db != before[name]}
        if moved and self._line is not None:
            self._commands.append(partial(self._line.set_gains_db, moved))

    def _glide(self) -> None:
        self._commands.append(partial(self._move_dry_wet, 0.0 if self._bypass else self._wet))


def without_effects(rack: Rack) -> Rack:
    """The same levels alone."""
    strips = {name: replace(strip, effects=()) for name, strip in rack.stems.items()}
    return Rack(strips, replace(rack.master, effects=()))


def _levels(rack: Rack, stem_names: tuple[str, ...]) -> dict[str, float]:
    return {**rack.gains_db(stem_names), MASTER: rack.master.gain_db}


def _effects(rack: Rack) -> list[object]:
    return [*(strip.effects for strip in rack.stems.values()), rack.master.effects]
