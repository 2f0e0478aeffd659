"""Plugins in racks of strangers: none is loaded that nobody allowed."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main, pluginpermission
from bsep_stream.effects.rack import load_rack
from bsep_stream.effects.stemmixer import StemMixer
from bsep_stream.errors import ConfigError
from bsep_stream.files import plugins
from bsep_stream.separator import StreamingSeparator

PLUGIN = '[master]\neffects = [{ type = "VST3", path = "Verb.vst3" }]\n'


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Paths of the plugins whose code has run; the state of the program lies in the test's folder."""
    import pedalboard

    paths: list[str] = []

    def load(path: str, **settings: Any) -> pedalboard.Plugin:
        paths.append(path)
        return pedalboard.Gain(0.0)

    monkeypatch.setattr("bsep_stream.effects.catalogue.load_vst3", load)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return paths


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A download: a recording, a rack with a plugin, the plugin."""
    folder = tmp_path / "download"
    (folder / "Verb.vst3" / "Contents").mkdir(parents=True)
    (folder / "Verb.vst3" / "Contents" / "code.so").write_bytes(b"native")
    (folder / "rack.toml").write_text(PLUGIN)
    soundfile.write(folder / "take.wav", 0.1 * rng.standard_normal((2_000, 1)), 48_000)
    return folder


def test_check_looks_at_a_rack_with_plugins_and_loads_none(folder: Path, loaded: list[str]) -> None:
    result = bsep("rack", "check", folder / "rack.toml")
    assert result.exit_code == 0, result.output
    assert f"{folder / 'Verb.vst3'} is a plugin, native code" in result.stdout
    facts = json.loads(bsep("rack", "check", folder / "rack.toml", "--json").stdout)
    assert facts["plugins"] == [str(folder / "Verb.vst3")]
    plugins.remember(folder / "Verb.vst3")
    assert bsep("rack", "check", folder / "rack.toml").exit_code == 0
    assert loaded == []


@pytest.mark.parametrize("command", ["separate", "info", "bench"])
def test_plugin_that_nobody_allowed_is_not_loaded(
    command: str, folder: Path, loaded: list[str], tiny_model_path: Path, tmp_path: Path
) -> None:
    rest = [folder / "take.wav", "--output", tmp_path / "stems"] if command == "separate" else []
    result = bsep(command, tiny_model_path, *rest, "--rack", folder / "rack.toml")
    assert result.exit_code == 2
    assert "native code of whoever made it; if you trust it, allow it with --allow-plugins" in result.stderr
    assert loaded == []
    assert not (tmp_path / "stems").exists()


def test_plugin_is_allowed_once_until_it_is_another(
    folder: Path, loaded: list[str], tiny_model_path: Path, tmp_path: Path
) -> None:
    def separate(*more: str) -> Result:
        stems = tmp_path / f"stems{len(loaded)}"
        rack = folder / "rack.toml"
        return bsep("separate", tiny_model_path, folder / "take.wav", "-o", stems, "--rack", rack, "--overwrite", *more)

    assert separate("--allow-plugins").exit_code == 0
    before = len(loaded)
    assert before > 0
    assert separate().exit_code == 0  # remembered
    assert len(loaded) > before
    (folder / "Verb.vst3" / "Contents" / "code.so").write_bytes(b"other!")
    before = len(loaded)
    assert separate().exit_code == 2
    assert len(loaded) == before
    assert plugins.store_path() == tmp_path / "state" / "bsep-stream" / "plugins.json"


@pytest.mark.parametrize("answer", [True, False])
def test_terminal_is_asked(answer: bool, folder: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(pluginpermission, "sys", SimpleNamespace(stdin=terminal, stderr=terminal))
    asked = []
    monkeypatch.setattr(pluginpermission.click, "confirm", lambda text, **_: asked.append(text) or answer)
    rack = load_rack(folder / "rack.toml")
    for _ in range(2):
        if answer:
            pluginpermission.permitted(rack, False).master.board()
        else:
            with pytest.raises(ConfigError, match="native code"):
                pluginpermission.permitted(rack, False)
    assert len(asked) == (1 if answer else 2)
    assert bool(loaded) is answer
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "empty"))
    with pytest.raises(ConfigError, match="native code"):  # no time for questions while it plays
        pluginpermission.permitted(rack, False, may_ask=False)


def test_python_says_it_as_well(folder: Path, loaded: list[str], tiny_model_path: Path) -> None:
    plugins.remember(folder / "Verb.vst3")  # by a person, for the command line
    rack = load_rack(folder / "rack.toml")
    separator = StreamingSeparator(tiny_model_path)
    for make in (
        lambda: rack.mixer(separator.stem_names, 48_000, 1),
        lambda: StemMixer(separator, rack=rack),
        lambda: rack.master.board(),
    ):
        with pytest.raises(ConfigError, match=r"allow_plugins=True"):
            make()
    assert loaded == []
    StemMixer(separator, rack=rack, allow_plugins=True)
    load_rack(folder / "rack.toml", allow_plugins=True).mixer(separator.stem_names, 48_000, 1)
    assert loaded == 2 * [str(folder / "Verb.vst3")]
    with pytest.raises(ConfigError, match="leave one of them out"):
        StemMixer(separator, rack=rack, master_gain_db=-3.0)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"plugins": 3}', b"[" * 5_000, b"\xff", b'{"plugins": {"a": 1}}'])
def test_damaged_list_of_allowed_plugins_allows_nothing(content: bytes, folder: Path, loaded: list[str]) -> None:
    plugins.store_path().parent.mkdir(parents=True)
    plugins.store_path().write_bytes(content)
    assert not plugins.is_remembered(folder / "Verb.vst3")
    plugins.remember(folder / "Verb.vst3")
    assert plugins.is_remembered(folder / "Verb.vst3")


def test_file_moved_into_a_plugin_changes_its_fingerprint(folder: Path) -> None:
    seen = {plugins.fingerprint(folder / "Verb.vst3")}
    (folder / "Verb.vst3" / "more").write_bytes(b"")
    seen.add(plugins.fingerprint(folder / "Verb.vst3"))
    (folder / "Verb.vst3" / "more").rename(folder / "Verb.vst3" / "moved")
    seen.add(plugins.fingerprint(folder / "Verb.vst3"))
    assert len(seen) == 3
