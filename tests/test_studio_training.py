"""Trainings of the studio as processes: they end with it, lose nothing, go on, and say what went wrong."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from studiovisit import PATIENCE_SECONDS, WORKSHOP, write_duet

for module in ("torch", "onnx", "safetensors"):
    pytest.importorskip(module)

from bsep_stream.demo import SOURCE_NAMES
from bsep_stream.errors import ConfigError
from bsep_stream.studio.noteboard import give_notes, read_board
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder
from bsep_stream.studio.sessions import change
from bsep_stream.studio.training import Trainings, verdict_of
from bsep_stream.train.workshop import stopwatch
from bsep_stream.train.workshop.stopwatch import demo_session, first_stems

ENDLESS = 1_000_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SessionFolder:
    monkeypatch.setattr(stopwatch, "MIX", write_duet(tmp_path / "mix.flac"))
    return demo_session(tmp_path / "sessions")


@pytest.fixture
def trainings() -> Iterator[Trainings]:
    trainings = Trainings([sys.executable, str(WORKSHOP)])
    yield trainings
    trainings.close()


def wait(trainings: Trainings, folder: SessionFolder, reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The state that a training reaches; a condition, polled while it runs, however long that takes."""
    glance = threading.Event()
    while True:
        state = trainings.state(folder)
        if reached(state):
            return state
        assert state["running"], f"it ended as {state}: {folder.log.read_text()}"
        glance.wait(0.05)  # leaves the processor to the training


def test_a_studio_that_closes_lets_trainings_save_and_another_goes_on(folder: SessionFolder) -> None:
    change(folder, {"iterations": ENDLESS})
    first = Trainings([sys.executable, str(WORKSHOP)])
    first.start(folder)
    with pytest.raises(ConfigError, match="being trained already"):
        first.start(folder)
    wait(first, folder, lambda state: state.get("iterations", 0) > 2)
    first.close()  # its standard input ends, as when the studio is killed
    state = first.state(folder)
    assert (state["phase"], state["running"]) == ("paused", False)
    second = Trainings([sys.executable, str(WORKSHOP)])
    try:
        second.start(folder)
        wait(second, folder, lambda now: now["phase"] == "learning" and now.get("iterations", 0) > state["iterations"])
        second.order(folder, "finish")
        state = wait(second, folder, lambda now: now["phase"] == "done")
    finally:
        second.close()
    assert set(state["versions"]) == {FIRST, LEARNED}
    verdict = verdict_of(folder)
    assert verdict is not None
    assert verdict["sentences"]


def test_a_correction_changes_its_passage_and_nothing_else(folder: SessionFolder, trainings: Trainings) -> None:
    taken = first_stems(trainings, folder)
    assert taken["CPU, all of it"] > 0.0
    assert taken["first stems after"] >= taken["listening"]
    path = folder.stems(FIRST, "duet") / f"{SOURCE_NAMES[0]}.wav"
    before, _ = soundfile.read(path, dtype="float32")
    note = next(note for note in read_board(folder, "duet")["notes"] if note["start"] > 0.55)
    moved = give_notes(folder, "duet", [note["id"]], SOURCE_NAMES[0])
    answer = trainings.correct(folder, "duet", moved["start"], moved["end"])
    after, _ = soundfile.read(path, dtype="float32")
    start, end = answer["start"], answer["end"]
    assert np.array_equal(after[:start], before[:start])
    assert np.array_equal(after[end:], before[end:])
    inside = slice(round(note["start"] * 48_000), round(note["end"] * 48_000))
    assert np.std(after[inside]) > 2 * np.std(before[inside])
    stems = [soundfile.read(each, dtype="float32")[0] for each in folder.stems(FIRST, "duet").glob("*.wav")]
    assert np.abs(sum(stems) - soundfile.read(folder.takes()["duet"], dtype="float32")[0]).max() < 1e-5


def test_what_went_wrong_is_said_in_a_sentence(folder: SessionFolder, trainings: Trainings) -> None:
    soundfile.write(folder.recordings / "duet.flac", np.zeros(48_000), 48_000)
    trainings.start(folder)
    trainings._running[folder.path].wait(PATIENCE_SECONDS)
    state = trainings.state(folder)
    assert state["phase"] == "failed"
    assert "is silent" in state["message"]
