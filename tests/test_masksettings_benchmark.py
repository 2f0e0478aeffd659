"""What a setting of the masks is worth: settings as they are written, what is judged, and the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blocks import noise
from click.testing import CliRunner

pytest.importorskip("torch")

from itemfolders import write_item

from bsep_stream.errors import ConfigError
from bsep_stream.masks.maskoutput import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.train.benchmark.masksettings import DRY, judge_settings, main, sounds, table, varied
from bsep_stream.train.benchmark.stereo import AS_IT_IS, ROOM


def test_settings_are_those_that_are_written() -> None:
    assert varied("ring", "0,0.5") == {"0": MaskSettings(ring=0.0), "0.5": MaskSettings(ring=0.5)}
    assert varied("excess_db", "none,18")["none"] == MaskSettings(excess_db=None)
    assert varied("places", "off")["off"] == MaskSettings(places=False)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("rings", "0", "one of exponent"),
        ("ring", "much", "'much'"),
        ("ring", "2", "0 to 0.9"),
        ("exponent", "none", "none"),
    ],
)
def test_what_is_no_setting_is_refused(name: str, values: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        varied(name, values)


def test_mono_is_judged_dry_and_in_its_room(tmp_path: Path, rng: np.random.Generator) -> None:
    item = write_item(tmp_path / "duet", 0.1 * noise(rng, 2, 24_000)[:, None])
    (dry,) = sounds(item, rooms=False)
    assert (dry.kind, dry.images.shape) == (DRY, (2, 1, 24_000))
    pytest.importorskip("pyroomacoustics")
    assert [sound.kind for sound in sounds(item, rooms=True)] == [DRY, ROOM]


def test_stereo_is_judged_as_it_is(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator
) -> None:
    item = write_item(tmp_path / "duet", 0.1 * np.stack([noise(rng, 2, 24_000) for _ in range(2)]))
    (sound,) = sounds(item, rooms=True)
    settings = varied("places", "on,off")
    row = judge_settings(item, sound, models["split_fast"], settings, "quality", filtered=True)
    assert (row["item"], row["picture"], list(row["measures"])) == ("duet", AS_IT_IS, ["on", "off"])
    assert row["measures"]["on"] != row["measures"]["off"]
    assert table("places", [row]) != table("places", [row], filtered=True)


def test_table_has_the_values_and_the_means() -> None:
    def row(item: str, picture: str, *sdr_db: float) -> dict[str, Any]:
        def measures(value: float) -> dict[str, Any]:
            return {"stems": [{"sdr_db": value, "sir_db": 20.0, "sar_db": 15.0}]}

        return {"item": item, "picture": picture, "measures": dict(zip("ab", map(measures, sdr_db), strict=True))}

    lines = table("ring", [row("x", DRY, 10.0, 11.0), row("x", ROOM, 8.0, 7.0), row("y", DRY, 12.0, 14.0)]).splitlines()
    assert lines[0] == "| item | picture | ring a | b |"
    assert lines[2:] == [
        "| x | dry | 10.00 | 11.00 |",
        "| x | room | 8.00 | 7.00 |",
        "| y | dry | 12.00 | 14.00 |",
        "| mean | dry | 11.00 | 12.50 |",
    ]


def test_a_setting_that_is_none_is_bad_usage(tmp_path: Path) -> None:
    words = [str(tmp_path), "--output", str(tmp_path / "out"), "--setting", "rings", "--values", "0"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "one of exponent" in result.stderr
