"""Duets of strangers: ``python -m bsep_stream.train.benchmark.unrelated OUTPUT DATA...``.

Excerpts of true stems of different recordings, as loud as each other, in pairs by chance. They share no key, no time,
and often a register, so nothing but their sound tells the instruments apart; and there may be many of them. For
measuring only: nobody trains on a stem, but on their sum as on any recording.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.train.benchmark.items import find_items
from bsep_stream.train.benchmark.newitem import write_recording

RATE = 48_000
WITH_CHORDS = "piano,organ,harmonium,harp,guitar,choir"
_QUIETEST_RMS = 1e-3  # of an excerpt: softer ones are rests


class _Player(NamedTuple):
    """A true stem, shape (samples,), and the folder that it comes from."""

    folder: str
    name: str
    stem: NDArray[np.float64]


def unrelated_duets(data: list[Path], without: list[str]) -> list[tuple[_Player, _Player]]:
    """All pairs of stems of different recordings below some folders.

    Raises
    ------
    ConfigError
        If there are none.
    """
    players = [
        _Player(item.folder.name, name, stem.mean(axis=0, dtype=np.float64))
        for folder in data
        for item in find_items(folder)
        for name, stem in zip(item.names, item.stems_at(RATE), strict=True)
        if name not in without
    ]
    pairs = [(one, other) for one, other in combinations(players, 2) if one.folder != other.folder]
    if not pairs:
        raise ConfigError("an unrelated duet takes stems of two recordings; there are no two")
    return pairs


def excerpt(stem: NDArray[np.float64], seconds: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """A part of a stem that is not all rest, from anywhere; all of it if it is shorter."""
    length = min(round(seconds * RATE), stem.size)
    for _ in range(100):
        start = int(generator.integers(stem.size - length + 1))
        part = stem[start : start + length]
        if np.sqrt(np.square(part).mean()) > _QUIETEST_RMS:
            return part
    raise ConfigError(f"a stem of {stem.size / RATE:.0f} s should sound; it is silent")


def write_duet(
    number: int, duet: tuple[_Player, _Player], seconds: float, generator: np.random.Generator, output: Path
) -> Path:
    """Write a duet of excerpts into a folder below `output`, which is returned."""
    excerpts = [excerpt(player.stem, seconds, generator) for player in duet]
    length = min(part.size for part in excerpts)
    one, other = (player.name for player in duet)
    names = (one, other if other != one else f"{other}_2")
    sources = [{"name": name, "source": player.folder} for name, player in zip(names, duet, strict=True)]
    stems = np.stack([part[:length] for part in excerpts])
    return write_recording(output / f"u{number:02d}_{'_'.join(names)}", stems, RATE, sources, piece="unrelated")


@click.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--duets", default=40, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--seconds", default=12.0, show_default=True, type=click.FloatRange(min=1.0), help="Of each.")
@click.option("--without", default=WITH_CHORDS, show_default=True, help="Instruments, with commas.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0))
def main(output: Path, data: tuple[Path, ...], duets: int, seconds: float, without: str, seed: int) -> None:
    """Write duets of stems of the recordings below DATA, which have nothing to do with each other, below OUTPUT."""
    generator = np.random.default_rng(seed)
    try:
        pairs = unrelated_duets(list(data), without.split(","))
        chosen = generator.permutation(len(pairs))[:duets]
        for number, place in enumerate(chosen):
            click.echo(write_duet(number, pairs[place], seconds, generator, output))
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
