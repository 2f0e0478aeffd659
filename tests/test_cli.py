"""The command line itself: help without heavy imports, and one sentence with the right exit code for every failure."""

import errno
import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner, Result

from bsep_stream.cli import COMMANDS, main
from bsep_stream.errors import AudioError

HEAVY = ("numpy", "torch", "onnx", "onnxruntime", "pedalboard", "matplotlib", "scipy", "soundfile", "soxr", "rich")
"""What `bsep --help` has no use for; each of them alone costs more than a tenth of a second."""


def run_with(monkeypatch: pytest.MonkeyPatch, failure: BaseException) -> Result:
    """Call `bsep info`, whose command raises the given failure."""

    @click.command()
    def command() -> None:
        raise failure

    monkeypatch.setattr("bsep_stream.cli.LazyGroup.get_command", lambda *_: command)
    return CliRunner().invoke(main, ["info"])


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, json\n"
        "from bsep_stream.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as exit: assert exit.code == 0\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    text, modules = shown.rstrip().rsplit("\n", 1)
    for name, (_, line) in COMMANDS.items():
        assert name in text
        assert line in text
    assert not set(HEAVY) & set(json.loads(modules))


def test_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    assert CliRunner().invoke(main, ["--version"]).output == f"bsep {version('bsep-stream')}\n"


def test_unknown_command_is_one_sentence_and_exit_code_2() -> None:
    result = CliRunner().invoke(main, ["nonsense"])
    assert result.exit_code == 2
    assert result.stderr == "bsep: No such command 'nonsense' (see `bsep --help`)\n"


def test_mistake_of_the_user_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_with(monkeypatch, AudioError("mix.wav holds no samples; record it again"))
    assert (result.exit_code, result.stderr) == (2, "bsep: mix.wav holds no samples; record it again\n")


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_with(monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stderr.strip()) == (130, "")


def test_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_with(monkeypatch, ModuleNotFoundError("No module named 'torch._C'", name="torch._C"))
    assert result.exit_code == 2
    assert result.stderr == 'bsep: this needs torch, which is not installed: pip install "bsep-stream[train]"\n'


def test_missing_module_of_ours_is_a_bug_and_keeps_its_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    failure = ModuleNotFoundError("No module named 'bsep_stream.nothing'", name="bsep_stream.nothing")
    assert run_with(monkeypatch, failure).exception is failure


def test_full_disk_is_one_sentence_and_exit_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_with(monkeypatch, OSError(errno.ENOSPC, "No space left on device", "stems/violin.wav"))
    sentence = "bsep: the disk is full, or the quota is used up; make room, or give another --output\n"
    assert (result.exit_code, result.stderr) == (2, sentence)


@pytest.mark.parametrize("command", ["train", "export"])
def test_train_and_export_without_torch_say_what_to_install(command: str) -> None:
    code = (
        "import sys\n"
        "sys.modules['torch'] = None\n"  # what `import torch` sees where it is not installed
        "from bsep_stream.cli import main\n"
        f"main(['{command}', '--help'])\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("bsep: ")
    assert 'needs torch, which is not installed: pip install "bsep-stream[train]"' in result.stderr
    assert "pip install torch --index-url https://download.pytorch.org/whl/cpu" in result.stderr
    assert result.stderr.count("\n") == 1
