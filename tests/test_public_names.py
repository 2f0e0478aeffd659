"""``import bsep_stream`` costs nothing, and every public name is there."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import bsep_stream


@pytest.mark.parametrize("name", bsep_stream.__all__)
def test_every_name_leads_somewhere(name: str) -> None:
    assert getattr(bsep_stream, name).__name__ == name
    assert name in dir(bsep_stream)


def test_names_and_their_homes_agree() -> None:
    assert sorted(bsep_stream.__all__) == sorted(bsep_stream._HOMES)


def test_version_is_that_of_the_distribution() -> None:
    assert bsep_stream.__version__ == version("bsep-stream")


def test_an_unknown_name() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = bsep_stream.nonsense


def test_import_loads_nothing() -> None:
    code = (
        "import sys; before = set(sys.modules); import bsep_stream\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "assert not loaded - set(sys.stdlib_module_names) - {'bsep_stream'}, loaded\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
