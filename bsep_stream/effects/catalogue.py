"""The effects of pedalboard that a rack may name, with the range of every parameter.

pedalboard checks only some of its parameters; others make an effect unstable (a chorus whose feedback
is above 1 overflows within seconds) or end the process (``MP3Compressor`` with a quality of -1000000).
So every value is compared with the table before an effect is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsep_stream.effects.impulse import CHANNELS, LONGEST_SECONDS, check_impulse, read_impulse
from bsep_stream.effects.vst3 import PluginName, PluginPath, PluginValues, is_there, load_vst3, not_allowed
from bsep_stream.errors import ConfigError
from bsep_stream.trust.mistakes import Mistakes
from bsep_stream.trust.shown import brief
from bsep_stream.words import nearest


@dataclass(frozen=True)
class Range:
    """A number from ``low`` to ``high``; its unit is the end of the parameter's name."""

    low: float
    high: float

    @property
    def text(self) -> str:
        """The range, for people."""
        return f"{self.low:g} to {self.high:g}"

    def check(self, value: object, label: str, _folder: Path) -> float:
        """The value as a float, or a ConfigError."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigError(f"{label} must be a number from {self.low:g} to {self.high:g}, got {brief(value)}")
        if value != value or not self.low <= value <= self.high:
            limit = self.high if value > self.high else self.low
            got = f"{value:g}" if isinstance(value, float) else brief(value)
            raise ConfigError(
                f"{label} must be a number from {self.low:g} to {self.high:g}, got {got}; the nearest is {limit:g}"
            )
        return float(value)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    text = "true or false"

    def check(self, value: object, label: str, _folder: Path) -> bool:
        """The value, or a ConfigError."""
        if not isinstance(value, bool):
            raise ConfigError(f"{label} must be true or false, got {brief(value)}")
        return value


@dataclass(frozen=True)
class Choice:
    """One of the names of an enumeration inside the effect (``LadderFilter.Mode``)."""

    enumeration: str
    names: tuple[str, ...]

    @property
    def text(self) -> str:
        """The names, for people."""
        return ", ".join(self.names)

    def check(self, value: object, label: str, _folder: Path) -> str:
        """The name, or a ConfigError."""
        if not isinstance(value, str) or value not in self.names:
            raise ConfigError(f"{label} has no choice {brief(value)}{nearest(value, self.names)}")
        return value


@dataclass(frozen=True)
class SoundFile:
    """Path of a sound file, relative to the rack file."""

    text = f"path of a sound file, up to {LONGEST_SECONDS:g} s, {CHANNELS} channels"

    def check(self, value: object, label: str, folder: Path) -> str:
        """The path, or a ConfigError."""
        if not isinstance(value, str) or not is_there(folder / value, "is_file"):
            raise ConfigError(f"{label} must be the path of a sound file, got {brief(value)}; no such file in {folder}")
        check_impulse(folder / value, label)
        return str(folder / value)


Parameter = Range | Flag | Choice | SoundFile | PluginPath | PluginName | PluginValues
Value = float | bool | str | Mapping[str, float | bool | str]

VST3 = "VST3"

_SHARE = Range(0.0, 1.0)
_CUTOFF = Range(10.0, 20_000.0)
_THRESHOLD = Range(-100.0, 0.0)
_ATTACK = Range(0.0, 1_000.0)
_RELEASE = Range(1.0, 10_000.0)
_SHELF = {"cutoff_frequency_hz": _CUTOFF, "gain_db": Range(-60.0, 40.0), "q": Range(0.05, 50.0)}
_QUALITY = Choice(
    "Resample.Quality",
    (
        *("ZeroOrderHold", "Linear", "CatmullRom", "Lagrange", "WindowedSinc", "WindowedSinc256"),
        *("WindowedSinc128", "WindowedSinc64", "WindowedSinc32", "WindowedSinc16", "WindowedSinc8"),
    ),
)

EFFECTS: Mapping[str, Mapping[str, Parameter]] = {
    "Bitcrush": {"bit_depth": Range(1.0, 32.0)},
    "BrickwallLimiter": {
        "ceiling_db": Range(-60.0, 0.0),
        "release_ms": _RELEASE,
        "lookahead_ms": Range(0.1, 100.0),
        "true_peak": Flag(),
    },
    "Chorus": {
        "rate_hz": Range(0.0, 100.0),
        "depth": _SHARE,
        "centre_delay_ms": Range(1.0, 100.0),
        "feedback": Range(-0.99, 0.99),
        "mix": _SHARE,
    },
    "Clipping": {"threshold_db": _THRESHOLD},
    "Compressor": {
        "threshold_db": _THRESHOLD,
        "ratio": Range(1.0, 100.0),
        "attack_ms": _ATTACK,
        "release_ms": _RELEASE,
    },
    "Convolution": {"impulse_response_filename": SoundFile(), "mix": _SHARE},
    "Delay": {"delay_seconds": Range(0.0, 30.0), "feedback": _SHARE, "mix": _SHARE},
    "Distortion": {"drive_db": Range(0.0, 60.0)},
    "Gain": {"gain_db": Range(-100.0, 40.0)},
    "GSMFullRateCompressor": {"quality": _QUALITY},
    "HighShelfFilter": _SHELF,
    "HighpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "Invert": {},
    "LadderFilter": {
        "mode": Choice("LadderFilter.Mode", ("LPF12", "HPF12", "BPF12", "LPF24", "HPF24", "BPF24")),
        "cutoff_hz": _CUTOFF,
        "resonance": _SHARE,
        "drive": Range(1.0, 20.0),
    },
    "Limiter": {"threshold_db": _THRESHOLD, "release_ms": _RELEASE},
    "LowShelfFilter": _SHELF,
    "LowpassFilter": {"cutoff_frequency_hz": _CUTOFF},
    "MP3Compressor": {"vbr_quality": Range(0.0, 9.0)},
    "NoiseGate": {
        "threshold_db": _THRESHOLD,
        "ratio": Range(1.0, 100.0),
        "attack_ms": _ATTACK,
        "release_ms": _RELEASE,
    },
    "PeakFilter": _SHELF,
    "Phaser": {
        "rate_hz": Range(0.0, 100.0),
        "depth": _SHARE,
        "centre_frequency_hz": _CUTOFF,
        "feedback": Range(-0.99, 0.99),
        "mix": _SHARE,
    },
    "PitchShift": {"semitones": Range(-72.0, 72.0)},
    "Resample": {"target_sample_rate": Range(1_000.0, 192_000.0), "quality": _QUALITY},
    "Reverb": {name: _SHARE for name in ("room_size", "damping", "wet_level", "dry_level", "width", "freeze_mode")},
    VST3: {"path": PluginPath(), "plugin_name": PluginName(), "parameters": PluginValues()},
}


_UNITS = {"_hz": "Hz", "_db": "dB", "_ms": "ms", "_seconds": "s", "_sample_rate": "Hz", "semitones": "semitones"}


@dataclass(frozen=True)
class Effect:
    """One effect of a chain: its pedalboard name and checked parameters; missing ones are pedalboard's defaults.

    Parameters
    ----------
    type : str
    parameters : mapping
    allow_plugins : bool
        Whether a VST3 plugin may be loaded, which runs its native code.
    """

    type: str
    parameters: Mapping[str, Value]
    allow_plugins: bool = False

    def make(self) -> Any:
        """A new pedalboard plugin. ConfigError if it is native code that was not allowed, or pedalboard refuses it."""
        if self.type == VST3:
            if not self.allow_plugins:
                raise not_allowed(str(self.parameters["path"]))
            values_of_plugin: dict[str, Any] = dict(self.parameters)
            return load_vst3(**values_of_plugin)
        import pedalboard

        values: dict[str, Any] = dict(self.parameters)
        for name, parameter in EFFECTS[self.type].items():
            if isinstance(parameter, Choice) and name in values:
                owner, enumeration = parameter.enumeration.split(".")
                values[name] = getattr(getattr(getattr(pedalboard, owner), enumeration), values[name])
            elif isinstance(parameter, SoundFile):
                # Read here: pedalboard is silent about what it cannot read, and believes whatever a header claims.
                values[name], values["sample_rate"] = read_impulse(Path(values[name]))
        try:
            return getattr(pedalboard, self.type)(**values)
        except (ValueError, RuntimeError, TypeError, MemoryError) as error:
            raise ConfigError(f"pedalboard refuses {self.type}: {error}") from error


def check_effect(values: object, label: str, folder: Path, *, allow_plugins: bool = False) -> Effect:
    """Effect from a table like ``{type = "Reverb", room_size = 0.4}``.

    Parameters
    ----------
    values : object
        What the rack file holds.
    label : str
        Where in the file, for messages.
    folder : Path
        What paths of sound files are relative to.
    allow_plugins : bool
        Whether the effect may be native code, once it is made. Nothing is loaded here.

    Raises
    ------
    RackError
        All that is wrong: unknown effect or parameter (with the nearest names), value out of range (with the nearest
        value).
    """
    if not isinstance(values, Mapping) or not isinstance(values.get("type"), str):
        raise ConfigError(f'{label} must be a table with a type, like {{type = "Reverb"}}, got {brief(values)}')
    kind = values["type"]
    if kind not in EFFECTS:
        raise ConfigError(f"{label}: there is no effect {brief(kind)}{nearest(kind, EFFECTS)}")
    known = EFFECTS[kind]
    checked: dict[str, Value] = {}
    mistakes = Mistakes()
    for name, value in values.items():
        if name == "type":
            continue
        with mistakes.noted():
            if name not in known:
                raise ConfigError(f"{label}: {kind} has no parameter {brief(name)}{nearest(name, known)}")
            checked[name] = known[name].check(value, f"{label}: {kind}.{name}", folder)
    files = (SoundFile, PluginPath)
    required = [name for name, parameter in known.items() if isinstance(parameter, files) and name not in values]
    with mistakes.noted():
        if required:
            raise ConfigError(f"{label}: {kind} needs {required[0]}")
    mistakes.refuse()
    return Effect(kind, checked, allow_plugins)


def unit(parameter_name: str) -> str:
    """Unit of a parameter, from the end of its name; empty where it has none."""
    return next((unit for ending, unit in _UNITS.items() if parameter_name.endswith(ending)), "")


def default_value(kind: str, parameter_name: str) -> str:
    """What an effect does if a rack leaves a parameter out, as it is written in a rack; empty where it cannot."""
    if any(isinstance(parameter, SoundFile | PluginPath) for parameter in EFFECTS[kind].values()):
        return ""
    value = getattr(Effect(kind, {}).make(), parameter_name)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, int | float) else str(value.name)
