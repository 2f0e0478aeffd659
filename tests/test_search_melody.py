"""The network that tells melodies from chords, and the command that learns it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import numpy as np
from click.testing import CliRunner
from itemfolders import write_item

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.benchmark import melodies
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.items import Notes as WrittenNotes
from bsep_stream.train.benchmark.melodies import LabelledNotes, fitted, played_shares, right_share, save_network
from bsep_stream.train.search.players.melody import (
    LARGEST,
    SHIPPED,
    MelodyNetwork,
    NoteOdds,
    inputs_of,
    read_network,
    shipped_network,
)
from bsep_stream.train.search.players.notes import cut_notes
from bsep_stream.train.search.players.signs import Signs

N_SIGNS = len(Signs._fields)
EXACT = 1e-9


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(melodies, "_EPOCHS", 10)
    monkeypatch.setattr(melodies, "_NETWORKS", 2)
    monkeypatch.setattr(melodies, "_BATCH", 32)


def a_network(generator: np.random.Generator) -> MelodyNetwork:
    """Two networks by chance, in numbers that single precision has."""

    def values(*shape: int) -> np.ndarray:
        return generator.normal(size=shape).astype(np.float32).astype(np.float64)

    sizes = (2 * N_SIGNS, 5, 4, 1)
    layers = tuple((values(2, after, before), values(2, after)) for before, after in itertools.pairwise(sizes))
    return MelodyNetwork(values(N_SIGNS), np.abs(values(N_SIGNS)), layers)


def some_notes(generator: np.random.Generator, count: int = 150) -> LabelledNotes:
    """Notes of which one sign tells who plays them, where it is known."""
    melody = generator.random(count) < 0.4
    signs = generator.normal(size=(count, N_SIGNS))
    signs[:, Signs._fields.index("motion")] = np.where(melody, 2.0, 0.0) + generator.normal(scale=0.3, size=count)
    signs[generator.random(signs.shape) < 0.05] = np.nan
    return LabelledNotes(signs, melody, generator.uniform(0.5, 2.0, count))


def test_a_sign_that_is_not_known_counts_as_zero_and_says_so(generator: np.random.Generator) -> None:
    mean, deviation = generator.normal(size=(2, N_SIGNS))
    deviation = np.abs(deviation) + 0.1
    signs = np.stack([mean, mean + 2 * deviation, mean - 99 * deviation])
    signs[0, 3] = np.nan
    inputs = inputs_of(signs, mean, deviation)
    assert np.abs(inputs[0, :N_SIGNS]).max() == 0
    assert inputs[1, :N_SIGNS] == pytest.approx(2.0)
    assert inputs[2, :N_SIGNS].tolist() == [-LARGEST] * N_SIGNS
    assert (inputs[:, N_SIGNS:] == 1).sum() == 3 * N_SIGNS - 1
    assert inputs[0, N_SIGNS + 3] == 0


def test_odds_are_those_of_a_mean_of_networks(generator: np.random.Generator) -> None:
    network = a_network(generator)
    signs = generator.normal(size=(6, N_SIGNS))
    signs[2] = np.nan
    expected = []
    for number in range(2):
        values = inputs_of(signs, network.mean, network.deviation)
        for weight, offset in network.layers[:-1]:
            values = np.maximum(values @ weight[number].T + offset[number], 0.0)
        expected.append(values @ network.layers[-1][0][number, 0] + network.layers[-1][1][number, 0])
    assert network.log_odds(Signs(*signs.T)) == pytest.approx(np.mean(expected, axis=0), abs=EXACT)


def test_a_network_that_was_written_gives_the_same_odds(generator: np.random.Generator, tmp_path: Path) -> None:
    network, signs = a_network(generator), Signs(*generator.normal(size=(N_SIGNS, 9)))
    save_network(tmp_path / "melody.safetensors", network, {"sessions": "2"})
    again = read_network(tmp_path / "melody.safetensors")
    assert np.array_equal(again.log_odds(signs), network.log_odds(signs))


def test_the_network_that_comes_with_the_package_has_all_signs() -> None:
    network = shipped_network()
    assert SHIPPED.is_file()
    assert N_SIGNS == 14
    assert network.mean.shape == network.deviation.shape == (N_SIGNS,)
    assert (network.deviation > 0).all()
    assert network.layers[0][0].shape[2] == 2 * N_SIGNS
    assert np.isfinite(network.log_odds(Signs(*np.full((N_SIGNS, 3), np.nan)))).all()
    assert network.log_odds(Signs(*np.zeros((N_SIGNS, 0)))).shape == (0,)


def test_an_account_of_odds_after_moves_is_that_of_the_labels(generator: np.random.Generator) -> None:
    evidence = NoteOdds(generator.normal(size=(12, 3)))
    before, now = generator.integers(3, size=(2, 12))
    moved = np.flatnonzero(before != now)
    after = evidence.begin(before).after(moved, before[moved], now[moved])
    assert after.total == pytest.approx(evidence.begin(now).total, abs=EXACT)
    assert after.after(moved, now[moved], before[moved]).total == pytest.approx(evidence.begin(before).total, abs=EXACT)


@pytest.mark.usefixtures("few_epochs")
def test_a_sign_that_tells_is_learned_and_the_same_seed_learns_the_same(generator: np.random.Generator) -> None:
    sessions = [some_notes(generator) for _ in range(2)]
    network, again, other = fitted(sessions), fitted(sessions), fitted(sessions, seed=7)
    unheard = some_notes(generator)
    assert right_share(network, unheard) > 0.85  # of notes without that sign most are of chords
    signs = Signs(*unheard.signs.T)
    assert np.array_equal(network.log_odds(signs), again.log_odds(signs))
    assert not np.array_equal(network.log_odds(signs), other.log_odds(signs))


def test_a_note_is_played_by_whoever_has_it_written_until_it_has_rung() -> None:
    geometry = FrameGeometry(48_000, 12_288, 6_144, 1_024)
    seconds = geometry.hop_length / geometry.sample_rate
    melody, chord, nobody = (440 / geometry.bin_hz * 2 ** ((midi - 69) / 12) for midi in (69.3, 57.0, 80.0))
    f0_bin = np.repeat([[melody], [chord], [nobody]], 40, axis=1)
    notes = cut_notes(f0_bin, np.ones(f0_bin.shape), np.arange(40) == 0)
    written_end = np.array([19.5 * seconds - 0.15])  # what is heard 0.15 s later still is the melody's
    item = Item(
        Path("item"),
        ("piano", "flute"),
        (
            WrittenNotes(np.zeros(1), written_end, np.array([57.0])),
            WrittenNotes(np.zeros(1), written_end, np.array([69.0])),
        ),
        (3, 1),
    )
    share = played_shares(item, notes, geometry)[np.argsort(notes.pitch)]
    rings = np.floor((written_end[0] + 0.5) / seconds) + 1  # of chords for longer
    assert share == pytest.approx(np.array([[rings / 40, 0.0], [0.0, 0.5], [0.0, 0.0]]), abs=EXACT)


def song_folder(folder: Path, tones_at_once: int) -> None:
    """Two instruments in silence, with a note each."""
    write_item(folder, np.zeros((2, 1, 480), np.float32))
    instruments = [
        {"name": name, "notes": [[0.0, 0.01, 69, 0]], "tones_at_once": tones}
        for name, tones in (("flute", 1), ("oboe", tones_at_once))
    ]
    columns = ["onset_s", "duration_s", "midi", "cents"]
    (folder / "meta.json").write_text(json.dumps({"instruments": instruments, "note_columns": columns}))


def test_a_folder_without_melodies_over_chords_is_refused_in_a_sentence(tmp_path: Path) -> None:
    output = tmp_path / "melody.safetensors"
    sessions = tmp_path / "sessions"
    sessions.mkdir()
    arguments = [str(sessions), "--output", str(output)]
    for number, message in enumerate(("should hold folders with mix.flac", "should hold two sessions of a melody and")):
        result = CliRunner().invoke(melodies.main, arguments)
        assert result.exit_code == 2
        assert message in " ".join(result.output.split())
        assert not output.exists()
        song_folder(sessions / f"duet{number}", 1)


@pytest.mark.usefixtures("few_epochs")
def test_the_command_learns_from_notes_that_it_has_kept(generator: np.random.Generator, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "sessions").mkdir()
    for name in ("one", "two"):
        song_folder(tmp_path / "sessions" / name, 3)
        np.savez(tmp_path / "notes" / f"{name}.npz", **some_notes(generator)._asdict())
    output = tmp_path / "melody.safetensors"
    arguments = [str(tmp_path / "sessions"), "--output", str(output), "--notes", str(tmp_path / "notes")]
    result = CliRunner().invoke(melodies.main, arguments)
    assert result.exit_code == 0, result.output
    assert "300 notes of 2 sessions" in " ".join(result.output.split())
    assert right_share(read_network(output), some_notes(generator)) > 0.85
