"""Defaults of options from ``bsep.toml``: a table for each command, keys like the options.

[separate]
rack = "rack.toml"
format = "flac"

[train]
sources = "flute,oboe"

The file is that of ``--config``, else the one in the current folder: never one beside an input, which may have
come with it from a stranger. What is typed wins. Paths in it start from its folder.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import ConfigError
from bsep_stream.trust.shown import brief
from bsep_stream.trust.terminal import say

FILE_NAME = "bsep.toml"
CONFIG = "config_file"
ONLY_TYPED = ("allow-plugins",)
"""Options that no file can set: who runs native code says so."""


def config_option() -> click.Option:
    """The option that every command gets; its value is looked up before the others are read."""
    return click.Option(
        ["--config", CONFIG],
        expose_value=False,
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=f"Defaults of these options (default: {FILE_NAME} in the current folder).",
    )


def default_map(
    ctx: click.Context, name: str, command: click.Command, args: Sequence[str], commands: Collection[str]
) -> dict[str, Any] | None:
    """What click shall take for options of a command that are not typed, as it wants it.

    Parameters
    ----------
    ctx : Context
        Of the group.
    name : str
        Of the command.
    command : Command
    args : sequence of str
        What was typed behind its name.
    commands : collection of str
        Names of all commands.

    Raises
    ------
    ConfigError
        If the file cannot be read, or a table, a key or a value in it makes no sense.
    """
    inner = click.Context(command, info_name=name, parent=ctx, resilient_parsing=True)
    try:
        typed, _, _ = command.make_parser(inner).parse_args(list(args))
    except click.UsageError:
        return None  # said in a moment, by the command itself
    asked = command.get_help_option(inner)
    path = None if asked is not None and typed.get(asked.name) is True else _find(typed)
    if path is None:
        return None
    tables = _read(path)
    for key, table in tables.items():
        if key not in commands:
            raise ConfigError(f"{path} has no use for {brief(key)}{_nearest(key, commands)}")
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {key} must be a table like [{key}], got {brief(table)}")
    if name not in tables:
        return None
    say(f"defaults from {path}", err=True)
    return {name: _checked(tables[name], command, inner, path, name)}


def _find(typed: Mapping[str, Any]) -> Path | None:
    if isinstance(typed.get(CONFIG), str):
        return Path(typed[CONFIG])
    return Path(FILE_NAME) if Path(FILE_NAME).is_file() else None


def _read(path: Path) -> dict[str, Any]:
    from bsep_stream.trust.textfiles import Fail, read_toml  # not for --help: json and tomllib

    return read_toml(path, Fail(ConfigError, str(path)))


def _checked(
    table: Mapping[str, Any], command: click.Command, ctx: click.Context, path: Path, label: str
) -> dict[str, Any]:
    """Values by the names of click's parameters."""
    if isinstance(command, click.Group):
        return _of_subcommands(table, command, ctx, path, label)
    options = {
        max(option.opts, key=len).lstrip("-"): option
        for option in command.params
        if isinstance(option, click.Option) and option.name != CONFIG
    }
    values = {}
    for key, value in table.items():
        if key.replace("_", "-") in ONLY_TYPED:
            raise ConfigError(f"{path}: [{label}] {key} cannot be set in a file; type it where it is meant")
        option = options.get(key.replace("_", "-"))
        if option is None:
            raise ConfigError(f"{path}: [{label}] has no option {brief(key)}{_nearest(key, options)}")
        values[option.name or ""] = _value(option, value, ctx, path, f"{path}: [{label}] {key}")
    return values


def _of_subcommands(
    table: Mapping[str, Any], group: click.Group, ctx: click.Context, path: Path, label: str
) -> dict[str, Any]:
    values = {}
    for key, inner in table.items():
        command = group.get_command(ctx, key)
        if command is None or not isinstance(inner, dict):
            raise ConfigError(f"{path}: [{label}] has tables for its commands{_nearest(key, group.list_commands(ctx))}")
        values[key] = _checked(inner, command, click.Context(command, parent=ctx), path, f"{label}.{key}")
    return values


def _value(option: click.Option, value: Any, ctx: click.Context, path: Path, label: str) -> Any:
    if isinstance(value, bool) is not option.is_flag:
        wanted = "true or false" if option.is_flag else "a value"
        raise ConfigError(f"{label} must be {wanted}, got {brief(value)}")
    if isinstance(value, list) is not option.multiple:
        raise ConfigError(f"{label} must be {'a list' if option.multiple else 'a single value'}, got {brief(value)}")
    if any(isinstance(each, float) for each in (value if option.multiple else [value])) and _is_whole(option):
        raise ConfigError(f"{label} must be a whole number, got {brief(value)}")
    is_rack = "--rack" in option.opts
    if is_rack or isinstance(option.type, click.Path):
        moved = [_from_folder(str(each), path.parent, is_rack) for each in (value if option.multiple else [value])]
        value = moved if option.multiple else moved[0]
    try:
        option.type_cast_value(ctx, value)
    except click.BadParameter as error:
        raise ConfigError(f"{label}: {error.message.rstrip('.')}") from error
    except (ValueError, OverflowError, TypeError) as error:
        raise ConfigError(f"{label} cannot be used: {error}") from error
    return value


def _is_whole(option: click.Option) -> bool:
    return isinstance(option.type, click.types.IntParamType)


def _from_folder(name: str, folder: Path, is_rack: bool) -> str:
    moved = folder / name
    shipped = is_rack and not moved.exists() and Path(name).name == name and not Path(name).suffix
    return name if shipped else str(moved)


def _nearest(name: str, valid: Collection[str]) -> str:
    from bsep_stream.words import nearest

    return nearest(name, valid)
