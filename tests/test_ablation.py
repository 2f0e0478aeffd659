"""The ablation of the preset `policy`: every variant is one change, trained and judged on an item, and kept."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

from itemfolders import RATE, write_item

from bsep_stream.train.benchmark import ablation, lastpart
from bsep_stream.train.config import presets
from bsep_stream.train.config.trainconfig import NetworkConfig, TrainConfig


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two steady tones of four harmonics, a second and a quarter."""
    time = np.arange(RATE + RATE // 4) / RATE
    stems = [
        sum(0.1 / order * np.sin(2 * np.pi * f0 * order * time) for order in range(1, 5))[None] for f0 in (660.0, 251.0)
    ]
    folder = tmp_path / "data"
    folder.mkdir()
    write_item(folder / "01_tones", stems)
    return folder


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    real = presets.preset_config

    def small(*arguments: Any) -> TrainConfig:
        config = real(*arguments)
        network = NetworkConfig(
            encoder_channels=(4, 4, 4), strides=(4, 4, 4), head_channels=4, salience=True, salience_logit=0.3,
            start_from_frame=True, lifted_modulus=True, input_gradient=False, direct_maps=False,
            initial_scales=config.network.initial_scales,
        )  # fmt: skip
        return replace(config, network=network, pretrained=None, batch_size=2)

    monkeypatch.setattr(presets, "preset_config", small)


@pytest.mark.parametrize("variant", ablation.VARIANTS)
def test_variants_are_the_preset_with_something_changed(variant: str) -> None:
    config = presets.preset_config("policy", ("one", "two"))
    changed = ablation.changed(config, ablation.VARIANTS[variant])
    assert (changed == config) == (not ablation.VARIANTS[variant])
    assert changed.imitation.iterations == 0


def test_variant_is_judged_before_and_after_and_kept(data: Path, tmp_path: Path, tiny: None) -> None:
    options = ["--seconds", "0.2", "--variants", "the preset,- and entropy"]
    arguments = [str(data), "--output", str(tmp_path / "out"), *options]
    first = CliRunner().invoke(ablation.main, arguments, catch_exceptions=False)
    assert first.exit_code == 0, first.output
    rows = first.output.splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["the preset", "- and entropy 1e-4"]
    (path,) = (tmp_path / "out").glob("*the-preset.json")
    result = json.loads(path.read_text())
    assert result["iterations"] > 0
    other = json.loads(next((tmp_path / "out").glob("*entropy-1e-4.json")).read_text())
    assert other["before"] is None  # the same start
    assert set(result["before"]) == set(result["after"]) == {"mask", "direct", "tones"}
    assert len(result["after"]["mask"]["stems"]) == 2
    assert CliRunner().invoke(ablation.main, arguments).output == first.output  # read, not trained


@pytest.mark.parametrize("form", lastpart.FORMS)
def test_last_parts_are_the_default_with_something_changed(form: str) -> None:
    config = presets.preset_config("fast", ("one", "two"))
    assert ablation.changed(config, lastpart.FORMS[form] or {}).imitation.iterations == config.imitation.iterations


@pytest.mark.usefixtures("quick_search")
def test_every_last_part_begins_with_the_same_imitation(data: Path, tmp_path: Path, tiny: None) -> None:
    options = ["--output", str(tmp_path / "out"), "--imitated", "2", "--iterations", "2"]
    first = CliRunner().invoke(lastpart.main, [str(data), *options], catch_exceptions=False)
    assert first.exit_code == 0, first.output
    rows = [row.split(" | ")[1:-1] for row in first.output.splitlines()[2:]]
    assert [row[0] for row in rows] == ["(before)", *lastpart.FORMS]
    assert len({tuple(row[1:]) for row in rows}) > 2  # they do not come to the same
    again = CliRunner().invoke(lastpart.main, [str(data), *options])
    assert [row.split(" | ")[1:-1] for row in again.output.splitlines()[2:]] == rows
