"""Processes that learn, one for each session, and what they say of themselves."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from bsep_stream.errors import ConfigError, MissingDependency
from bsep_stream.report.runfiles import is_run, read_run
from bsep_stream.studio.fulldisk import FULL_DISK, is_full
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder, read_json

WORKSHOP = "bsep_stream.train.workshop"
BUSY = ("starting", "listening", "first stems", "learning", "writing")
"""Phases in which a process is at work."""

OF_THE_COMMAND = "with --seeds 3, or "
"""What warnings advise that a page does not offer."""

PATIENCE_SECONDS = 60.0
"""What a process may take to save and end, when the studio ends."""


class Trainings:
    """Training and correcting processes of all sessions.

    Parameters
    ----------
    command : sequence of str, optional
        What begins one, before the folder.
    """

    def __init__(self, command: Sequence[str] = (sys.executable, "-m", WORKSHOP)) -> None:
        self._command = tuple(command)
        self._running: dict[Path, subprocess.Popen[str]] = {}
        self._correctors: dict[Path, Corrector] = {}
        self._lock = threading.Lock()

    def start(self, folder: SessionFolder, how: str = "start") -> None:
        """Begin or go on; ``anew``: a new run with the corrected notes; ``longer``: as long again.

        Raises
        ------
        ConfigError
            Nothing to learn from, nobody named, or it runs already.
        MissingDependency
            Training is not installed.
        """
        require_training()
        about = folder.read()
        if not about.get("recordings"):
            raise ConfigError("drop a recording first")
        if len(about.get("sources", [])) < 2:
            raise ConfigError("name the instruments first, from the highest to the lowest: two at least")
        with self._lock:
            if self.runs(folder):
                if self._at_work(folder):
                    raise ConfigError("this session is being trained already")
                self._running[folder.path].wait(PATIENCE_SECONDS)  # it has said its last word
            self._close_corrector(folder)
            others = sum(process.poll() is None for process in self._running.values())
            threads = max(1, (os.cpu_count() or 1) // (others + 1))
            log = folder.log.open("w", encoding="utf-8")
            try:
                self._running[folder.path] = self._begin(folder, [] if how == "start" else [f"--{how}"], log, threads)
            finally:
                log.close()

    def order(self, folder: SessionFolder, word: str) -> None:
        """Say ``pause`` (save and end) or ``finish`` (end, and make model and stems of what was learned)."""
        with self._lock:
            process = self._running.get(folder.path)
            if process is None or process.poll() is not None:
                raise ConfigError("this session is not being trained")
            assert process.stdin is not None
            try:
                process.stdin.write(f"{word}\n")
                process.stdin.flush()
            except (BrokenPipeError, ValueError):
                pass  # it has just ended, or was told before

    def runs(self, folder: SessionFolder) -> bool:
        """Whether a process of this studio is there."""
        process = self._running.get(folder.path)
        return process is not None and process.poll() is None

    def state(self, folder: SessionFolder) -> dict[str, Any]:
        """How far a session is, for its page."""
        process = self._running.get(folder.path)
        return state_of(folder, None if process is None or process.poll() is not None else process.pid)

    def _at_work(self, folder: SessionFolder) -> bool:
        return bool(self.state(folder)["running"])

    def correct(self, folder: SessionFolder, take: str, start: float, end: float) -> dict[str, Any]:
        """Make the first stems of a passage anew, from the notes as they stand; what is new, in samples."""
        require_training()
        with self._lock:
            corrector = self._correctors.get(folder.path)
            if corrector is None or not corrector.alive:
                corrector = Corrector(self._begin(folder, ["--correct"], subprocess.DEVNULL, 1))
                self._correctors[folder.path] = corrector
        return corrector.ask({"take": take, "start": start, "end": end})

    def warm_up(self, folder: SessionFolder) -> None:
        """Begin the process that corrects, so that the first correction need not wait for it."""
        if not (folder.search / "labels.npz").exists() or self.runs(folder):
            return
        require_training()
        with self._lock:
            corrector = self._correctors.get(folder.path)
            if corrector is None or not corrector.alive:
                self._correctors[folder.path] = Corrector(self._begin(folder, ["--correct"], subprocess.DEVNULL, 1))

    @contextmanager
    def resting(self, folder: SessionFolder) -> Iterator[None]:
        """Nothing works on a session meanwhile, and nothing begins to; ConfigError if it is being trained."""
        with self._lock:
            if self.runs(folder):
                if self._at_work(folder):
                    raise ConfigError("this session is being trained: pause it first, or let it end")
                self._running[folder.path].wait(PATIENCE_SECONDS)
            self._close_corrector(folder)
            yield

    def forget(self, folder: SessionFolder) -> None:
        """End what belongs to a session that goes away."""
        with self._lock:
            self._close_corrector(folder)
            process = self._running.pop(folder.path, None)
        _end(process)

    def close(self) -> None:
        """Let all of them save and end."""
        with self._lock:
            running, self._running = list(self._running.values()), {}
            for path in list(self._correctors):
                self._close_corrector(SessionFolder(path))
        for process in running:
            if process.stdin is not None and process.poll() is None:
                process.stdin.close()
        for process in running:
            _end(process)

    def _begin(
        self, folder: SessionFolder, options: Sequence[str], errors: IO[str] | int, threads: int
    ) -> subprocess.Popen[str]:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        return subprocess.Popen(
            [*self._command, str(folder.path), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if "--correct" in options else errors,
            stderr=errors,
            text=True,
            encoding="utf-8",
            env=environment,
            start_new_session=os.name == "posix",  # Ctrl-C in the studio's terminal is told, and not shared
        )

    def _close_corrector(self, folder: SessionFolder) -> None:
        corrector = self._correctors.pop(folder.path, None)
        if corrector is not None:
            corrector.close()


class Corrector:
    """A process that makes stems of corrected notes, asked one question at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()
        self._ready = False

    @property
    def alive(self) -> bool:
        """Whether it answers."""
        return self._process.poll() is None

    def ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer; ConfigError if it has none."""
        with self._lock:
            if not self._ready:
                self._read()
                self._ready = True
            assert self._process.stdin is not None
            try:
                self._process.stdin.write(json.dumps(question) + "\n")
                self._process.stdin.flush()
            except OSError as error:
                raise ConfigError("the correction was kept, but its stems could not be made; try again") from error
            answer = self._read()
        if "error" in answer:
            raise ConfigError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """End it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        _end(self._process)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ConfigError("the correction was kept, but its stems could not be made; try again")
        answer: dict[str, Any] = json.loads(line)
        return answer


def require_training() -> None:
    """MissingDependency if the extra is not installed."""
    for module in ("torch", "onnx", "safetensors"):
        if importlib.util.find_spec(module) is None:
            raise MissingDependency(f'training needs {module}: pip install "bsep-stream[train]", then start again')


def state_of(folder: SessionFolder, pid: int | None = None) -> dict[str, Any]:
    """How far a session is, as its files say.

    Parameters
    ----------
    folder : SessionFolder
    pid : int or None
        Of the process that is at work on it; None if there is none.
    """
    values = read_json(folder.progress)
    state: dict[str, Any] = values if isinstance(values, dict) else {"phase": "new"}
    nothing = {"share": None, "seconds_left": None, "message": None}
    running = pid is not None
    if running and state.get("pid") != pid:  # it has not said anything yet
        state = {**state, **nothing, "phase": "starting"}
    elif running and state["phase"] not in BUSY:  # it has said its last word
        running = False
    elif not running and state["phase"] in BUSY:  # the process or the studio was killed
        saved = (folder.run / "checkpoint.safetensors").exists() or (folder.search / "labels.npz").exists()
        state = {**state, **nothing, "phase": "paused" if saved else "failed"}
        state["message"] = "It was interrupted; what had been saved is there." if saved else last_words(folder)
        if is_full(folder.path):  # it could not even say so
            state["message"] = FULL_DISK
    state["running"] = running
    state["versions"] = {name: at for name, at in state.get("versions", {}).items() if name in (FIRST, LEARNED)}
    return state


def last_words(folder: SessionFolder) -> str:
    """Why a process ended that left no message."""
    try:
        lines = folder.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        lines = []
    return f"The training ended early: {lines[-1][:300]}" if lines else "The training was interrupted; begin again."


def verdict_of(folder: SessionFolder) -> dict[str, Any] | None:
    """What the run says of itself: sentences, warnings, passages; None before its end."""
    values = read_json(folder.run / "verdict.json")
    if not isinstance(values, dict) or not is_run(folder.run):
        return None
    said = [str(text) for text in values.get("warnings", [])]
    takes = {path.name: take for take, path in folder.takes().items()}
    return {
        "explained": values.get("explained_share"),
        "sources": values.get("source_shares"),
        "sentences": [str(text) for text in values.get("sentences", []) if text not in said],
        "warnings": [text.replace(OF_THE_COMMAND, "") for text in said],
        "passages": [
            {
                "take": takes.get(passage.get("recording")),
                "start": passage["start_seconds"],
                "end": passage["end_seconds"],
                "share": passage["unexplained_share"],
            }
            for passage in values.get("passages", [])
        ],
        "iterations": read_run(folder.run).progress.get("iterations"),
    }


def _end(process: subprocess.Popen[str] | None) -> None:
    if process is None:
        return
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
