"""The floors of the house, and which file imports which: ``python docs/floors.py [CHECKOUT]`` counts files in circles.

``tests/test_floors.py`` holds the floors, ``floor_drawings.py`` draws what the imports make of them.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent

FLOORS = (
    ("errors", "plain", "filenames", "words", "machine", "cards", "callpackage", "endings", "spoken"),
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
    ("train.tones",),
    ("train.search",),
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


def module_files(checkout: Path = CHECKOUT) -> dict[str, Path]:
    """Path of every module of a checkout, by its name below ``bsep_stream`` ("" is the package itself)."""
    files = {}
    for room, folder in {"": "bsep_stream", "train": "train", "export": "export"}.items():
        for path in (checkout / folder).rglob("*.py"):  # does not follow the links in bsep_stream/
            parts = (*filter(None, [room]), *path.relative_to(checkout / folder).with_suffix("").parts)
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def arrows(modules: dict[str, Path]) -> dict[str, set[str]]:
    """Modules of the package that every module imports, wherever and for whatever purpose."""
    return {name: set(_imported(path, modules)) - {name} for name, path in modules.items()}


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """Modules that reach each other by imports, the largest such set first."""
    reached = {name: reach(graph, name) for name in graph}
    sets = {frozenset({name, *(other for other in reached[name] if name in reached[other])}) for name in graph}
    return sorted((set(each) for each in sets if len(each) > 1), key=len, reverse=True)


def reach(graph: Mapping[str, set[str]], start: str) -> set[str]:
    """All that a module, or a room, imports at one remove or more."""
    reached: set[str] = set()
    ahead = list(graph[start])
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += graph.get(name, ())
    return reached


def room_of(module: str) -> tuple[int, str]:
    """Number of the floor that a module stands on, and its room there."""
    for number, rooms in enumerate(FLOORS):
        for room in rooms:
            if module == room or module.startswith(f"{room}."):
                return number, room
    raise AssertionError(f"{module} stands on no floor: put it into a room of FLOORS")


def _imported(path: Path, modules: dict[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if _below(name) in modules else str(node.module) for name in inner]
        yield from (_below(name) for name in names if name.partition(".")[0] == "bsep_stream")


def _below(name: str) -> str:
    return name.removeprefix("bsep_stream").removeprefix(".")


def main() -> None:
    graph = arrows(module_files(Path(sys.argv[1]) if len(sys.argv) > 1 else CHECKOUT))
    found = circles(graph)
    print(f"{len(graph)} files, {sum(map(len, found))} of them in circles")
    for each in found:
        print(f"{len(each)}: {', '.join(sorted(each))}")


if __name__ == "__main__":
    main()
