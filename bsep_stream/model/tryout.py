"""A first step of other people's models is taken in a process of its own: what it does there, it does not do here.

ONNX Runtime ends the process over some numbers that a graph works out by itself (a lowest whole number divided by -1),
and no rule tells all of them before. So a file is tried out where that costs nothing: within bounds of memory and time
that the system keeps. What has passed is remembered by its SHA-256, and is not tried again with the same ONNX Runtime.
A file of the package itself is not tried: whoever can write there needs no model.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing.spawn
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from bsep_stream.errors import ModelError
from bsep_stream.filenames import real
from bsep_stream.model.stepcheck import check_step
from bsep_stream.model.trial import open_session
from bsep_stream.trust.statefolder import state_folder

MOST_SECONDS = 60.0
"""Of all of it, a slow start of Python included: three steps of 5 s, and what comes before them."""
MOST_MEMORY_BYTES = 4 * 2**30
"""Of the process: twelve times what a trial of the largest preset needs, and room for the largest file."""

_RULES = 1
"""Counts up when what has passed must be tried again."""
_PACKAGE = Path(__file__).parent.parent
_CHILD = "import sys; sys.path[:] = sys.argv[1:]; from bsep_stream.model.tryout import main; main()"
_BEGUN, _PASSED = b"begun\n", b"passed\n"

Shapes = Mapping[str, tuple[int, ...]]


def try_out(path: Path, content: bytes, shapes: Shapes) -> None:
    """ModelError if a model is no step of ours; the message is for the middle of a sentence.

    Parameters
    ----------
    path : Path
    content : bytes
        Of this ONNX file, which keeps the rules (:mod:`bsep_stream.model.modelrules`).
    shapes : mapping of str to tuple of int
        Of the input and of all outputs, without the batch.
    """
    if real(path).is_relative_to(real(_PACKAGE)):
        return
    mark = _mark(content, shapes)
    if mark is not None and mark.exists():
        return
    _in_own_process(content, shapes)
    if mark is not None:
        with suppress(OSError):  # tried again the next time
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _mark(content: bytes, shapes: Shapes) -> Path | None:
    """An empty file that is there if a model has passed; None where nobody has a home."""
    digest = hashlib.sha256(content)
    digest.update(repr((sorted(shapes.items()), _RULES, version("onnxruntime"), sys.platform)).encode())
    try:
        return state_folder() / "models" / digest.hexdigest()
    except RuntimeError:
        return None


def _in_own_process(content: bytes, shapes: Shapes) -> None:
    executable = os.fsdecode(multiprocessing.spawn.get_executable() or "")  # programs that embed Python set it
    if not executable or getattr(sys, "frozen", False):
        return _here(content, shapes)
    # What is imported here is imported there; never what happens to lie in the current folder (-P).
    command = [executable, "-P", "-c", _CHILD, *filter(None, sys.path), str(_PACKAGE.parent)]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    except OSError:  # a place where no process can be started
        return _here(content, shapes)
    import onnxruntime  # noqa: F401  # heavy: meanwhile

    with process:
        try:
            told, _ = process.communicate(json.dumps(shapes).encode() + b"\n" + content, timeout=MOST_SECONDS)
        except BaseException as error:
            process.kill()
            if isinstance(error, subprocess.TimeoutExpired):
                raise ModelError(f"it is not tried out after {MOST_SECONDS:g} s") from error
            raise
    _, begun, answer = told.partition(_BEGUN)  # before it stands what a sitecustomize may say
    if not begun:  # it never came as far as the model
        return _here(content, shapes)
    if answer != _PASSED:
        raise ModelError(answer.decode("utf-8", "replace").strip() or "it ends the process that tries it out")


def _here(content: bytes, shapes: Shapes) -> None:
    check_step(open_session(content, on_trial=True), shapes)


def main() -> None:
    """What the process does: shapes and a model from standard input, what became of it to standard output."""
    import onnxruntime  # noqa: F401  # before memory has a bound

    given = sys.stdin.buffer
    shapes = {name: tuple(shape) for name, shape in json.loads(given.readline()).items()}
    content = given.read()
    _bound_process()
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    answers.write(_BEGUN)
    try:
        _here(content, shapes)
        open_session(content, on_trial=False)  # what ONNX Runtime works out ahead, within the same bounds
    except (ModelError, MemoryError) as error:
        answers.write((str(error) or "it needs too much memory").encode())
    else:
        answers.write(_PASSED)
    answers.close()
    os._exit(0)  # nothing of it needs to be put away


def _bound_process() -> None:
    try:
        import resource
    except ImportError:  # Windows: the arena of the trial is bounded alone
        return
    for bound, most in ((resource.RLIMIT_AS, MOST_MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # less was allowed already, or the system has no such bound
            resource.setrlimit(bound, (most, most))
