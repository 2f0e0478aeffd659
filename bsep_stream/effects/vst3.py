"""VST3 plugins in a rack, by path: `{ type = "VST3", path = "Verb.vst3", parameters = { mix = 0.3 } }`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.trust.shown import brief, shown
from bsep_stream.words import nearest


def is_there(path: Path, kind: str = "exists") -> bool:
    """Whether something is at a path (or `is_file` is); nothing is at a path that no system has."""
    try:
        return bool(getattr(path, kind)())
    except (OSError, ValueError):  # longer than names can be; a zero byte
        return False


def not_allowed(path: str) -> ConfigError:
    """The error for a plugin that nobody has allowed."""
    return ConfigError(
        f"the rack loads the plugin {path}, native code of whoever made it; if you trust it, allow it with "
        "--allow-plugins (from Python: load_rack(..., allow_plugins=True))"
    )


@dataclass(frozen=True)
class PluginPath:
    """Path of a plugin (a file or a folder), relative to the rack file."""

    text = "path of a .vst3 file or folder"

    def check(self, value: object, label: str, folder: Path) -> str:
        """The path, or a ConfigError."""
        if not isinstance(value, str) or not value.endswith(".vst3") or not is_there(folder / value):
            raise ConfigError(
                f"{label} must be the path of a .vst3 plugin, got {brief(value)}; no such plugin in {folder}"
            )
        return str(folder / value)


@dataclass(frozen=True)
class PluginName:
    """Which of the plugins in a file that holds several."""

    text = "name, for a file with several plugins"

    def check(self, value: object, label: str, _folder: Path) -> str:
        """The name, or a ConfigError."""
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{label} must be the name of a plugin, got {brief(value)}")
        return value


@dataclass(frozen=True)
class PluginValues:
    """Values of the plugin's own parameters; only the plugin knows which there are."""

    text = "table of the plugin's own parameters"

    def check(self, value: object, label: str, _folder: Path) -> Mapping[str, float | bool | str]:
        """The table, or a ConfigError."""
        if isinstance(value, Mapping) and all(map(_is_value, value.values())):
            return dict(value)
        raise ConfigError(f"{label} must be a table of numbers, flags and names, got {brief(value)}")


def _is_value(value: object) -> bool:
    return isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))


def load_vst3(path: str, plugin_name: str | None = None, parameters: Mapping[str, Any] | None = None) -> Any:
    """A new VST3 plugin, its parameters set.

    Raises
    ------
    ConfigError
        A plugin that does not load or is an instrument, parameters that it has not, values that it does not take.
    """
    from pedalboard import load_plugin  # type: ignore[attr-defined]

    try:
        plugin: Any = load_plugin(path, plugin_name=plugin_name)
    except Exception as error:  # whatever native code raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"the plugin {path} does not load: {shown(reason)}") from error
    if not plugin.is_effect:
        raise ConfigError(f"the plugin {path} is an instrument; a rack takes effects")
    for name, value in (parameters or {}).items():
        if name not in plugin.parameters:
            raise ConfigError(f"the plugin {path} has no parameter {name!r}{nearest(name, plugin.parameters)}")
        try:
            setattr(plugin, name, value)
        except Exception as error:
            raise ConfigError(f"the plugin {path} does not take {brief(value)} for {name}: {error}") from error
    return plugin
