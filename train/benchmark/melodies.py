"""What tells melodies from chords, learned: ``python -m bsep_stream.train.benchmark.melodies DIR --output FILE``.

From melodies over chords that are made by seed (:mod:`.sessions`, kind ``chords``): notes that the search finds in the
mixtures, labelled by who truly plays them, and the small network of :mod:`bsep_stream.train.search.players.melody`,
fitted to them. It is tried as well: learned from four fifths of the sessions and shown the last, in turns; the same
with one soundfont, or one accompanying instrument, that it has not heard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark.items import Item, find_items
from bsep_stream.train.benchmark.keptnotes import FOLDS, PLAYED_SHARE, keep, searched
from bsep_stream.train.benchmark.maskedstems import listen, search_of
from bsep_stream.train.search.players.harmonics import mean_harmonics, tone_harmonics
from bsep_stream.train.search.players.melody import MelodyNetwork, inputs_of
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.players.signs import Signs, note_signs
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.trust.terminal import say

_NETWORKS = 5
_HIDDEN = (32, 16)
_DROPOUT = 0.15
_EPOCHS = 60
_BATCH = 256
_STEP_SIZE, _DECAY = 5e-3, 3e-3

_SEMITONES = 0.8  # a tone that glides and vibrates lies at most so far from its note
_HASTE_SECONDS = 0.05  # frames hear a note before it begins,
_TAIL_SECONDS = (0.15, 0.5)  # and after it has ended: of one tone at a time, of chords

_Array = NDArray[np.float64]


class LabelledNotes(NamedTuple):
    """Notes of a session.

    Attributes
    ----------
    signs : ndarray, shape (n_notes, n_signs)
    melody : ndarray, shape (n_notes,), bool
        Whose they are.
    loudness : ndarray, shape (n_notes,)
    """

    signs: _Array
    melody: NDArray[np.bool_]
    loudness: _Array


def is_accompanied(item: Item) -> bool:
    """Whether an item has one melody and one instrument of chords, with the notes of both."""
    limits = item.polyphony
    return len(limits) == 2 and min(limits) == 1 < max(limits) and all(notes is not None for notes in item.notes)


def labelled_notes(item: Item, path: Path) -> None:
    """Search an item and write :class:`LabelledNotes` to a file; notes that nobody plays are left out."""
    limits = item.polyphony
    heard = listen(item)
    geometry = heard.config.geometry
    search = search_of(heard, SearchSettings(), limits)
    found = search.explain()[0]
    notes = search.notes_of(found)
    moduli, envelope = search.moduli.numpy(), found.envelope.double().numpy()
    tones = tone_harmonics(notes, moduli, envelope, geometry.sigma_bins)
    harmonics = mean_harmonics(notes, tones)
    signs = note_signs(notes, tones, harmonics, moduli, geometry.hop_length / geometry.sample_rate)
    share = played_shares(item, notes, geometry)
    known = share.max(axis=1) >= PLAYED_SHARE
    melody = share.argmax(axis=1) == limits.index(1)
    keep(path, LabelledNotes(np.stack(signs, axis=1)[known], melody[known], notes.loudness[known]))


def played_shares(item: Item, notes: Notes, geometry: FrameGeometry) -> _Array:
    """How much of every note's sound each instrument plays, shape (n_notes, n_instruments), by its written notes."""
    voice, frame = np.nonzero(notes.number >= 0)
    number = notes.number[voice, frame]
    alive = notes.alive[number, frame]
    voice, frame, number = voice[alive], frame[alive], number[alive]
    moment = frame * geometry.hop_length / geometry.sample_rate
    midi = 69 + 12 * np.log2(notes.f0_bin[voice, frame] * geometry.bin_hz / 440)
    loud = notes.amplitude[voice, frame]
    total = np.bincount(number, loud, len(notes))
    shares = []
    for written, limit in zip(item.notes, item.polyphony, strict=True):
        assert written is not None
        tail = _TAIL_SECONDS[limit > 1]
        near = np.abs(written.midi - midi[:, None]) < _SEMITONES
        near &= (written.onset_seconds - _HASTE_SECONDS <= moment[:, None]) & (
            moment[:, None] <= written.end_seconds + tail
        )
        shares.append(np.bincount(number, loud * near.any(axis=1), len(notes)))
    share: _Array = np.stack(shares, axis=1) / np.maximum(total, 1e-12)[:, None]
    return share


def fitted(sessions: Sequence[LabelledNotes], seed: int = 0) -> MelodyNetwork:
    """The network that tells the melodies of some sessions, by notes that weigh as the root of their loudness."""
    signs = np.concatenate([session.signs for session in sessions])
    mean, deviation = np.nanmean(signs, axis=0), np.nanstd(signs, axis=0) + 1e-6
    inputs = torch.from_numpy(inputs_of(signs, mean, deviation)).float()
    melody = torch.from_numpy(np.concatenate([session.melody for session in sessions])).float()
    loud = [np.sqrt(session.loudness / session.loudness.mean()) for session in sessions]
    weight = torch.from_numpy(np.concatenate(loud)).float()
    networks = [_learned(inputs, melody, weight, seed + number) for number in range(_NETWORKS)]
    layers = []
    for place in range(len(_HIDDEN) + 1):
        own = [[part for part in network if isinstance(part, torch.nn.Linear)][place] for network in networks]
        weights, offsets = (
            np.stack([getattr(part, name).detach().numpy() for part in own]).astype(np.float64)
            for name in ("weight", "bias")
        )
        layers.append((weights, offsets))
    return MelodyNetwork(mean, deviation, tuple(layers))


def _learned(inputs: torch.Tensor, melody: torch.Tensor, weight: torch.Tensor, seed: int) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    sizes = (inputs.shape[1], *_HIDDEN)
    parts: list[torch.nn.Module] = []
    for before, after in pairwise(sizes):
        parts += [torch.nn.Linear(before, after), torch.nn.ReLU(), torch.nn.Dropout(_DROPOUT)]
    network = torch.nn.Sequential(*parts, torch.nn.Linear(sizes[-1], 1))
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=_DECAY)
    steps = _EPOCHS * -(-len(inputs) // _BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _STEP_SIZE, total_steps=steps)
    for _ in range(_EPOCHS):
        for rows in torch.split(torch.randperm(len(inputs)), _BATCH):
            losses = torch.nn.functional.binary_cross_entropy_with_logits(
                network(inputs[rows])[:, 0], melody[rows], reduction="none"
            )
            optimiser.zero_grad()
            (losses * weight[rows]).mean().backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
    return network.eval()


def right_share(network: MelodyNetwork, session: LabelledNotes) -> float:
    """Share of a session's sound whose notes the network gives to who plays them."""
    right = (network.log_odds(Signs(*session.signs.T)) > 0) == session.melody
    return float((session.loudness * right).sum() / session.loudness.sum())


def shares_apart(sessions: Sequence[LabelledNotes], groups: Sequence[str]) -> list[float]:
    """:func:`right_share` of every session, by networks learned from the other groups; empty if there is one group."""
    names = sorted(set(groups))
    shares = []
    for name in names if len(names) > 1 else []:
        pairs = list(zip(groups, sessions, strict=True))
        learned = fitted([session for group, session in pairs if group != name])
        shares += [right_share(learned, session) for group, session in pairs if group == name]
    return shares


def _accompanist(item: Item, key: str) -> str:
    """What ``meta.json`` says of the instrument that plays chords."""
    meta = json.loads((item.folder / "meta.json").read_text(encoding="utf-8"))
    return str(meta["instruments"][1 - item.polyphony.index(1)].get(key, "unknown"))


APART: dict[str, Callable[[int, Item], str]] = {
    "a fifth of the sessions left out": lambda number, _: str(number % FOLDS),
    "the soundfont of the chords left out": lambda _, item: _accompanist(item, "source"),
    "the instrument of the chords left out": lambda _, item: _accompanist(item, "name"),
}
"""What is asked of the network before it is believed: on what it was not learned from, in three senses."""


def save_network(path: Path, network: MelodyNetwork, origin: dict[str, str]) -> None:
    """Write a network in single precision, with where it is from."""
    tensors = {"mean": network.mean, "deviation": network.deviation}
    for number, (weight, offset) in enumerate(network.layers):
        tensors |= {f"{number}.weight": weight, f"{number}.offset": offset}
    with whole_file(path) as temporary:
        save_file({name: values.astype(np.float32) for name, values in tensors.items()}, temporary, metadata=origin)


@click.command()
@click.argument("sessions", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The network's file.")
@click.option("--notes", "folder", type=click.Path(path_type=Path), help="Where labelled notes are kept.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Searches at once.")
def main(sessions: Path, output: Path, folder: Path | None, workers: int) -> None:
    """Learn to tell melodies from chords."""
    try:
        items = [item for item in find_items(sessions, []) if is_accompanied(item)]
        if len(items) < 2:
            raise ConfigError(f"{sessions} should hold two sessions of a melody and chords; it has {len(items)}")
        folder = folder or output.with_suffix(".notes")
        kept_notes = searched(labelled_notes, LabelledNotes, items, folder, workers)
        found = [(item, notes) for item, notes in zip(items, kept_notes, strict=True) if len(notes.melody)]
        known = [session for _, session in found]
        origin = {"sessions": str(len(known)), "notes": str(sum(len(session.melody) for session in known))}
        save_network(output, fitted(known), origin)
        say(f"{origin['notes']} notes of {len(known)} sessions")
        for question, apart in APART.items():
            shares = shares_apart(known, [apart(number, item) for number, (item, _) in enumerate(found)])
            if shares:
                say(
                    f"{question}: {100 * fmean(shares):.1f} % of the sound with the right player by single notes, "
                    f"{100 * min(shares):.1f} % in the worst session"
                )
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
