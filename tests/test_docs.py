"""The site keeps its word: its racks load, its Python runs, its commands exist, and what it includes is there."""

from __future__ import annotations

import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from shutil import copy
from types import ModuleType

import click
import numpy as np
import pytest
import soundfile

from bsep_stream.cli import COMMANDS, main
from bsep_stream.demo import MIX
from bsep_stream.effects.rack import load_rack
from bsep_stream.model.separation_model import SeparationModel

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
STEMS = ("flute", "oboe", "residual")

pytestmark = pytest.mark.skipif(not PAGES, reason="not a checkout")


def fenced(language: str) -> list[tuple[str, str]]:
    """Name of the page and code of every fenced block of a language."""
    block = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.stem, code) for page in PAGES for code in block.findall(page.read_text(encoding="utf-8"))]


def commands() -> list[list[str]]:
    lines = [line for _, code in fenced("console") for line in code.splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("$ bsep ")]


@pytest.fixture
def generated_pages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(DOCS)
    monkeypatch.delitem(sys.modules, "generated_pages", raising=False)
    import generated_pages

    return generated_pages


@pytest.mark.parametrize("rack", [code for _, code in fenced("toml")])
def test_racks_load_and_play(rack: str, tmp_path: Path, rng: np.random.Generator) -> None:
    names = re.findall(r"\[stems\.(\w+)\]", rack)
    sources = tuple(name for name in names if name != "residual") or STEMS[:2]
    stems = (0.1 * rng.standard_normal((len(sources) + 1, 1, 2048))).astype(np.float32)
    soundfile.write(tmp_path / "church.wav", np.exp(-np.arange(100) / 10.0), 48_000)
    (tmp_path / "rack.toml").write_text(rack, encoding="utf-8")
    mixer = load_rack(tmp_path / "rack.toml").mixer((*sources, "residual"), 48_000, 1)
    remix = mixer.process(stems)
    assert remix.shape == (1, 2048)
    assert not np.allclose(remix, stems.sum(axis=0))


@pytest.mark.parametrize(("page", "code"), fenced("python"))
def test_python_runs(
    page: str,
    code: str,
    tiny_model_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    trains = "train(" in code
    audio, rate = soundfile.read(MIX, frames=96_000 if trains else 24_000, always_2d=True)
    soundfile.write(tmp_path / "duet.wav", audio.repeat(2, axis=1), rate)
    if not trains:  # else it makes the model
        copy(tiny_model_path, tmp_path / "duet.onnx")
    elif find_spec("torch") and find_spec("onnx"):
        request.getfixturevalue("tiny_presets")
    else:
        pytest.skip("training needs torch")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, f"docs/{page}.md", "exec"), {})


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_commands_and_their_options_exist(words: list[str]) -> None:
    if words[0] in ("train", "export"):
        pytest.importorskip("torch")
    command = main.get_command(click.Context(main), words[0])
    assert command is not None
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words if word.startswith("--")} <= known


def test_there_are_racks_python_and_commands() -> None:
    assert {page for page, _ in fenced("toml")} >= {"racks", "first-session"}
    assert {page for page, _ in fenced("python")} >= {"latency", "live", "python"}
    assert {words[0] for words in commands()} >= {"train", "export", "separate", "report", "live", "rack", "demo"}


def test_sections_of_the_readme_that_are_included_exist(generated_pages: ModuleType) -> None:
    sections = generated_pages.readme_sections((ROOT / "README.md").read_text(encoding="utf-8"))
    pages = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    included = set(re.findall(r"generated/(readme-[\w-]+)\.md", pages))
    assert included <= set(sections)
    assert all(len(sections[name]) > 100 for name in included)
    assert generated_pages.readme_sections("# a\n\n## B c\n\nd\n\n### e\n## F\ng\n") == {
        "readme-b-c": "d\n\n### e\n",
        "readme-f": "g\n",
    }


def test_scores_are_read_from_the_laboratory_book(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(DOCS)
    from quality_drawings import TABLES, draw_scores, read_scores

    text = (DOCS / "laboratory.md").read_text(encoding="utf-8")
    found = {heading: read_scores(text, heading) for heading in TABLES}
    assert all(len(scores) >= 9 for scores in found.values())
    assert all(0.0 < sdr < 40.0 for scores in found.values() for sdr in scores.values())
    assert len(draw_scores(found).axes[0].patches) == sum(map(len, found.values()))


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!http)([\w/.-]+\.(?:md|rst))", page.read_text(encoding="utf-8")):
            assert (DOCS / target).exists(), f"{page.name}: {target}"


def test_help_of_every_command_is_there(generated_pages: ModuleType) -> None:
    pytest.importorskip("torch")
    text = generated_pages.command_help()
    headings = re.findall(r"^#+ bsep (.+)$", text, re.MULTILINE)
    assert set(headings) >= {*COMMANDS, "rack check", "rack effects"}
    assert "--midi-out PORT" in text


def test_latencies_add_up(generated_pages: ModuleType, tiny_model: SeparationModel) -> None:
    lines = generated_pages.latency_table(tiny_model).splitlines()[2:]
    rows = [[int(number) for number in re.findall(r"(\d+)(?: Hz)? \|", line)] for line in lines]
    assert [row[0] for row in rows] == [*generated_pages.RATES] * (len(rows) // len(generated_pages.RATES))
    for _, *parts, total in rows:
        assert sum(parts) == total
    assert lines[generated_pages.RATES.index(48_000)].startswith("| quality | 48000 Hz | 448 | 63 | 0 | 511 |")
