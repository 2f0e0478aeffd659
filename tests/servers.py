"""What the tests on real sound servers share."""

import ctypes
import importlib
import shutil
import signal
import sys

import pytest

RATE = 48_000
PATIENCE_SECONDS = 60.0
RACK = '[stems."*"]\ngain_db = -6.0\n\n[stems.residual]\nmute = true\n'
BSEP = [sys.executable, "-c", "from bsep_stream.cli import main; main()"]
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def end_with_us() -> None:
    """For a child before it starts: it is told to end when the tests are gone, even if they are killed (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def heed_ctrl_c() -> None:
    """For a child before it starts: a shell's job in the background, and all its children, ignore the signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_us()


def need(programs: list[str], packages: str, modules: list[str]) -> None:
    """Skip, and say why, where something is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program}: apt-get install {packages}")
    for module in modules:
        try:
            importlib.import_module(module)
        except (ImportError, OSError) as error:  # OSError: the package is there, its library is not
            pytest.skip(f'{error}: pip install "bsep-stream[live]" JACK-Client; apt-get install libportaudio2')
