"""The search alone, judged: ``python -m bsep_stream.train.benchmark.judge DATA_DIR``.

For every recording with true stems (as in :mod:`bsep_stream.train.benchmark`) and every start of the search: its cost,
and the measures of masks made from the pitches that it found. It takes seconds where a training takes minutes, and
tells what the network can learn from its teacher. ``--best --workers 2`` for many recordings: only the start that is
chosen, and in the end mean, median, worst, how many fail, and how many of the notes that sound alone went to another
player. ``--set register_weight=0`` changes a constant of the search.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from time import process_time
from typing import Any

import click

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.jobs import run_jobs
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.lonenotes import LoneNotes, lone_notes
from bsep_stream.train.benchmark.maskedstems import explanations, listen
from bsep_stream.train.benchmark.table import measures_text
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.trust.terminal import say

FAILED_DB = 5.0
"""Below this mean of its stems an item counts as failed."""

Row = dict[str, Any]


def judge(item: Item, settings: SearchSettings, most: int | None = None) -> list[Row]:
    """Explanations of an item's mixture, all or so many, the one that would be chosen first.

    Returns
    -------
    list of dict
        Plain values: ``item``, ``start``, ``cost``, ``measures`` (``Evaluation.to_dict()``), ``lone_notes`` (counts, or
        None), ``search_seconds`` (of processors, for all starts together).
    """
    heard = listen(item)
    begin = process_time()
    found = explanations(heard, settings, item.polyphony)
    seconds = process_time() - begin
    rows = []
    for explanation in found[:most]:
        measured = heard.evaluated(explanation.f0_bin)
        tones, config = explanation.f0_bin.float().numpy(), heard.config
        alone = lone_notes(item, tones, config.tone_sources, measured.permutation, config.geometry)
        rows.append(
            {
                "item": item.folder.name,
                "start": explanation.start,
                "cost": float(explanation.cost),
                "measures": measured.to_dict(),
                "lone_notes": None if alone is None else alone._asdict(),
                "search_seconds": seconds,
            }
        )
    return rows


def changed_settings(changes: Sequence[str]) -> SearchSettings:
    """Settings with ``NAME=NUMBER`` changed; ConfigError if there is no such number."""
    settings = SearchSettings()
    for change in changes:
        name, _, value = change.partition("=")
        known = getattr(settings, name, None)
        if not isinstance(known, int | float):
            raise ConfigError(f"--set should be NAME=NUMBER with a number of SearchSettings; got {change}")
        try:
            changed: dict[str, Any] = {name: type(known)(value)}
        except ValueError as error:
            raise ConfigError(f"--set {name} should be such as {known}; got {value}") from error
        settings = replace(settings, **changed)
    return settings


def line(row: Row) -> str:
    """One row of the table."""
    alone = None if row["lone_notes"] is None else LoneNotes(**row["lone_notes"])
    start = f"| {row['item']} | {row['start']} | {row['cost']:.4f}"
    return f"{start} | {measures_text(row['measures'])} | {_share(alone)} |"


def summary(rows: Sequence[Row]) -> str:
    """Mean, median, worst and failed of the means of the items, and their lone notes together, as Markdown."""
    sdr = [row["measures"]["mean"]["sdr_db"] for row in rows]
    worst = min(range(len(sdr)), key=sdr.__getitem__)
    counted = [LoneNotes(**row["lone_notes"]) for row in rows if row["lone_notes"] is not None]
    alone = LoneNotes(*(sum(counts) for counts in zip(*counted, strict=True))) if counted else None
    failed = sum(value < FAILED_DB for value in sdr)
    return (
        f"| items | mean | median | worst | below {FAILED_DB:g} dB | lone notes with another player | search, s |\n"
        f"|---|---|---|---|---|---|---|\n"
        f"| {len(sdr)} | {fmean(sdr):.2f} | {median(sdr):.1f} | {sdr[worst]:.1f} ({rows[worst]['item']}) | {failed} "
        f"| {_share(alone)} | {fmean(row['search_seconds'] for row in rows):.0f} |"
    )


def _share(alone: LoneNotes | None) -> str:
    if alone is None or alone.wrong_share is None:
        return "-"
    return f"{100 * alone.wrong_share:.0f} % of {alone.own + alone.other}, {alone.missed} missed"


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--one-tone", is_flag=True, help="One tone at once for every source, whatever the items say.")
@click.option("--best", is_flag=True, help="Only the start that is chosen.")
@click.option("--set", "changes", multiple=True, help="NAME=NUMBER of SearchSettings.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Items at once.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Also as JSON.")
def main(
    data: Path, items: str, one_tone: bool, best: bool, changes: tuple[str, ...], workers: int, output: Path | None
) -> None:
    """Cost and SDR / SIR / SAR in dB of every start of the search; the first of an item is the one that is chosen.

    In the end the same of the chosen ones together.
    """
    try:
        settings = changed_settings(changes)
        chosen = find_items(data, [name for name in items.split(",") if name])
        jobs = {item.folder.name: (replace(item, one_tone=one_tone), settings, 1 if best else None) for item in chosen}
        say(
            "| item | start | cost | SDR / SIR / SAR by stem | mean | lone notes with another player |\n"
            "|---|---|---|---|---|---|",
            lines=True,
        )
        done: dict[str, list[Row]] = {}
        failed = []
        for outcome in run_jobs(judge, jobs, workers=workers):
            if outcome.result is None:
                failed.append(f"{outcome.name}: {outcome.error}")
                continue
            done[outcome.name] = outcome.result
            for row in outcome.result:
                say(line(row))
        rows = [row for name in jobs for row in done.get(name, [])]
        if output is not None:
            with whole_file(output) as temporary:
                temporary.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        if done:
            say(f"\n{summary([done[name][0] for name in jobs if name in done])}", lines=True)
        if failed:
            raise BsepError(f"{len(failed)} of {len(jobs)} items could not be judged: {'; '.join(failed)}")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
