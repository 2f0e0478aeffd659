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
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsep_stream.effects.catalogue import Effect, check_effect
from bsep_stream.errors import ConfigError
from bsep_stream.words import HIGHEST_GAIN_DB, LOWEST_GAIN_DB, RESIDUAL, nearest

if TYPE_CHECKING:
    from pedalboard import Pedalboard  # type: ignore[attr-defined]

    from bsep_stream.effects.mixer import Mixer

OTHERS = "*"
"""Name of the strip for all sources that have none of their own: racks with it fit every model."""


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
        """New plugins, ready for one stream."""
        from pedalboard import Pedalboard  # type: ignore[attr-defined]

        return Pedalboard([effect.make() for effect in self.effects])


@dataclass(frozen=True)
class Rack:
    """Effects and levels of stems by name, and of the master; stems that are not named pass unchanged."""

    stems: Mapping[str, Strip] = field(default_factory=dict)
    master: Strip = field(default_factory=Strip)

    def check(self, stem_names: Sequence[str]) -> None:
        """Raise ConfigError if the rack names a stem that does not exist."""
        for name in self.stems:
            if name not in (*stem_names, OTHERS):
                raise ConfigError(
                    f"the rack names [stems.{name}], but there is no such stem{nearest(name, stem_names)}"
                )

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
            Unknown stems, effects that do not run in a stream of this rate and channel count.
        """
        from bsep_stream.effects.mixer import Mixer

        rack = self.for_stems(stem_names)
        return Mixer(
            stem_names,
            sample_rate,
            channels,
            boards=rack.boards(),
            gains_db=rack.gains_db(stem_names),
            master=self.master.board() if self.master.effects else None,
            master_gain_db=self.master.gain_db,
        )


def load_rack(path: str | Path) -> Rack:
    """Read and check a rack file.

    Parameters
    ----------
    path : str or Path
        Sound files in it (of Convolution) are relative to its folder.

    Raises
    ------
    ConfigError
        Missing file, no TOML, unknown effects, parameters or settings (with the nearest valid ones), values out of
        range (with the nearest valid one).

    Examples
    --------
    >>> from bsep_stream import load_rack, separate
    >>> from bsep_stream.demo import RACK
    >>> rack = load_rack(RACK)
    >>> sorted(rack.stems)
    ['english_horn', 'recorder', 'residual']
    """
    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the rack {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the rack {path} is not valid TOML: {error}") from error
    return rack_from_dict(values, path.parent, str(path))


def rack_from_dict(values: Mapping[str, Any], folder: Path = Path(), label: str = "rack") -> Rack:
    """Rack from the tables of a rack file; see :func:`load_rack`."""
    _only(values, ("stems", "master"), label)
    stems = values.get("stems", {})
    if not isinstance(stems, Mapping):
        raise ConfigError(f"{label}: stems must be tables like [stems.recorder], got {stems!r}")
    checked = {
        name: _strip(strip, ("effects", "gain_db", "mute", "solo"), folder, f"{label}: [stems.{name}]")
        for name, strip in stems.items()
    }
    master = _strip(values.get("master", {}), ("effects", "gain_db"), folder, f"{label}: [master]")
    return Rack(checked, master)


def _strip(values: object, settings: Sequence[str], folder: Path, label: str) -> Strip:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{label} must be a table, got {values!r}")
    _only(values, settings, label)
    effects = values.get("effects", [])
    if not isinstance(effects, list):
        raise ConfigError(f'{label} effects must be a list like [{{type = "Reverb"}}], got {effects!r}')
    gain_db = values.get("gain_db", 0.0)
    if (
        isinstance(gain_db, bool)
        or not isinstance(gain_db, int | float)
        or not LOWEST_GAIN_DB <= gain_db <= HIGHEST_GAIN_DB
    ):
        raise ConfigError(
            f"{label} gain_db must be a number from {LOWEST_GAIN_DB:g} to {HIGHEST_GAIN_DB:g}, got {gain_db!r}"
        )
    for name in ("mute", "solo"):
        if not isinstance(values.get(name, False), bool):
            raise ConfigError(f"{label} {name} must be true or false, got {values[name]!r}")
    return Strip(
        effects=tuple(check_effect(each, f"{label} effect {i + 1}", folder) for i, each in enumerate(effects)),
        gain_db=float(gain_db),
        mute=values.get("mute", False),
        solo=values.get("solo", False),
    )


def _only(values: Mapping[str, Any], known: Sequence[str], label: str) -> None:
    for name in values:
        if name not in known:
            raise ConfigError(f"{label} has no setting {name!r}{nearest(name, known)}")
