"""The floors of the house: a folder imports what stands below it, never what stands above, and no files in a circle."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

import bsep_stream

ROOT = Path(bsep_stream.__file__).parent
FLOORS = (
    ("errors", "words", "machine", "cards", "callpackage", "endings", "spoken"),
    ("trust",),
    ("model",),
    ("stream",),
    ("masks",),
    ("separator",),
    ("effects",),
    ("files",),
    ("notes",),
    ("live.engine",),
    ("live.devices",),
    ("live.session", "live"),
    ("report",),
    ("demo",),
    ("studio",),
    ("cli", "__main__"),
    ("fuzz",),
    ("train.config",),
    ("train.session",),
    ("train.search",),
    ("train.tones",),
    ("train.network",),
    ("train.learning",),
    ("train.runs",),
    ("export",),
    ("train.workshop",),
    ("train.pretraining",),
    ("train.benchmark",),
)
"""From the ground up. The command line calls training and export by name, so they stand above it."""

FACADES = {"", "train"}
"""Packages that offer names of their rooms, or say what is not installed: above everything."""


def module_files() -> dict[str, Path]:
    """Path of every module, by its name below the package ("" is the package itself)."""
    files = {}
    for folder in (ROOT, ROOT / "train", ROOT / "export"):  # the last two may be links, which rglob does not follow
        for path in folder.rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that a file imports, wherever and for whatever purpose."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if below(name) in modules else str(node.module) for name in inner]
        yield from (below(name) for name in names if name.partition(".")[0] == "bsep_stream")


def below(name: str) -> str:
    return name.removeprefix("bsep_stream").removeprefix(".")


def arrows(modules: dict[str, Path]) -> dict[str, set[str]]:
    return {name: set(imported(path, modules)) - {name} for name, path in modules.items()}


def floor(module: str) -> int:
    for number, rooms in enumerate(FLOORS):
        if any(module == room or module.startswith(f"{room}.") for room in rooms):
            return number
    raise AssertionError(f"{module} stands on no floor: put it into a room of FLOORS")


def upward(graph: dict[str, set[str]]) -> list[str]:
    return [
        f"{module} imports {other}, which stands above it"
        for module, others in graph.items()
        for other in others
        if module not in FACADES and (other in FACADES - {"train"} or floor(other) > floor(module))
    ]


@pytest.fixture(scope="module")
def graph() -> dict[str, set[str]]:
    return arrows(module_files())


def test_no_arrow_runs_up(graph: dict[str, set[str]]) -> None:
    assert not upward(graph)


def test_the_run_time_never_imports_training_or_export(graph: dict[str, set[str]]) -> None:
    above = {"train", "export"}
    wrong = [
        (m, o)
        for m, others in graph.items()
        for o in others
        if m not in FACADES and m.split(".")[0] not in above and o.split(".")[0] in above
    ]
    assert not wrong


def test_no_files_import_each_other_in_a_circle(graph: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("a circle: " + " > ".join(error.args[1]))


def test_an_arrow_that_runs_up_is_found_with_both_files() -> None:
    wrong = upward({"model.step": {"report.info"}, "report.info": {"model.step"}})
    assert wrong == ["model.step imports report.info, which stands above it"]


def test_every_room_is_there(graph: dict[str, set[str]]) -> None:
    for room in (room for rooms in FLOORS for room in rooms):
        assert room in graph, f"no {room}"
    assert find_spec("bsep_stream.separator") is not None
