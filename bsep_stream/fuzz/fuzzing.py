"""Damaged files for every reader: each is refused in one sentence or read, in bounds of time and memory.

python -m bsep_stream.fuzz --seconds 60 --seed 0

A case is known by seed, reader and number, and comes again by them: ``--only model --first 17 --cases 1``.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import click

from bsep_stream.errors import BsepError
from bsep_stream.fuzz.cases import Case, cases
from bsep_stream.trust.terminal import say

MOST_SECONDS = 30.0
"""Of one case: a step on trial may take 20."""
MOST_MEMORY_BYTES = 1.5e9
"""That all cases together may add to what the process has at its peak: a step on trial may have 0.5e9."""
LONGEST_SENTENCE = 2_000


@dataclass
class Tally:
    """What became of the cases of one reader."""

    counts: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def damaged_files(case: Case, seed: int, name: str, number: int) -> dict[str, bytes]:
    """Files of one case: one of them is damaged, and the first of all is as it was made."""
    rng = random.Random(f"{seed} {name} {number}")
    files = {path: content for path, (content, _) in case.files.items()}
    if number > 0:
        path = rng.choice(list(files))
        files[path] = case.files[path][1](files[path], rng)
    return files


def try_case(case: Case, files: dict[str, bytes], tally: Tally) -> str:
    """Read files in a folder of their own; what is wrong with how they were taken, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            (Path(folder) / path).write_bytes(content)
        began = time.perf_counter()
        wrong = ""
        try:
            case.read(Path(folder))
            tally.counts["read"] += 1
        except BsepError as error:
            tally.counts["refused"] += 1
            sentence = str(error)
            if not 0 < len(sentence) <= LONGEST_SENTENCE:
                wrong = f"a sentence that cannot be shown: {sentence[:500]!r}"
        except (Exception, SystemExit):
            wrong = traceback.format_exc()
        seconds = time.perf_counter() - began
    tally.slowest_seconds = max(tally.slowest_seconds, seconds)
    return wrong or (f"it took {seconds:.1f} s" if seconds > MOST_SECONDS else "")


def run(
    seed: int, *, seconds: float | None = None, n_cases: int = 0, first: int = 0, only: tuple[str, ...] = ()
) -> dict[str, Tally]:
    """Try cases of all readers in turn, for a time or a number of them each.

    Parameters
    ----------
    seed : int
    seconds : float or None
        How long; None: `n_cases` of each reader, from number `first` on.
    only : tuple of str
        Names of readers; empty: all.

    Returns
    -------
    dict of str to Tally
        By reader; ``failures`` say what went wrong, and how to see it again.
    """
    readers = {name: case for name, case in cases().items() if not only or name in only}
    tallies = {name: Tally() for name in readers}
    end = None if seconds is None else time.monotonic() + seconds
    memory = peak_bytes()
    number = first
    while number < first + n_cases if end is None else time.monotonic() < end:
        for name, case in readers.items():
            files = damaged_files(case, seed, name, number)
            again = f"--seed {seed} --only {name} --first {number} --cases 1"
            wrong = try_case(case, files, tallies[name])
            if not wrong and peak_bytes() - memory > MOST_MEMORY_BYTES:
                wrong, memory = f"{(peak_bytes() - memory) / 1e6:.0f} MB were taken", peak_bytes()
            if not wrong and number == 0 and "refused" in tallies[name].counts:
                wrong = "the good files were refused"
            if wrong:
                tallies[name].failures.append(f"{again}\n{wrong}")
            if end is not None and time.monotonic() >= end:
                break
        number += 1
    return tallies


def peak_bytes() -> float:
    """The most memory that this process has had; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


@click.command("fuzz", context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seconds", type=click.FloatRange(min=0.0), help="How long; else --cases.")
@click.option("--cases", "n_cases", type=click.IntRange(min=1), default=100, show_default=True, help="Of every reader.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--first", type=click.IntRange(min=0), default=0, help="Number of the first case.")
@click.option("--only", multiple=True, help="Name of a reader; all if none is named.")
def main(seconds: float | None, n_cases: int, seed: int, first: int, only: tuple[str, ...]) -> None:
    """Give damaged files to every reader. The exit code is 1 if one was not refused or read in order."""
    tallies = run(seed, seconds=seconds, n_cases=n_cases, first=first, only=only)
    say("| reader | files | read | refused | slowest |")
    say("|---|---:|---:|---:|---:|")
    for name, tally in tallies.items():
        read, refused = tally.counts["read"], tally.counts["refused"]
        total = read + refused + len(tally.failures)
        say(f"| {name} | {total} | {read} | {refused} | {tally.slowest_seconds:.1f} s |")
    failures = [each for tally in tallies.values() for each in tally.failures]
    for failure in failures[:20]:
        say(f"\n{failure}", err=True, lines=True)
    say(f"{len(failures)} failures, seed {seed}", err=True)
    sys.exit(1 if failures else 0)
