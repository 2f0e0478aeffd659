"""Effects and racks as the page moves them; on the disk they are the TOML files that the commands take."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bsep_stream.effects.catalogue import EFFECTS, Choice, Flag, Range, default_value, unit
from bsep_stream.effects.rack import OTHERS, Rack, load_rack, rack_from_dict
from bsep_stream.effects.racks import FOLDER, shipped_racks
from bsep_stream.errors import ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.studio.sessionfolder import SessionFolder, file_name
from bsep_stream.words import RESIDUAL

NOT_OFFERED = ("Convolution", "GSMFullRateCompressor", "PitchShift", "VST3")
"""Effects that need files of this machine, which a page may not name, and effects that do not stream."""

WORDS = {
    "Reverb": "Room",
    "Delay": "Echo",
    "Chorus": "Width and shimmer",
    "Compressor": "Evens out loud and soft",
    "HighpassFilter": "Takes away below",
    "LowpassFilter": "Takes away above",
    "LowShelfFilter": "Bass",
    "HighShelfFilter": "Treble",
    "PeakFilter": "One range up or down",
    "Limiter": "Holds peaks",
    "BrickwallLimiter": "Holds peaks, strictly",
    "NoiseGate": "Silence between notes",
    "Distortion": "Overdrive",
    "Phaser": "Moving notches",
    "LadderFilter": "Synthesiser filter",
    "Gain": "Louder or softer",
    "Clipping": "Hard clipping",
    "Bitcrush": "Few bits",
    "MP3Compressor": "As an MP3",
    "Resample": "Low sample rate",
    "Invert": "Turns the phase",
}
"""What an effect is for, in the order of the menu."""

USUAL: dict[str, tuple[float, float]] = {
    "threshold_db": (-60.0, 0.0),
    "ceiling_db": (-24.0, 0.0),
    "gain_db": (-24.0, 24.0),
    "drive_db": (0.0, 40.0),
    "delay_seconds": (0.01, 2.0),
    "rate_hz": (0.01, 20.0),
    "attack_ms": (0.1, 300.0),
    "release_ms": (1.0, 2_000.0),
    "lookahead_ms": (0.1, 20.0),
    "ratio": (1.0, 20.0),
    "q": (0.1, 20.0),
    "cutoff_frequency_hz": (20.0, 20_000.0),
    "cutoff_hz": (20.0, 20_000.0),
    "centre_frequency_hz": (50.0, 15_000.0),
    "target_sample_rate": (1_000.0, 48_000.0),
}
"""Where a slider moves; what is beyond can be written into the file of the rack."""

_LOGARITHMIC = ("_hz", "_ms", "_seconds", "ratio", "q", "_rate")


@cache
def offered_effects() -> list[dict[str, Any]]:
    """Effects with their parameters: name, unit, range and default, for sliders."""
    return [
        {"type": kind, "words": words, "parameters": [_parameter(kind, name) for name in EFFECTS[kind]]}
        for kind, words in WORDS.items()
    ]


def _parameter(kind: str, name: str) -> dict[str, Any]:
    rule = EFFECTS[kind][name]
    default = default_value(kind, name)
    about: dict[str, Any] = {"name": name, "unit": unit(name)}
    if isinstance(rule, Range):
        low, high = USUAL.get(name, (rule.low, rule.high))
        start = min(max(float(default), low), high)
        log = low > 0.0 and name.endswith(_LOGARITHMIC)
        return {**about, "kind": "range", "low": low, "high": high, "default": start, "log": log}
    if isinstance(rule, Choice):
        return {**about, "kind": "choice", "names": list(rule.names), "default": default}
    assert isinstance(rule, Flag), f"{kind}.{name} cannot be shown"
    return {**about, "kind": "flag", "default": default == "true"}


def checked_rack(values: object, stem_names: tuple[str, ...]) -> Rack:
    """A rack that the page sent, with a strip for every stem; ConfigError where it makes no sense."""
    if not isinstance(values, Mapping):
        raise ConfigError("a rack is a table of stems and a master")
    rack = rack_from_dict(values, label="the rack")
    _refuse_files(rack)
    return rack.for_stems(stem_names)


def rack_dict(rack: Rack) -> dict[str, Any]:
    """A rack as the page and TOML have it."""

    def strip(name: str | None) -> dict[str, Any]:
        values = rack.master if name is None else rack.stems[name]
        table: dict[str, Any] = {"gain_db": values.gain_db}
        if name is not None:
            table |= {"mute": values.mute, "solo": values.solo}
        effects = [{"type": effect.type, **effect.parameters} for effect in values.effects]
        return {**table, "effects": effects}

    return {"stems": {name: strip(name) for name in rack.stems}, "master": strip(None)}


def write_rack(path: Path, rack: Rack) -> None:
    """Write a rack file, as the commands read it."""
    import tomli_w

    text = tomli_w.dumps(rack_dict(rack))
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_rack(folder: SessionFolder, stem_names: tuple[str, ...]) -> Rack:
    """The rack on the desk of a session; a plain one if there is none, or it does not fit any more."""
    if folder.rack.exists():
        try:
            return checked_rack(tomllib.loads(folder.rack.read_text(encoding="utf-8")), stem_names)
        except (ConfigError, OSError, ValueError):
            pass
    return Rack().for_stems(stem_names)


def saved_racks(folder: SessionFolder) -> dict[str, list[dict[str, str]]]:
    """Racks of the session and those that are shipped, by name."""
    own = sorted(path.stem for path in folder.racks.glob("*.toml")) if folder.racks.is_dir() else []
    return {
        "own": [{"name": name} for name in own],
        "shipped": [{"name": name, "words": words} for name, words in shipped_racks().items()],
    }


def save_rack(folder: SessionFolder, name: str, rack: Rack) -> str:
    """Keep a rack under a name; the name that it got."""
    plain = Path(file_name(f"{name}.toml")).stem
    write_rack(folder.racks / f"{plain}.toml", rack)
    return plain


def named_rack(folder: SessionFolder, kind: str, name: str, stem_names: tuple[str, ...]) -> Rack:
    """A rack that was saved (``own``) or is ``shipped``, for the stems of the session; others are left out.

    Raises
    ------
    ConfigError
        There is none, or it needs files that a page may not name.
    """
    names = {each["name"] for each in saved_racks(folder).get(kind, [])}
    if name not in names:
        raise ConfigError("there is no such rack")
    return fitted(load_rack((folder.racks if kind == "own" else FOLDER) / f"{name}.toml"), stem_names)


def fitted(rack: Rack, stem_names: tuple[str, ...]) -> Rack:
    """The same for other stems: strips that name none of them are left out."""
    _refuse_files(rack)
    strips = {name: strip for name, strip in rack.stems.items() if name in (*stem_names, OTHERS, RESIDUAL)}
    return Rack(strips, rack.master).for_stems(stem_names)


def uploaded_rack(text: str, stem_names: tuple[str, ...]) -> Rack:
    """A rack from the text of a TOML file."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"this is no rack: it is not valid TOML ({error})") from error
    return fitted(rack_from_dict(values, label="the rack"), stem_names)


def _refuse_files(rack: Rack) -> None:
    for strip in (*rack.stems.values(), rack.master):
        for effect in strip.effects:
            if effect.type in NOT_OFFERED:
                raise ConfigError(
                    f"the studio does not load {effect.type}: it needs a file of this machine or cannot stream; "
                    "use this rack with `bsep separate --rack`"
                )
