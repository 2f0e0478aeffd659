"""Instruments under other names, everywhere in a session: nothing in a recording says what an instrument is called.

What changes is made beside the session first; a marker says that it is whole, and then every file goes to its place. So
a crash anywhere leaves either all of the old names, or what :func:`finish_renaming` makes all of the new ones.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.model.separation_model import METADATA_KEY
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder, read_json, write_json
from bsep_stream.studio.sessions import checked_sources
from bsep_stream.words import RESIDUAL

STAGED, READY = ".renaming", "ready.json"
_RUN_FILES = ("config.json", "run.json", "dictionary.json")


def rename_sources(folder: SessionFolder, names: object) -> None:
    """Give the instruments of a session other names, or exchange them; what was learned stays as it is.

    Stems, notes, racks, run and model follow.

    Parameters
    ----------
    folder : SessionFolder
        Nothing may be training it.
    names : sequence of str
        One for every instrument, in their order.

    Raises
    ------
    ConfigError
        Names that make no sense; nothing is changed then.
    """
    finish_renaming(folder)
    about = folder.read()
    known = about["sources"]
    if not isinstance(names, Sequence) or isinstance(names, str) or len(names) != len(known):
        raise ConfigError(f"this session has {len(known)} instruments: a name for each of them is needed")
    sources = checked_sources([{"name": name, "tones": each["tones"]} for name, each in zip(names, known, strict=True)])
    new_of = {old["name"]: new["name"] for old, new in zip(known, sources, strict=True) if old != new}
    if not new_of:
        return
    staged = folder.path / STAGED
    shutil.rmtree(staged, ignore_errors=True)
    try:
        gone = _stage_stems(folder, staged, new_of)
        _stage_notes(folder, staged, new_of)
        _stage_racks(folder, staged, new_of)
        _stage_run(folder, staged, new_of)
        _stage_model(folder, staged, [source["name"] for source in sources])
        solos = [{**solo, "source": new_of.get(solo["source"], solo["source"])} for solo in about.get("solos", [])]
        write_json(staged / folder.about.name, {**about, "sources": sources, "solos": solos})
        write_json(staged / READY, {"gone": gone})
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    finish_renaming(folder)


def finish_renaming(folder: SessionFolder) -> None:
    """Bring what was made to its place, also after a crash in the middle; nothing if there is nothing to be done."""
    staged = folder.path / STAGED
    order = read_json(staged / READY)
    if not isinstance(order, dict):
        return
    for path in sorted(staged.rglob("*")):
        if path.is_file() and path != staged / READY:
            os.replace(path, folder.path / path.relative_to(staged))
    for name in order["gone"]:
        (folder.path / name).unlink(missing_ok=True)
    for version in (FIRST, LEARNED):  # browsers and desks keep sounds as long as this file stays as it is
        for path in (folder.path / "stems" / version).glob(f"*/{RESIDUAL}.wav"):
            os.utime(path)
    shutil.rmtree(staged)


def _stage_stems(folder: SessionFolder, staged: Path, new_of: Mapping[str, str]) -> list[str]:
    """Files whose name nobody has any more."""
    gone = []
    for version in (FIRST, LEARNED):
        for take in (folder.path / "stems" / version).glob("*/"):
            for old, new in new_of.items():
                if not (take / f"{old}.wav").is_file():
                    continue
                target = staged / take.relative_to(folder.path) / f"{new}.wav"
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    os.link(take / f"{old}.wav", target)
                except OSError:  # not every file system has links
                    shutil.copyfile(take / f"{old}.wav", target)
                if old not in new_of.values():
                    gone.append((take / f"{old}.wav").relative_to(folder.path).as_posix())
    return gone


def _stage_notes(folder: SessionFolder, staged: Path, new_of: Mapping[str, str]) -> None:
    for path in (folder.path / "notes").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file)
            columns, rows = table.fieldnames or (), list(table)
        target = _beside(folder, staged, path)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows({**row, "source": new_of.get(row["source"], row["source"])} for row in rows)


def _stage_racks(folder: SessionFolder, staged: Path, new_of: Mapping[str, str]) -> None:
    import tomli_w

    for path in (folder.rack, *folder.racks.glob("*.toml")):
        if path.exists():
            rack = tomllib.loads(path.read_text(encoding="utf-8"))
            rack["stems"] = _renamed_keys(rack.get("stems", {}), new_of)
            _beside(folder, staged, path).write_text(tomli_w.dumps(rack), encoding="utf-8")


def _stage_run(folder: SessionFolder, staged: Path, new_of: Mapping[str, str]) -> None:
    for name in _RUN_FILES:
        values = read_json(folder.run / name)
        if isinstance(values, dict) and "source_names" in values:
            values["source_names"] = [new_of.get(each, each) for each in values["source_names"]]
            write_json(staged / "run" / name, values)
    verdict = read_json(folder.run / "verdict.json")
    if isinstance(verdict, dict):
        words = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, new_of))})(?![\w-])")

        def said(text: str) -> str:
            return words.sub(lambda found: new_of[found.group()], text)

        for key in ("source_shares", "sounding_shares"):
            verdict[key] = _renamed_keys(verdict.get(key, {}), new_of)
        for key in ("sentences", "warnings"):
            verdict[key] = [said(text) for text in verdict.get(key, [])]
        write_json(staged / "run" / "verdict.json", verdict)


def _stage_model(folder: SessionFolder, staged: Path, names: Sequence[str]) -> None:
    if not folder.model.exists():
        return
    import onnx

    model = onnx.load(str(folder.model))
    entry = next(entry for entry in model.metadata_props if entry.key == METADATA_KEY)
    entry.value = json.dumps({**json.loads(entry.value), "source_names": list(names)})
    onnx.save(model, str(_beside(folder, staged, folder.model)))


def _renamed_keys(table: Mapping[str, Any], new_of: Mapping[str, str]) -> dict[str, Any]:
    return {new_of.get(name, name): values for name, values in table.items()}


def _beside(folder: SessionFolder, staged: Path, path: Path) -> Path:
    target = staged / path.relative_to(folder.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return target
