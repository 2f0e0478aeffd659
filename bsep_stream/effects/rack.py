"""Rack files: effects and levels per stem, written in TOML.

[stems.recorder]
gain_db = -3.0
effects = [{ type = "Reverb", room_size = 0.4 }, { type = "Compressor", threshold_db = -20, ratio = 3 }]

[stems.residual]
mute = true

[master]
effects = [{ type = "Limiter", threshold_db = -1.0 }]
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsep_stream.effects.catalogue import VST3, Effect, check_effect
from bsep_stream.effects.rackmemory import MOST_EFFECTS, refuse_too_much
from bsep_stream.errors import ConfigError
from bsep_stream.trust.mistakes import Mistakes
from bsep_stream.trust.shown import LONGEST_VALUE, brief
from bsep_stream.trust.textfiles import Fail, check_plain, read_toml
from bsep_stream.words import HIGHEST_GAIN_DB, LOWEST_GAIN_DB, RESIDUAL, nearest

if TYPE_CHECKING:
    from pedalboard import Pedalboard  # type: ignore[attr-defined]

    from bsep_stream.effects.mixer import Mixer

OTHERS = "*"
"""Name of the strip for all sources that have none of their own: racks with it fit every model."""

_MOST_STEMS = 64


@dataclass(frozen=True)
class Strip:
    """One strip of the rack: what happens to one stem, or to the sum of all (the master).

    Parameters
    ----------
    effects : tuple of Effect
        In the order of the signal.
    gain_db : float
        Level after the effects.
    mute : bool
    solo : bool
        If any stem is solo, all that are not solo are silent.
    """

    effects: tuple[Effect, ...] = ()
    gain_db: float = 0.0
    mute: bool = False
    solo: bool = False

    def board(self) -> Pedalboard:
        """New plugins, ready for one stream. ConfigError if one of them is native code that was not allowed."""
        from pedalboard import Pedalboard  # type: ignore[attr-defined]

        return Pedalboard([effect.make() for effect in self.effects])


@dataclass(frozen=True)
class Rack:
    """Effects and levels of stems by name, and of the master; stems that are not named pass unchanged."""

    stems: Mapping[str, Strip] = field(default_factory=dict)
    master: Strip = field(default_factory=Strip)

    @property
    def plugin_paths(self) -> tuple[str, ...]:
        """Paths of the VST3 plugins that it names, each once."""
        paths = [str(each.parameters["path"]) for each in self._effects() if each.type == VST3]
        return tuple(dict.fromkeys(paths))

    def allowing_plugins(self) -> Rack:
        """The same rack, with leave to load its plugins: they are native code, which can do whatever you can."""
        return self._with_effects(lambda effects: tuple(replace(each, allow_plugins=True) for each in effects))

    def without_plugins(self) -> Rack:
        """The same rack but for its plugins: what can be tried without running their code."""
        return self._with_effects(lambda effects: tuple(each for each in effects if each.type != VST3))

    def _effects(self) -> list[Effect]:
        return [effect for strip in (*self.stems.values(), self.master) for effect in strip.effects]

    def _with_effects(self, change: Callable[[tuple[Effect, ...]], tuple[Effect, ...]]) -> Rack:
        stems = {name: replace(strip, effects=change(strip.effects)) for name, strip in self.stems.items()}
        return Rack(stems, replace(self.master, effects=change(self.master.effects)))

    def check(self, stem_names: Sequence[str]) -> None:
        """Raise RackError if the rack names stems that do not exist."""
        mistakes = Mistakes()
        for name in self.stems:
            with mistakes.noted():
                if name not in (*stem_names, OTHERS):
                    raise ConfigError(
                        f"the rack names [stems.{_cut(name)}], but there is no such stem{nearest(name, stem_names)}"
                    )
        mistakes.refuse()

    def try_out(self, stem_names: Sequence[str], sample_rate: int, channels: int) -> None:
        """Raise RackError with all that keeps the rack from running in a stream; plugins are left alone.

        Its effects are made and tried, one stem after the other.
        """
        from bsep_stream.effects.boards import Board

        mistakes = Mistakes()
        rack = self.without_plugins()
        with mistakes.noted():
            rack.check(stem_names)
        known = {name: strip for name, strip in rack.stems.items() if name in (*stem_names, OTHERS)}
        with mistakes.noted():
            refuse_too_much(Rack(known, rack.master).for_stems(stem_names)._effects(), sample_rate, channels)
        if not mistakes.sentences:
            for name, strip in (*rack.stems.items(), ("master", rack.master)):
                with mistakes.noted():
                    Board(strip.board(), sample_rate, channels, name)
        mistakes.refuse()

    def for_stems(self, stem_names: Sequence[str]) -> Rack:
        """The same rack with a strip for every stem: :data:`OTHERS` stands for all sources that are not named.

        Raises
        ------
        ConfigError
            If the rack names a stem that does not exist.
        """
        self.check(stem_names)
        others, nothing = self.stems.get(OTHERS, Strip()), Strip()
        strips = {name: self.stems.get(name, nothing if name == RESIDUAL else others) for name in stem_names}
        return Rack(strips, self.master)

    def boards(self) -> dict[str, Pedalboard]:
        """A new board for every stem that has effects."""
        return {name: strip.board() for name, strip in self.stems.items() if strip.effects}

    def gains_db(self, stem_names: Sequence[str]) -> dict[str, float]:
        """Level of every stem, with mute and solo worked in: ``-inf`` where it is silent."""
        strips = self.for_stems(stem_names).stems
        soloed = any(strip.solo for strip in strips.values())
        return {
            name: -math.inf if strip.mute or (soloed and not strip.solo) else strip.gain_db
            for name, strip in strips.items()
        }

    def mixer(self, stem_names: Sequence[str], sample_rate: int, channels: int) -> Mixer:
        """A mixer with new effects for one stream.

        Raises
        ------
        ConfigError
            Unknown stems, effects that do not run in a stream of this rate and channel count or need too much memory,
            plugins that were not allowed.
        """
        from bsep_stream.effects.mixer import Mixer

        rack = self.for_stems(stem_names)
        refuse_too_much(rack._effects(), sample_rate, channels)
        return Mixer(
            stem_names,
            sample_rate,
            channels,
            boards=rack.boards(),
            gains_db=rack.gains_db(stem_names),
            master=self.master.board() if self.master.effects else None,
            master_gain_db=self.master.gain_db,
        )


def load_rack(path: str | Path, *, allow_plugins: bool = False) -> Rack:
    """Read and check a rack file. Nothing of what it names is run.

    Parameters
    ----------
    path : str or Path
        Sound files in it (of Convolution) are relative to its folder.
    allow_plugins : bool
        Whether its VST3 plugins may be loaded when its effects are made. They are native code, which can do whatever
        you can: say True only to a rack that you have read, with plugins that you know. Without, such a rack can be
        looked at, and :meth:`Rack.mixer` refuses it.

    Raises
    ------
    RackError
        Missing file, no TOML, unknown effects, parameters or settings (with the nearest valid ones), values out of
        range (with the nearest valid one): all that is wrong.

    Examples
    --------
    >>> from bsep_stream import load_rack, separate
    >>> from bsep_stream.demo import RACK
    >>> rack = load_rack(RACK)
    >>> sorted(rack.stems)
    ['english_horn', 'recorder', 'residual']
    """
    path = Path(path)
    values = read_toml(path, Fail(ConfigError, f"the rack {path}"))
    return rack_from_dict(values, path.parent, str(path), allow_plugins=allow_plugins)


def rack_from_dict(
    values: Mapping[str, Any], folder: Path = Path(), label: str = "rack", *, allow_plugins: bool = False
) -> Rack:
    """Rack from the tables of a rack file; see :func:`load_rack`."""
    check_plain(values, Fail(ConfigError, label))
    mistakes = Mistakes()
    _note_unknown(values, ("stems", "master"), label, mistakes)
    stems = values.get("stems", {})
    checked: dict[str, Strip] = {}
    with mistakes.noted():
        if not isinstance(stems, Mapping):
            raise ConfigError(f"{label}: stems must be tables like [stems.recorder], got {brief(stems)}")
        if len(stems) > _MOST_STEMS:
            raise ConfigError(f"{label} has {len(stems)} stems, and {_MOST_STEMS} are possible")
        for name, strip in stems.items():
            where = f"{label}: [stems.{_cut(name)}]"
            with mistakes.noted():
                checked[name] = _strip(strip, ("effects", "gain_db", "mute", "solo"), folder, where, allow_plugins)
    master = Strip()
    with mistakes.noted():
        known = ("effects", "gain_db")
        master = _strip(values.get("master", {}), known, folder, f"{label}: [master]", allow_plugins)
    mistakes.refuse()
    return Rack(checked, master)


def _strip(values: object, settings: Sequence[str], folder: Path, label: str, allow_plugins: bool) -> Strip:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{label} must be a table, got {brief(values)}")
    mistakes = Mistakes()
    _note_unknown(values, settings, label, mistakes)
    effects = values.get("effects", [])
    if not isinstance(effects, list):
        mistakes.sentences.append(f'{label} effects must be a list like [{{type = "Reverb"}}], got {brief(effects)}')
        effects = []
    if len(effects) > MOST_EFFECTS:
        mistakes.sentences.append(f"{label} has {len(effects)} effects, and {MOST_EFFECTS} are possible")
        effects = []
    gain_db = values.get("gain_db", 0.0)
    if (
        isinstance(gain_db, bool)
        or not isinstance(gain_db, int | float)
        or not LOWEST_GAIN_DB <= gain_db <= HIGHEST_GAIN_DB
    ):
        wanted = f"a number from {LOWEST_GAIN_DB:g} to {HIGHEST_GAIN_DB:g}"
        mistakes.sentences.append(f"{label} gain_db must be {wanted}, got {brief(gain_db)}")
    for name in ("mute", "solo"):
        if not isinstance(values.get(name, False), bool):
            mistakes.sentences.append(f"{label} {name} must be true or false, got {brief(values[name])}")
    checked = []
    for number, each in enumerate(effects, start=1):
        with mistakes.noted():
            checked.append(check_effect(each, f"{label} effect {number}", folder, allow_plugins=allow_plugins))
    mistakes.refuse()
    return Strip(tuple(checked), float(gain_db), values.get("mute", False), values.get("solo", False))


def _note_unknown(values: Mapping[str, Any], known: Sequence[str], label: str, mistakes: Mistakes) -> None:
    for name in values:
        if name not in known:
            mistakes.sentences.append(f"{label} has no setting {brief(name)}{nearest(name, known)}")


def _cut(name: str) -> str:
    """A name as it may stand in a sentence."""
    return name if len(name) <= LONGEST_VALUE else f"{name[:LONGEST_VALUE]}..."
