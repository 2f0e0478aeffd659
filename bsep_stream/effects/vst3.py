"""VST3 plugins in a rack, by path: `{ type = "VST3", path = "Verb.vst3", parameters = { mix = 0.3 } }`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.words import nearest


@dataclass(frozen=True)
class PluginPath:
    """Path of a plugin (a file or a folder), relative to the rack file."""

    text = "path of a .vst3 file or folder"

    def check(self, value: object, label: str, folder: Path) -> str:
        """The path, or a ConfigError."""
        if not isinstance(value, str) or not value.endswith(".vst3") or not (folder / value).exists():
            raise ConfigError(f"{label} must be the path of a .vst3 plugin, got {value!r}; no such plugin in {folder}")
        return str(folder / value)


@dataclass(frozen=True)
class PluginName:
    """Which of the plugins in a file that holds several."""

    text = "name, for a file with several plugins"

    def check(self, value: object, label: str, _folder: Path) -> str:
        """The name, or a ConfigError."""
        if not isinstance(value, str) or not value:
            raise ConfigError(f"{label} must be the name of a plugin, got {value!r}")
        return value


@dataclass(frozen=True)
class PluginValues:
    """Values of the plugin's own parameters; only the plugin knows which there are."""

    text = "table of the plugin's own parameters"

    def check(self, value: object, label: str, _folder: Path) -> Mapping[str, float | bool | str]:
        """The table, or a ConfigError."""
        if isinstance(value, Mapping) and all(isinstance(each, bool | int | float | str) for each in value.values()):
            return dict(value)
        raise ConfigError(f"{label} must be a table of numbers, flags and names, got {value!r}")


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
    except (ImportError, ValueError, RuntimeError) as error:
        raise ConfigError(f"the plugin {path} does not load: {str(error).strip().splitlines()[0]}") from error
    if not plugin.is_effect:
        raise ConfigError(f"the plugin {path} is an instrument; a rack takes effects")
    for name, value in (parameters or {}).items():
        if name not in plugin.parameters:
            raise ConfigError(f"the plugin {path} has no parameter {name!r}{nearest(name, plugin.parameters)}")
        try:
            setattr(plugin, name, value)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"the plugin {path} does not take {value!r} for {name}: {error}") from error
    return plugin
