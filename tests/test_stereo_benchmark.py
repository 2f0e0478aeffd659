"""What places are worth: pictures that are made from dry stems, and the table of the gain."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blocks import noise
from click.testing import CliRunner

pytest.importorskip("torch")

from itemfolders import NAMES, RATE, write_item

from bsep_stream.errors import MissingDependency
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.stereo import AS_IT_IS, PAN, ROOM, WITH, WITHOUT, judge_picture, main, pictures, table
from bsep_stream.train.benchmark.stereoimages import in_room, panned, room_of

ROUNDING = 1e-6  # of float32 sums over two sources


def test_images_sum_to_the_mixture_with_the_power_of_the_stems(tmp_path: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("pyroomacoustics")
    item = write_item(tmp_path / "duet", 0.1 * noise(rng, 2, 24_000)[:, None])
    room, pan = pictures(item)
    assert (room.kind, pan.kind) == (ROOM, PAN)
    for picture in (room, pan):
        assert picture.mixture.shape == picture.images.shape[1:]
        assert np.allclose(picture.images.sum(axis=0), picture.mixture, atol=ROUNDING)
        dry = np.square(item.true_stems(), dtype=np.float64).sum()
        assert np.square(picture.images, dtype=np.float64).sum() == pytest.approx(dry, rel=1e-4)


def test_panning_keeps_the_power_of_every_source(rng: np.random.Generator) -> None:
    stems = noise(rng, 3, 1000)
    images = panned(stems)
    assert images.shape == (3, 2, 1000)
    assert np.allclose(np.square(images).sum(axis=1), np.square(stems), rtol=1e-5)
    levels = np.square(images).sum(axis=2)
    assert np.all(np.diff(levels[:, 0] / levels[:, 1]) < 0)  # from the first channel to the second


def test_a_room_belongs_to_the_name() -> None:
    first = room_of("a", 3)
    assert first == room_of("a", 3) != room_of("b", 3)
    assert 0.3 <= first.reverberation_seconds <= 0.6
    assert 0.2 <= np.linalg.norm(np.subtract(*first.microphones_m)) <= 0.6
    for place in (*first.microphones_m, *first.sources_m):
        assert all(0.5 < where < size - 0.5 for where, size in zip(place, first.size_m, strict=True))


def test_sound_arrives_when_it_can() -> None:
    pytest.importorskip("pyroomacoustics")
    room, click = room_of("a", 1), np.zeros((1, 4800), np.float32)
    click[0, 0] = 1.0
    image = in_room(click, RATE, room)[0]
    first = [int(np.argmax(np.abs(channel) > 0.5 * np.abs(channel).max())) for channel in image]
    metres = [float(np.linalg.norm(np.subtract(place, room.sources_m[0]))) for place in room.microphones_m]
    assert first[1] - first[0] == pytest.approx((metres[1] - metres[0]) / 343.0 * RATE, abs=2)


def test_a_room_needs_pyroomacoustics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyroomacoustics", None)
    with pytest.raises(MissingDependency, match=r"bsep-stream\[rooms\]"):
        in_room(np.ones((1, 100), np.float32), RATE, room_of("a", 1))


def test_stereo_is_judged_as_it_is(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator
) -> None:
    item = write_item(tmp_path / "duet", 0.1 * np.stack([noise(rng, 2, 24_000) for _ in NAMES]))
    (picture,) = pictures(item)
    row = judge_picture(item, picture, models["split_fast"], "quality", filtered=True)
    assert (row["item"], row["picture"]) == ("duet", AS_IT_IS)
    assert row[WITHOUT] != row[WITH]
    assert table([row]) != table([row], filtered=True)


def test_table_has_the_gain_and_the_means() -> None:
    def row(item: str, picture: str, sdr_db: float, gain_db: float) -> dict[str, Any]:
        def measures(value: float) -> dict[str, Any]:
            silent = {"sdr_db": None, "sir_db": None, "sar_db": None}
            return {"stems": [{"sdr_db": value, "sir_db": 20.0, "sar_db": 15.0}, silent]}

        return {"item": item, "picture": picture, WITHOUT: measures(sdr_db), WITH: measures(sdr_db + gain_db)}

    rows = [row("a", ROOM, 10.0, 1.0), row("a", PAN, 12.0, 3.0), row("b", ROOM, 11.0, 2.0)]
    lines = table(rows).splitlines()
    assert lines[2] == "| a | room | 10.0 / 20.0 / 15.0 | 11.0 / 20.0 / 15.0 | 1.0 |"
    assert lines[-2:] == [
        "| mean | room | 10.5 / 20.0 / 15.0 | 12.0 / 20.0 / 15.0 | 1.5 |",
        "| mean | all | 11.0 / 20.0 / 15.0 | 13.0 / 20.0 / 15.0 | 2.0 |",
    ]


def test_without_data_or_models_it_says_what_to_do(tmp_path: Path, rng: np.random.Generator) -> None:
    nothing = CliRunner().invoke(main, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert nothing.exit_code == 2
    assert "found none" in nothing.stderr
    write_item(tmp_path / "duet", noise(rng, 2, 1000)[:, None])
    untrained = CliRunner().invoke(main, [str(tmp_path), "--output", str(tmp_path / "out")])
    assert untrained.exit_code == 2
    assert "duet: skipped" in untrained.stderr
    assert "no model to judge" in untrained.stderr
