"""Tones that flip for a single frame, and what is put in their place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from blocks import noise
from click.testing import CliRunner
from numpy.typing import NDArray

pytest.importorskip("torch")

from bsep_stream.files.separation import separate
from bsep_stream.masks.stemspectra import spectra_maker
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.stream.latency import choose_setting
from bsep_stream.train.benchmark.steadiness import GivenTones, find_flips, main, mended, streamed, table

OFF = 0.0
TRACKS: dict[str, tuple[list[float], list[int]]] = {  # f0 in bins, frames that are flips
    "held": ([100, 100, 100, 100, 100], []),
    "gap": ([100, 100, OFF, 100, 100], [2]),
    "gap of two frames": ([100, OFF, OFF, 100, 100], []),
    "octave": ([100, 101, 200, 100, 100], [2]),
    "change of pitch": ([100, 100, 100, 150, 150], []),
    "note of one frame between others": ([100, 100, 120, 150, 150], []),
    "begins and ends": ([OFF, 100, 100, 100, OFF], []),
    "one frame in silence": ([OFF, OFF, 100, OFF, OFF], []),
    "vibrato": ([100, 102.5, 100, 97.5, 100], []),
    "first and last": ([200, 100, 100, 100, OFF], []),
}


@pytest.mark.parametrize("name", TRACKS)
def test_a_flip_lasts_one_frame_and_the_pitch_before_comes_back(name: str) -> None:
    track, expected = TRACKS[name]
    steady = [70.0] * len(track)
    f0_bin = np.array([track, steady], dtype=np.float32).T
    flips = find_flips(np.where(f0_bin > 0, f0_bin, 300), (f0_bin > 0).astype(np.float32))
    assert flips.shape == f0_bin.shape
    assert np.flatnonzero(flips[:, 0]).tolist() == expected
    assert not flips[:, 1].any()


def tones(f0_bin: float, on: float, timbre: float) -> Tones:
    """Of two sources, of which the second is always the same."""
    none = np.zeros((2, 0), dtype=np.complex64)
    f0_bins, ons = np.array([f0_bin, 70.0], dtype=np.float32), np.array([on, 1.0], dtype=np.float32)
    timbres: NDArray[np.float32] = np.array([[timbre] * 3, [5.0] * 3], dtype=np.float32)
    return Tones(none, none, f0_bins, 0 * ons, ons, ons, ons, none, timbres)


def test_a_flip_becomes_the_mean_of_its_neighbours() -> None:
    heard = [tones(100, 1, 1), tones(300, 0, 9), tones(100, 1, 4), tones(200, 1, 9), tones(100, 1, 16)]
    flips = find_flips(np.array([frame.f0_bin for frame in heard]), np.array([frame.on for frame in heard]))
    steady = mended(heard, flips)
    assert [frame.on[0] for frame in steady] == [1] * 5
    assert [frame.f0_bin[0] for frame in steady] == pytest.approx([100] * 5)
    assert [frame.timbre[0, 0] for frame in steady] == pytest.approx([1, 2, 4, 8, 16])
    assert all((frame.timbre[1] == 5).all() for frame in steady)
    assert heard[1].on[0] == 0  # as it was


@pytest.mark.parametrize("channels", [1, 2])
def test_the_tones_that_were_heard_give_the_same_stems(
    models: dict[str, SeparationModel], rng: np.random.Generator, channels: int
) -> None:
    model, mixture = models["split_fast"], noise(rng, channels, 30_000)
    maker = spectra_maker(model, choose_setting("quality", model.geometry), channels, "mask")
    stems, heard = streamed(model, mixture, maker)
    again, _ = streamed(model, mixture, GivenTones(model, heard, channels))
    assert np.array_equal(again, stems)
    assert np.array_equal(stems, separate(model, mixture, 48_000, output="mask", residual=False))


def test_table_has_flips_gaps_and_the_gain() -> None:
    measures = {"sdr_db": 10.0, "sir_db": 20.0, "sar_db": 11.0}
    row = {
        "item": "a",
        "frames": 100,
        "flips": {"flute": 3, "cello": 0},
        "gaps": {"flute": 1, "cello": 0},
        "as heard": {"mean": measures},
        "mended": {"mean": measures | {"sdr_db": 10.25}},
    }
    last = table([row]).splitlines()[-1]
    assert last == "| a | 100 | flute 3 (1), cello 0 (0) | 10.0 / 20.0 / 11.0 | 10.2 / 20.0 / 11.0 | 0.25 |"


def test_without_data_it_says_what_to_do(tmp_path: Path) -> None:
    nothing = CliRunner().invoke(main, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert nothing.exit_code == 2
    assert "found none" in nothing.stderr
