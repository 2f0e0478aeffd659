"""``bsep rack``: check rack files, list the effects, show the racks that are shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from bsep_stream.model.geometry import RATES
from bsep_stream.trust.terminal import say
from bsep_stream.words import MOST_CHANNELS


@click.group("rack", context_settings={"help_option_names": ["-h", "--help"]})
def rack() -> None:
    """Check rack files, list all effects, show the racks that are shipped."""


@rack.command("check")
@click.argument("file")
@click.option(
    "--model", metavar="MODEL.onnx", type=click.Path(path_type=Path), help="Also check the stems that it names."
)
@click.option("--sample-rate", type=click.IntRange(*RATES), default=48_000, show_default=True, metavar="HZ")
@click.option("--channels", type=click.IntRange(1, MOST_CHANNELS), default=2, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a sentence.")
def check(file: str, model: Path | None, sample_rate: int, channels: int, as_json: bool) -> None:
    """Check FILE (or a shipped rack): every name, every value, and that its effects run in a stream.

    All that is wrong is told. VST3 plugins are native code and are not loaded for this: only that they are there.
    """
    import json

    from bsep_stream.effects.rack import OTHERS, load_rack
    from bsep_stream.effects.racks import find_rack
    from bsep_stream.model.separation_model import SeparationModel
    from bsep_stream.words import RESIDUAL

    path = find_rack(file)
    with _all_told():
        loaded = load_rack(path)
    if model is not None:
        stem_names: tuple[str, ...] = (*SeparationModel(model).source_names, RESIDUAL)
    else:  # the names that the file uses, and one for those that it does not
        stem_names = tuple(dict.fromkeys([*(name for name in loaded.stems if name != OTHERS), "any other", RESIDUAL]))
    with _all_told():
        loaded.try_out(stem_names, sample_rate, channels)
    mixer = loaded.without_plugins().mixer(stem_names, sample_rate, channels)
    n_effects = sum(len(strip.effects) for strip in (*loaded.stems.values(), loaded.master))
    if as_json:
        strips = {**loaded.stems, "master": loaded.master}
        facts = {
            "path": str(path),
            "effects": {name: [effect.type for effect in strip.effects] for name, strip in strips.items()},
            "plugins": list(loaded.plugin_paths),
            "sample_rate": sample_rate,
            "channels": channels,
            "latency_samples": mixer.latency_samples,
        }
        say(json.dumps(facts, indent=2), lines=True)
        return
    named = ", ".join(name for name in loaded.stems) or "no stem"
    late = f"{mixer.latency_samples} samples ({1000 * mixer.latency_samples / sample_rate:.1f} ms) of latency"
    if loaded.plugin_paths:
        late += " without its plugins"
    say(f"{path} is in order: {n_effects} effects, for {named} and the master; {late}")
    for plugin in loaded.plugin_paths:
        say(f"{plugin} is a plugin, native code of whoever made it; it was not loaded, and may refuse its settings")


@contextmanager
def _all_told() -> Iterator[None]:
    """Elsewhere the first mistake of a rack is told; here all are, a sentence each."""
    from bsep_stream.errors import ConfigError, RackError

    try:
        yield
    except RackError as error:
        *before, last = error.mistakes
        for sentence in before:
            say(f"bsep: {sentence}", err=True)
        raise ConfigError(last) from error


@rack.command("effects")
@click.argument("names", metavar="[EFFECT]...", nargs=-1)
def effects(names: tuple[str, ...]) -> None:
    """List effects with their parameters, ranges and units; all if none is named."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from bsep_stream.effects.catalogue import EFFECTS, default_value, unit
    from bsep_stream.errors import ConfigError
    from bsep_stream.trust.console import Console
    from bsep_stream.words import nearest

    for name in names:
        if name not in EFFECTS:
            raise ConfigError(f"there is no effect {name!r}{nearest(name, EFFECTS)}")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("parameter", no_wrap=True)
    for column in ("range", "unit", "default"):
        table.add_column(column, overflow="fold")
    for effect in names or EFFECTS:
        table.add_row(f"[bold]{effect}[/bold]")
        for parameter, kind in EFFECTS[effect].items():
            default = default_value(effect, parameter)
            table.add_row(f"  {parameter}", escape(kind.text), unit(parameter), escape(default))
    console = Console()
    console.print(table)
    console.print("PitchShift and GSMFullRateCompressor do not run in a stream (pedalboard 0.9.26).", style="dim")


@rack.command("show")
@click.argument("name", required=False)
def show(name: str | None) -> None:
    """List the racks that are shipped, or print one: `bsep rack show hall > rack.toml`."""
    from bsep_stream.effects.racks import find_rack, shipped_racks

    if name is None:
        for each, purpose in shipped_racks().items():
            say(f"{each:10} {purpose}")
    else:
        path = find_rack(name)
        say(path.read_text(encoding="utf-8"), nl=False, lines=True)


command = rack
