"""``bsep evaluate``: how well stems match the true ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from rich.table import Table

    from bsep_stream.report.measures import Evaluation

_SHOWN_DB = 100.0


class TakesSeveral(click.Command):
    """A command whose ``multiple`` options take several values at once: ``--reference a.wav b.wav``.

    click wants ``--reference a.wav --reference b.wav``, which is what this makes of it; both work.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        several = {
            flag
            for option in self.get_params(ctx)
            if isinstance(option, click.Option) and option.multiple
            for flag in option.opts
        }
        spread: list[str] = []
        waiting: str | None = None  # an option that has no value yet
        current: str | None = None  # the option that further values belong to
        for arg in args:
            if arg.startswith("-") and arg != "-":
                if waiting:
                    break
                name, equals, _ = arg.partition("=")
                current = name if name in several else None
                waiting = None if equals else current
                spread.append(arg)
            else:
                spread += [current, arg] if current and not waiting else [arg]
                waiting = None
        if waiting:
            raise click.BadOptionUsage(waiting, f"option {waiting} needs at least one file", ctx)
        return super().parse_args(ctx, spread)


_FILES: dict[str, Any] = {
    "multiple": True,
    "required": True,
    "metavar": "FILE...",
    "type": click.Path(path_type=Path),
}


@click.command("evaluate", cls=TakesSeveral)
@click.option("--reference", "references", help="The true stems.", **_FILES)
@click.option("--estimate", "estimates", help="The separated stems, in any order.", **_FILES)
@click.option("--filtered", is_flag=True, help="Also BSS-eval measures that forgive a short filter (slower).")
@click.option("--notes", is_flag=True, help="Compare notes (.mid, .csv) instead of stems: a file each.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def evaluate(
    references: tuple[Path, ...], estimates: tuple[Path, ...], filtered: bool, notes: bool, as_json: bool
) -> None:
    """Compare separated stems with the true ones: SDR, SIR, SAR and SI-SDR in dB.

    One gain per stem is forgiven, nothing else. Estimates may come in any order: the one with the largest
    sum of SIR is taken. With --notes, precision, recall and F1 of the notes of every source.
    """
    if notes:
        if filtered:
            raise click.UsageError("--filtered is about sound and --notes about notes: give one of them")
        from bsep_stream.cli.notescores import evaluate_notes

        evaluate_notes(references, estimates, as_json)
        return
    import json

    from bsep_stream.report.measures import evaluate as measure

    _check_counts(references, estimates)
    true, estimated = _read([*references, *estimates], len(references))
    result = measure(true, estimated, [path.stem for path in references], filtered=filtered)
    if as_json:
        say(json.dumps(_to_dict(result, references, estimates), indent=2), lines=True)
    else:
        _print_table(result, estimates)


def _check_counts(references: tuple[Path, ...], estimates: tuple[Path, ...]) -> None:
    from bsep_stream.errors import AudioError

    if len(references) != len(estimates):
        raise AudioError(
            f"expected as many estimates as references, got {len(references)} references and {len(estimates)} estimates"
        )


def _read(paths: list[Path], n_references: int) -> tuple[list[Any], list[Any]]:
    from bsep_stream.errors import AudioError
    from bsep_stream.files.audiofile import read_recording

    signals = []
    first: tuple[int, int, int] | None = None
    for path in paths:
        audio, sample_rate = read_recording(path)
        found = (sample_rate, audio.shape[1], audio.shape[0])
        first = first or found
        for what, unit, expected, got in zip(
            ("sample rate", "length", "number of channels"), (" Hz", " samples", ""), first, found, strict=True
        ):
            if got != expected:
                raise AudioError(
                    f"all files must have the same {what}: {paths[0]} has {expected}{unit}, {path} has {got}{unit}"
                )
        signals.append(audio)
    return signals[:n_references], signals[n_references:]


def _to_dict(result: Evaluation, references: tuple[Path, ...], estimates: tuple[Path, ...]) -> dict[str, Any]:
    values = result.to_dict()
    for j, stem in enumerate(values["stems"]):
        stem["reference"], stem["estimate"] = str(references[j]), str(estimates[result.permutation[j]])
    return values


def _print_table(result: Evaluation, estimates: tuple[Path, ...]) -> None:
    from bsep_stream.trust.console import Console

    console = Console()
    mean = result.mean()
    rows = {
        name: (result.sdr_db[j], result.sir_db[j], result.sar_db[j], result.si_sdr_db[j])
        for j, name in enumerate(result.names)
    }
    rows["mean"] = (mean["sdr_db"], mean["sir_db"], mean["sar_db"], mean["si_sdr_db"])
    matched = [estimates[i].name for i in result.permutation]
    console.print(_table("dB; one gain per stem is forgiven", ("SDR", "SIR", "SAR", "SI-SDR"), rows, matched))
    if result.filtered is not None:
        values = (result.filtered.sdr_db, result.filtered.sir_db, result.filtered.sar_db)
        filtered = dict(zip(result.names, zip(*values, strict=True), strict=True))
        console.print(_table("dB; a filter of 512 taps is forgiven", ("SDR", "SIR", "SAR"), filtered, matched))


def _table(
    caption: str, headings: tuple[str, ...], rows: Mapping[str, tuple[float, ...]], estimates: list[str]
) -> Table:
    from rich.markup import escape
    from rich.table import Table

    table = Table(caption=caption, caption_justify="left")
    table.add_column("stem", overflow="fold")
    table.add_column("estimate", overflow="fold")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for j, (name, row) in enumerate(rows.items()):
        if j == len(estimates):
            table.add_section()
        file = estimates[j] if j < len(estimates) else ""
        table.add_row(escape(name), escape(file), *map(_decibels, row))
    return table


def _decibels(value: float) -> str:
    if value != value:
        return "silent"
    if abs(value) > _SHOWN_DB:  # rounding of the files, not sound
        return f"> {_SHOWN_DB:.0f}" if value > 0 else f"< -{_SHOWN_DB:.0f}"
    return f"{value:.2f}"


command = evaluate
