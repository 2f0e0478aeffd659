"""Commands of the table of guarantees run the tests that they name: a test that was moved is noticed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "docs" / "guarantees.md"

pytestmark = pytest.mark.skipif(not TABLE.is_file(), reason="not a checkout")

COMMANDS = re.findall(r"`pytest ([^`]*)`", TABLE.read_text(encoding="utf-8")) if TABLE.is_file() else []


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_command_of_a_guarantee_finds_tests(command: str) -> None:
    words, _, wanted = command.partition(" -k ")
    texts = [(ROOT / path).read_text(encoding="utf-8") for path in words.split()]
    for word in shlex.split(wanted)[0].split(" or ") if wanted else ["test_"]:
        assert any(re.search(rf"def test_\w*{word}|def {word}", text) for text in texts), word
