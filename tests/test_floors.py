"""The floors of the house: a folder imports what stands below it, never what stands above, and no files in a circle."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="not a checkout")
Graph = dict[str, set[str]]


@pytest.fixture(scope="module")
def floors() -> ModuleType:
    sys.path.insert(0, str(DOCS))
    try:
        import floors
    finally:
        sys.path.remove(str(DOCS))
    return floors


@pytest.fixture(scope="module")
def graph(floors: ModuleType) -> Graph:
    return floors.arrows(floors.module_files())


def upward(floors: ModuleType, graph: Graph) -> list[str]:
    return [
        f"{module} imports {other}, which stands above it"
        for module, others in graph.items()
        for other in others
        if module not in floors.FACADES
        and (other in floors.FACADES - {"train"} or floors.room_of(other)[0] > floors.room_of(module)[0])
    ]


def test_no_arrow_runs_up(floors: ModuleType, graph: Graph) -> None:
    assert not upward(floors, graph)


def test_the_run_time_never_imports_training_or_export(floors: ModuleType, graph: Graph) -> None:
    above = {"train", "export"}
    wrong = [
        (m, o)
        for m, others in graph.items()
        for o in others
        if m not in floors.FACADES and m.split(".")[0] not in above and o.split(".")[0] in above
    ]
    assert not wrong


def test_no_files_import_each_other_in_a_circle(floors: ModuleType, graph: Graph) -> None:
    assert not floors.circles(graph)


def test_an_arrow_that_runs_up_is_found_with_both_files(floors: ModuleType) -> None:
    wrong = upward(floors, {"model.step": {"report.info"}, "report.info": {"model.step"}})
    assert wrong == ["model.step imports report.info, which stands above it"]


def test_a_circle_is_found_with_all_its_files(floors: ModuleType, tmp_path: Path) -> None:
    texts = {
        "a": "import bsep_stream.b",
        "b": "def f():\n    from bsep_stream import c",
        "c": "from bsep_stream.a import x",
    }
    (tmp_path / "bsep_stream").mkdir()
    for name, text in {**texts, "d": "from bsep_stream.a import x"}.items():
        (tmp_path / "bsep_stream" / f"{name}.py").write_text(text)
    assert floors.circles(floors.arrows(floors.module_files(tmp_path))) == [{"a", "b", "c"}]


def test_every_room_is_there(floors: ModuleType, graph: Graph) -> None:
    for room in (room for rooms in floors.FLOORS for room in rooms):
        assert room in graph, f"no {room}"
    assert find_spec("bsep_stream.separator") is not None


def test_the_page_on_the_design_names_all_rooms_and_only_files_that_are_there(floors: ModuleType) -> None:
    page = (DOCS / "design.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:docs|tests|train|export|[a-z]+)/[a-z_/]*(?:\.py)?)`", page):
        assert (ROOT / name).exists() or (ROOT / "bsep_stream" / name).exists(), name
    for rooms in floors.FLOORS[1:]:
        name = rooms[0].rpartition(".")[2]
        assert f"**{name}**" in page or f"`{name}`" in page, name
