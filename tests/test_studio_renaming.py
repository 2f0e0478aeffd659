"""Instruments under other names: everywhere in a session, or, after a crash, everywhere or nowhere."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("onnx")
pytest.importorskip("starlette")
pytest.importorskip("tomli_w")

from bsep_stream.effects.rack import load_rack
from bsep_stream.errors import ConfigError
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio import renaming
from bsep_stream.studio.house import House
from bsep_stream.studio.renaming import finish_renaming, rename_sources
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder, write_json
from bsep_stream.studio.sessions import Sessions

OLD, NEW = ("flute", "oboe"), ("oboe", "flute")
NOTES = """source,onset_seconds,offset_seconds,key,name,cents,f0_hz,velocity,level_db
flute,0.0,0.5,72,C5,0.0,523.25,80,-20.0
oboe,0.1,0.4,60,C4,0.0,261.63,80,-20.0
"""


@pytest.fixture
def session(tmp_path: Path, models_folder: Path) -> SessionFolder:
    """Whose stems are a constant: 0.1 the first, 0.2 the second."""
    folder = Sessions(tmp_path).create("Duet")
    folder.recordings.mkdir()
    soundfile.write(folder.recordings / "take.wav", np.full(800, 0.3), 8_000)
    sources = [{"name": name, "tones": 1} for name in OLD]
    folder.write({**folder.read(), "recordings": ["take.wav"], "sources": sources})
    for version in (FIRST, LEARNED):
        folder.stems(version, "take").mkdir(parents=True)
        for name, level in ((OLD[0], 0.1), (OLD[1], 0.2), ("residual", 0.0)):
            soundfile.write(folder.stems(version, "take") / f"{name}.wav", np.full(800, level), 8_000, "FLOAT")
    folder.notes("take").parent.mkdir()
    folder.notes("take").write_text(NOTES, encoding="utf-8")
    folder.rack.write_text("[stems.flute]\ngain_db = -3.0\n[stems.residual]\nmute = true\n", encoding="utf-8")
    folder.racks.mkdir()
    (folder.racks / "evening.toml").write_text("[stems.oboe]\nsolo = true\n", encoding="utf-8")
    shutil.copyfile(models_folder / "split.onnx", folder.model)
    folder.run.mkdir()
    for name in ("config.json", "run.json", "dictionary.json"):
        write_json(folder.run / name, {"source_names": list(OLD), "seed": 3})
    sentence = "The tones explain 90% of the sound (flute 60%, oboe 30%); 10% is flute_like."
    shares = {"source_shares": {"flute": 0.6, "oboe": 0.3}, "sentences": [sentence], "warnings": []}
    write_json(folder.run / "verdict.json", shares)
    return folder


def names_of(folder: SessionFolder) -> dict[str, Any]:
    """What every file of a session calls the first instrument."""
    levels = {}
    for version in (FIRST, LEARNED):
        for path in folder.stems(version, "take").glob("*.wav"):
            levels[version, round(float(soundfile.read(path)[0][0]), 3)] = path.stem
    verdict = json.loads((folder.run / "verdict.json").read_text())
    return {
        "about": folder.read()["sources"][0]["name"],
        "first": levels[FIRST, 0.1],
        "learned": levels[LEARNED, 0.1],
        "notes": next(name for name, rows in read_notes(folder.notes("take")).items() if rows[0, 2] == 72.0),
        "rack": next(name for name, strip in load_rack(folder.rack).stems.items() if strip.gain_db == -3.0),
        "model": SeparationModel(folder.model).source_names[0],
        "config": json.loads((folder.run / "config.json").read_text())["source_names"][0],
        "run": json.loads((folder.run / "run.json").read_text())["source_names"][0],
        "share": next(name for name, share in verdict["source_shares"].items() if share == 0.6),
        "sentence": verdict["sentences"][0].split("(")[1].split()[0],
    }


def test_names_are_exchanged_everywhere_and_nothing_is_learned_again(session: SessionFolder) -> None:
    assert SeparationModel(session.model).source_names == OLD
    stamp = os.stat(session.stems(FIRST, "take") / "residual.wav").st_mtime_ns
    os.utime(session.stems(FIRST, "take") / "residual.wav", ns=(stamp - 10**9, stamp - 10**9))
    rename_sources(session, NEW)
    assert set(names_of(session).values()) == {"oboe"}
    assert len(list(session.stems(FIRST, "take").iterdir())) == 3
    assert load_rack(session.racks / "evening.toml").stems["flute"].solo
    assert load_rack(session.rack).stems["residual"].mute
    sentence = json.loads((session.run / "verdict.json").read_text())["sentences"][0]
    assert sentence.endswith("(oboe 60%, flute 30%); 10% is flute_like.")
    assert os.stat(session.stems(FIRST, "take") / "residual.wav").st_mtime_ns > stamp - 10**9  # browsers load anew
    rename_sources(session, OLD)
    assert set(names_of(session).values()) == {"flute"}


def test_a_name_that_nobody_had_leaves_no_old_files(session: SessionFolder) -> None:
    rename_sources(session, ("english horn", "oboe"))
    assert set(names_of(session).values()) == {"english_horn"}
    assert {path.stem for path in session.stems(LEARNED, "take").iterdir()} == {"english_horn", "oboe", "residual"}


@pytest.mark.parametrize("moved", [0, 1, 4, 9])
def test_a_crash_in_the_middle_leaves_the_new_names_everywhere(
    session: SessionFolder, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    whole, left = os.replace, iter(range(moved))

    def replace(source: Path, target: Path) -> None:
        staged = session.path / ".renaming"
        if source.is_relative_to(staged) and not target.is_relative_to(staged) and next(left, None) is None:
            raise KeyboardInterrupt
        whole(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(renaming.os, "replace", lambda source, target: replace(Path(source), Path(target)))
        with pytest.raises(KeyboardInterrupt):
            rename_sources(session, NEW)
    House.at(session.path.parent).close()  # the studio opens again
    assert set(names_of(session).values()) == {"oboe"}
    assert not (session.path / ".renaming").exists()


def test_a_crash_before_that_leaves_the_old_names(session: SessionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(renaming, "_stage_model", full)
        with pytest.raises(OSError, match="No space"):
            rename_sources(session, NEW)
    assert not (session.path / ".renaming").exists()
    finish_renaming(session)
    assert set(names_of(session).values()) == {"flute"}


@pytest.mark.parametrize(
    "names", [["one"], "flute", ["flute", "flute"], ["flute", "residual"], ["a/b", "c"], [1, 2], None]
)
def test_names_that_make_no_sense_change_nothing(session: SessionFolder, names: object) -> None:
    with pytest.raises(ConfigError):
        rename_sources(session, names)
    assert set(names_of(session).values()) == {"flute"}


def test_names_wait_for_the_training(session: SessionFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House.at(session.path.parent)
    monkeypatch.setattr(house.trainings, "runs", lambda _: True)
    monkeypatch.setattr(house.trainings, "_at_work", lambda _: True)
    with pytest.raises(ConfigError, match="pause it first"):
        house.rename(session, NEW)
    assert set(names_of(session).values()) == {"flute"}
