"""What is imported is declared: by the base install what stands at the head of its files, by an extra all else."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DISTRIBUTIONS = {"jack": "JACK-Client", "distributed": "distributed", "mir_eval": "mir_eval"}
"""Where the name of a distribution is not that of its package."""

OPTIONAL = {"IPython", "tensorboard", "dask", "selenium"}
"""Used where they happen to be, or brought by what is declared."""

if not (ROOT / "pyproject.toml").exists():
    pytest.skip("not a checkout", allow_module_level=True)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[>=; ]", line)[0].lower().replace("_", "-") for line in requirements}


BASE = names(PROJECT["dependencies"])
EXTRAS = {extra: names(lines) for extra, lines in PROJECT["optional-dependencies"].items()}


def imported(folder: Path, *, at_the_head: bool) -> Iterator[tuple[Path, str]]:
    """Third-party packages that files import, with the file; at the head only those that every import of it needs."""
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body if at_the_head else ast.walk(tree):
            modules = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [str(node.module)]
            for module in modules:
                name = module.partition(".")[0]
                if name not in sys.stdlib_module_names and name not in {"bsep_stream", *OPTIONAL}:
                    yield path, DISTRIBUTIONS.get(name, name).lower().replace("_", "-")


def test_run_time_needs_the_base_install_alone() -> None:
    """But for the studio, which has an extra of its own."""
    wrong = [
        f"{path.name}: {name}"
        for path, name in imported(ROOT / "bsep_stream", at_the_head=True)
        if name not in (BASE | EXTRAS["studio"] if "studio" in path.parts else BASE)
    ]
    assert not wrong


@pytest.mark.parametrize("folder", ["bsep_stream", "train", "export"])
def test_everything_imported_is_declared(folder: str) -> None:
    users = EXTRAS.keys() - {"dev", "docs"}
    declared = BASE.union(*(EXTRAS[extra] for extra in users))
    assert not sorted(
        {f"{path.name}: {name}" for path, name in imported(ROOT / folder, at_the_head=False) if name not in declared}
    )


def test_every_extra_that_a_sentence_names_is_there() -> None:
    from bsep_stream.cli import EXTRAS as NAMED

    assert set(NAMED.values()) <= EXTRAS.keys()
    for module, extra in NAMED.items():
        assert DISTRIBUTIONS.get(module, module).lower().replace("_", "-") in EXTRAS[extra], module


def test_base_install_has_none_of_what_was_heavy() -> None:
    assert not BASE & {"scipy", "matplotlib", "fast-bss-eval", "torch", "onnx"}
