"""The racks that are shipped, `bsep rack`, and VST3 plugins by path."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.effects.catalogue import EFFECTS
from bsep_stream.effects.rack import Rack, load_rack, rack_from_dict
from bsep_stream.effects.racks import find_rack, shipped_racks
from bsep_stream.errors import ConfigError

STEMS = ("flute", "oboe", "residual")
RATE = 48_000


def bsep_rack(*words: str) -> Result:
    return CliRunner().invoke(main, ["rack", *words])


@pytest.mark.parametrize("name", shipped_racks())
def test_shipped_rack_fits_every_model_and_stays_within_full_scale(name: str, rng: np.random.Generator) -> None:
    mixer = load_rack(find_rack(name)).mixer(STEMS, RATE, 2)
    stems = (0.2 * rng.standard_normal((3, 2, RATE // 2))).astype(np.float32)
    remix = mixer.process(stems)
    assert 0.01 < np.abs(remix[:, RATE // 4 :]).max() <= 1.0
    assert mixer.latency_samples < 0.01 * RATE  # they are for playing live


def test_there_are_a_few_and_each_says_what_it_is_for() -> None:
    assert len(shipped_racks()) >= 4
    assert all(purpose.endswith(".") for purpose in shipped_racks().values())


def test_star_stands_for_every_source_that_is_not_named() -> None:
    rack = rack_from_dict({"stems": {"*": {"gain_db": -6.0, "effects": [{"type": "Reverb"}]}, "oboe": {"mute": True}}})
    strips = rack.for_stems(STEMS).stems
    assert (strips["flute"].gain_db, strips["oboe"].mute, strips["residual"].gain_db) == (-6.0, True, 0.0)
    assert not strips["oboe"].effects
    rack.check(STEMS)
    assert set(rack.for_stems(STEMS).boards()) == {"flute"}
    solo = rack_from_dict({"stems": {"*": {"solo": True}}})
    assert solo.gains_db(STEMS) == {"flute": 0.0, "oboe": 0.0, "residual": -np.inf}


def test_rack_by_name_or_path(tmp_path: Path) -> None:
    assert load_rack(find_rack("hall")) != Rack()
    assert find_rack(tmp_path / "mine.toml") == tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match="neither a file nor a shipped rack 'hal'; the nearest: hall"):
        find_rack("hal")


def test_check_says_that_a_rack_is_in_order(tiny_model_path: Path) -> None:
    result = bsep_rack("check", "hall", "--model", str(tiny_model_path))
    assert result.exit_code == 0, result.stderr
    assert "is in order: 4 effects, for *, residual and the master; 0 samples" in result.output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[stems.tuba]\nmute = true\n", "there is no such stem"),
        ('[master]\neffects = [{ type = "Reverp" }]\n', "no effect 'Reverp'; the nearest: Reverb"),
        ('[master]\neffects = [{ type = "PitchShift", semitones = 2 }]\n', "do not give in a stream"),
        ('[master]\neffects = [{ type = "Reverb", room_size = 2 }]\n', "the nearest is 1"),
    ],
)
def test_check_finds_what_is_wrong(text: str, sentence: str, tmp_path: Path, tiny_model_path: Path) -> None:
    (tmp_path / "rack.toml").write_text(text, encoding="utf-8")
    result = bsep_rack("check", str(tmp_path / "rack.toml"), "--model", str(tiny_model_path))
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_effects_lists_every_effect_with_parameters_ranges_and_units() -> None:
    shown = bsep_rack("effects").output
    for name, parameters in EFFECTS.items():
        assert name in shown
        assert all(parameter in shown for parameter in parameters)
    (line,) = (line for line in bsep_rack("effects", "Compressor").output.splitlines() if "attack_ms" in line)
    assert line.split() == ["attack_ms", "0", "to", "1000", "ms", "1"]
    assert "Reverb" not in bsep_rack("effects", "Compressor").output
    assert "no effect 'Compresor'" in bsep_rack("effects", "Compresor").stderr


def test_show_lists_and_prints() -> None:
    assert "hall" in bsep_rack("show").output
    assert bsep_rack("show", "hall").output == find_rack("hall").read_text(encoding="utf-8")


class FakePlugin:
    """What a loaded VST3 plugin has."""

    is_effect = True
    parameters = ("mix", "size")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "size" and value == "huge":
            raise ValueError("Value 'huge' not a valid choice")
        super().__setattr__(name, value)


def plugin_rack(folder: Path, **settings: Any) -> Rack:
    (folder / "Verb.vst3").mkdir(exist_ok=True)
    effect = {"type": "VST3", "path": "Verb.vst3", **settings}
    return rack_from_dict({"master": {"effects": [effect]}}, folder, allow_plugins=True)


def test_vst3_plugin_is_loaded_by_path_with_its_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(path: str, plugin_name: str | None) -> FakePlugin:
        asked.append((path, plugin_name))
        return FakePlugin()

    monkeypatch.setattr("pedalboard.load_plugin", load)
    (effect,) = plugin_rack(tmp_path, plugin_name="Verb Two", parameters={"mix": 0.4}).master.effects
    assert effect.make().mix == 0.4
    assert asked == [(str(tmp_path / "Verb.vst3"), "Verb Two")]
    with pytest.raises(ConfigError, match="has no parameter 'mox'; the nearest: mix"):
        plugin_rack(tmp_path, parameters={"mox": 0.4}).master.effects[0].make()
    with pytest.raises(ConfigError, match="does not take 'huge' for size"):
        plugin_rack(tmp_path, parameters={"size": "huge"}).master.effects[0].make()
    monkeypatch.setattr("pedalboard.load_plugin", lambda *_, **__: SimpleNamespace(is_effect=False))
    with pytest.raises(ConfigError, match="is an instrument"):
        plugin_rack(tmp_path).master.effects[0].make()


def test_vst3_plugin_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not load"):
        plugin_rack(tmp_path).master.effects[0].make()
    for wrong in ({"path": "None.vst3"}, {"path": 3}, {"plugin_name": ""}, {"parameters": {"mix": [1]}}):
        with pytest.raises(ConfigError, match="must be"):
            plugin_rack(tmp_path, **wrong)
