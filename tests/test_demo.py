"""The demo: the shipped recording is what it says, and the command separates, remixes, judges and draws."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bsep_stream import demo
from bsep_stream.cli import main
from bsep_stream.demo.showcase import Showcase, run_showcase
from bsep_stream.effects.rack import load_rack
from bsep_stream.errors import AudioError
from bsep_stream.model.separation_model import SeparationModel

MODELS = Path(__file__).parent / "models"
MODEL = MODELS / "split_fast.onnx"
"""0.6 and 0.3 of the mixture, in the geometry of the default preset."""

FLAC_STEP = 2.0**-15
GAIN_TOLERANCE_DB = 0.01
"""Stems that are a multiple of the mixture have the mixture's measures, but for overlap-add in float32."""


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's rack, for the names of the tiny model."""
    text = demo.RACK.read_text(encoding="utf-8")
    for name, other in zip(demo.SOURCE_NAMES, SeparationModel(MODEL).source_names, strict=True):
        text = text.replace(f"[stems.{name}]", f"[stems.{other}]")
    path = tmp_path_factory.mktemp("rack") / "rack.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made(rack: Path, tmp_path_factory: pytest.TempPathFactory) -> Showcase:
    """The showcase with the tiny model."""
    done: list[int] = []
    showcase = run_showcase(MODEL, tmp_path_factory.mktemp("out"), rack=rack, progress=done.append)
    assert sum(done) == soundfile.info(demo.MIX).frames
    return showcase


def test_mixture_is_the_sum_of_the_true_stems() -> None:
    mix, rate = soundfile.read(demo.MIX)
    stems = [soundfile.read(path)[0] for path in demo.TRUE_STEMS]
    assert rate == 48_000
    np.testing.assert_allclose(mix, sum(stems), atol=len(stems) * FLAC_STEP)


def test_rack_fits_the_sources() -> None:
    load_rack(demo.RACK).check((*demo.SOURCE_NAMES, "residual"))


def test_showcase_makes_stems_remix_picture_and_measures(made: Showcase) -> None:
    mix, _ = soundfile.read(demo.MIX)
    assert list(made.stems) == [*SeparationModel(MODEL).source_names, "residual", "remix"]
    for path in made.stems.values():
        assert soundfile.info(path).frames == mix.size
    remix, _ = soundfile.read(made.stems["remix"])
    assert np.abs(remix).max() > 0.1  # it sounds
    assert not np.allclose(remix, mix, atol=0.01)  # and the rack was heard
    if made.picture is not None:
        assert made.picture.read_bytes()[1:4] == b"PNG"
    assert made.page.read_text(encoding="utf-8").startswith("<!doctype html>")
    np.testing.assert_allclose(made.separated.sdr_db, made.unseparated.sdr_db, atol=GAIN_TOLERANCE_DB)


def test_picture_is_made_where_matplotlib_is(made: Showcase) -> None:
    assert (made.picture is not None) == (find_spec("matplotlib") is not None)


def test_showcase_keeps_what_exists(made: Showcase, rack: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.stems.values()}
    with pytest.raises(AudioError, match="--overwrite"):
        run_showcase(MODEL, made.page.parent, rack=rack)
    assert {path: path.stat().st_mtime_ns for path in made.stems.values()} == before


def test_command_shows_the_shipped_model_and_says_where_everything_is(
    made: Showcase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def run_showcase(*args: object, **_options: object) -> Showcase:
        asked.extend(args)
        return made

    monkeypatch.setattr(demo, "MODEL", MODEL)
    monkeypatch.setattr("bsep_stream.demo.showcase.run_showcase", run_showcase)
    result = CliRunner().invoke(main, ["demo", "--output", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert asked == [MODEL, tmp_path / "out"]
    for word in (
        *demo.SOURCE_NAMES,
        "SDR",
        "SIR",
        "SAR",
        *map(str, made.stems.values()),
        str(made.picture or "bsep-stream[pictures]"),
    ):
        assert word in result.stdout


def test_missing_model_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "MODEL", tmp_path / "model.onnx")
    result = CliRunner().invoke(main, ["demo", "--output", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "bsep demo --train" in result.stderr
    assert not (tmp_path / "out").exists()


def test_minutes_without_training_are_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["demo", "--minutes", "3", "--output", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "--train" in result.stderr


def test_train_trains_exports_and_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `--train` hands to training and export; both are tested elsewhere."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from bsep_stream.export import cli as export
    from bsep_stream.train.runs import training

    calls: list[Any] = []
    monkeypatch.setattr(training, "train", lambda *args, **options: calls.append((args, options)))
    monkeypatch.setattr(export, "export", lambda *args, **options: calls.append((args, options)))
    monkeypatch.setattr("bsep_stream.cli.demo.show", lambda *args, **options: calls.append((args, options)))
    output = tmp_path / "out"
    result = CliRunner().invoke(main, ["demo", "--train", "--minutes", "0.5", "--output", str(output)])
    assert result.exit_code == 0, result.output
    run, model = output / "run", output / "model.onnx"
    (mix, options) = calls.pop(0)
    options.pop("on_progress")
    assert (mix, options) == (
        (demo.MIX,),
        {"sources": demo.SOURCE_NAMES, "output": run, "minutes": 0.5, "seed": demo.TRAINING_SEED},
    )
    assert calls == [
        ((run, model), {"overwrite": False}),
        ((model, output), {"run": run, "overwrite": False}),
    ]


def test_shipped_model_knows_the_sources_and_where_it_comes_from() -> None:
    model = SeparationModel(demo.MODEL)
    assert model.source_names == demo.SOURCE_NAMES
    assert [entry["name"] for entry in model.training["recordings"]] == [demo.MIX.name]
    assert model.training["seed"] == demo.TRAINING_SEED
