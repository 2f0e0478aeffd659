"""Shells complete commands and options, and import nothing for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bsep_stream.cli import COMMANDS, COMPLETION_VARIABLE, main


def completed(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What is offered for the last of the words."""
    monkeypatch.setenv(COMPLETION_VARIABLE, "bash_complete")
    monkeypatch.setenv("COMP_WORDS", " ".join(["bsep", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    result = CliRunner().invoke(main, [])
    assert result.stderr == ""
    return [line.partition(",")[2] for line in result.stdout.splitlines()]


def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(monkeypatch, "") == list(COMMANDS)
    assert completed(monkeypatch, "de") == ["devices", "demo"]
    assert completed(monkeypatch, "rack", "s") == ["show"]


def test_options_and_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    assert completed(monkeypatch, "separate", "--re") == ["--residual", "--resume"]
    assert completed(monkeypatch, "separate", "--format", "f") == ["flac"]


def test_broken_file_of_defaults_disturbs_nobody_who_types(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bsep.toml").write_text("[separate")
    monkeypatch.chdir(tmp_path)
    assert completed(monkeypatch, "separate", "--over") == ["--overwrite"]


def test_command_that_cannot_be_loaded_offers_nothing_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "train", ("bsep_stream.not_installed", ""))
    assert completed(monkeypatch, "train", "--re") == []
    assert completed(monkeypatch, "tr") == ["train"]


def test_commands_are_completed_without_importing_any(tmp_path: Path) -> None:
    code = (
        "import json, os, sys\n"
        f"os.environ.update({COMPLETION_VARIABLE}='bash_complete', COMP_WORDS='bsep ', COMP_CWORD='1')\n"
        "from bsep_stream.cli import main\n"
        "try: main([])\n"
        "except SystemExit: pass\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules = json.loads(shown.splitlines()[-1])
    loaded = {name.removeprefix("bsep_stream.cli.") for name in modules if name.startswith("bsep_stream.cli.")}
    assert loaded == {"defaults", "standardstreams"}
    assert not {"numpy", "torch", "rich"} & set(modules)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_of_every_shell_is_valid(shell: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"{COMPLETION_VARIABLE}={shell}_complete" in result.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    script = tmp_path / "script"
    script.write_text(result.stdout)
    subprocess.run([shell, "-n", str(script)], check=True)


def test_bash_completes_by_the_script(tmp_path: Path) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    bsep, script = tmp_path / "bsep", tmp_path / "script"
    bsep.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from bsep_stream.cli import main; main()" "$@"\n')
    bsep.chmod(0o755)
    script.write_text(CliRunner().invoke(main, ["completion", "bash"]).stdout)
    typed = f'source {script}; COMP_WORDS=({bsep} sep); COMP_CWORD=1; _bsep_completion {bsep}; echo "${{COMPREPLY[*]}}"'
    shown = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, check=True)
    assert shown.stdout == "separate\n"
