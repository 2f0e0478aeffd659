"""``python -m bsep_stream.train.benchmark``: what is asked for, and where the answers go."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file

if TYPE_CHECKING:
    from bsep_stream.train.benchmark.items import Item
    from bsep_stream.train.benchmark.trial import Settings


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of runs and results.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--preset", default="fast", show_default=True, help="With --curve: one or more, with commas.")
@click.option("--minutes", type=float, help="Of every training (default: the preset's iterations).")
@click.option("--iterations", type=click.IntRange(min=1))
@click.option("--seeds", default="0", show_default=True, help="With commas.")
@click.option(
    "--take",
    type=click.Choice(["all", "first-half"]),
    default="all",
    show_default=True,
    help="first-half: also train on the first half of each mixture, and compare in the second.",
)
@click.option("--curve", help="In place of the table: SDR after so many iterations (with commas), over time and FLOPs.")
@click.option("--one-tone", is_flag=True, help="Every instrument with one tone at once, also those that play chords.")
@click.option("--ceilings", "only_ceilings", is_flag=True, help="Only what is reachable at known pitches; no training.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings at once.")
@click.option("--scheduler", help="Address of a Dask scheduler whose workers train instead.")
def main(
    data: Path,
    output: Path,
    items: str,
    preset: str,
    minutes: float | None,
    iterations: int | None,
    seeds: str,
    take: str,
    curve: str | None,
    one_tone: bool,
    only_ceilings: bool,
    workers: int,
    scheduler: str | None,
) -> None:
    """Train on the mixtures below DATA, separate, compare with the true stems.

    DATA holds folders with mix.flac, meta.json and a NAME.flac of every instrument. What is finished is not done again.
    """
    from bsep_stream.train.benchmark.curve import whole_numbers
    from bsep_stream.train.benchmark.items import find_items
    from bsep_stream.train.benchmark.trial import Settings

    try:
        if minutes is not None and not 0 < minutes < float("inf"):
            raise ConfigError(f"--minutes must be more than 0, got {minutes:g}")
        chosen = find_items(data, [name for name in items.split(",") if name])
        if one_tone:
            chosen = [replace(item, one_tone=True) for item in chosen]
        settings = Settings(preset, minutes, iterations)
        numbers = whole_numbers(seeds)
        if only_ceilings:
            _tables(chosen, [], output)
        elif curve is not None:
            _curve(chosen, output, settings, numbers, whole_numbers(curve))
        else:
            takes = ("all",) if take == "all" else ("all", "first half")
            _trials(chosen, output, settings, numbers, takes, workers, scheduler)
    except BsepError as error:
        raise click.UsageError(str(error)) from error


def _trials(
    items: list[Item],
    output: Path,
    settings: Settings,
    seeds: tuple[int, ...],
    takes: tuple[str, ...],
    workers: int,
    scheduler: str | None,
) -> None:
    """All trials; the tables are written anew after each, with what there is."""
    from bsep_stream.files.jobs import run_jobs
    from bsep_stream.train.benchmark.trial import run_trial, trial_name
    from bsep_stream.train.config.presets import preset_config

    for item in items:
        preset_config(settings.preset, item.names)  # a wrong preset is told before any work
    jobs = {
        trial_name(item, settings, seed, take): (item, output.resolve(), settings, seed, take)
        for item in items
        for seed in seeds
        for take in takes
    }
    done: dict[str, dict[str, Any]] = {}
    failed = []
    for outcome in run_jobs(run_trial, jobs, workers=workers, scheduler=scheduler):
        if outcome.result is None:
            failed.append(f"{outcome.name}: {outcome.error}")
            click.echo(failed[-1], err=True)
        else:
            done[outcome.name] = outcome.result
            finished = [done[name] for name in jobs if name in done]
            _write(output, finished, [], say=False)
    if done:
        _tables(items, [done[name] for name in jobs if name in done], output)
    if failed:
        raise BsepError(f"{len(failed)} of {len(jobs)} trials failed: {'; '.join(failed)}")


def _tables(items: list[Item], results: list[dict[str, Any]], output: Path) -> None:
    from bsep_stream.train.benchmark.ceilings import kept_ceilings

    _write(output, results, [kept_ceilings(item, output) for item in items if not item.has_chords], say=True)


def _write(output: Path, results: list[dict[str, Any]], ceilings: list[dict[str, Any]], *, say: bool) -> None:
    from bsep_stream.train.benchmark.table import markdown, summarise

    summary = summarise(results, ceilings)
    text = markdown(summary)
    name = "results" if results else "ceilings"
    for suffix, content in (("json", json.dumps(summary, indent=1) + "\n"), ("md", text)):
        with whole_file(output / f"{name}.{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    if say:
        click.echo(text)


def _curve(
    items: list[Item], output: Path, settings: Settings, seeds: tuple[int, ...], counts: tuple[int, ...]
) -> None:
    from bsep_stream.train.benchmark.curve import draw_curve, run_curve
    from bsep_stream.train.benchmark.table import curve_table

    if len(items) != 1 or len(seeds) != 1:
        raise ConfigError(f"--curve takes one item and one seed, got {len(items)} and {len(seeds)}: see --items")
    presets = [name.strip() for name in settings.preset.split(",")]
    points = run_curve(items[0], output, presets, replace(settings, preset=presets[0]), seeds[0], counts)
    if not points:
        raise ConfigError(f"no training reached {min(counts)} iterations: give --curve smaller numbers")
    text = curve_table(points)
    for suffix, content in (("json", json.dumps(points, indent=1) + "\n"), ("md", text)):
        with whole_file(output / f"curve.{suffix}") as temporary:
            temporary.write_text(content, encoding="utf-8")
    draw_curve(points, output / "curve.png")
    click.echo(text)
