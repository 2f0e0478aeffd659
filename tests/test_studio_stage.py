"""The stage of the studio on devices that exist only in the tests: start, meters, desk, recording, stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
from soundcards import FakeLibrary, FakeStatus

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import BsepError
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.studio.stage import Stage

BLOCK = 256
CLOCK = SimpleNamespace(currentTime=0.0)
WISHES = {"input": 3, "output": 3, "latency": "quality"}  # the fake JACK system: one clock, two channels


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.fixture
def stage(library: FakeLibrary, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setattr(LiveEngine, "warm_up", lambda self: 0.0)  # a busy machine is not too slow
    stage = Stage(lambda: library)
    yield stage
    stage.stop()


def play(library: FakeLibrary, stage: Stage, seconds: float) -> np.ndarray:
    """Blocks through the callback of the devices, each once the worker has done the one before."""
    callback = library.streams[-1].options["callback"]
    engine: Any = stage._engine
    rng = np.random.default_rng(3)
    heard = []
    for _ in range(round(seconds * engine.sample_rate / BLOCK)):
        out = np.zeros((BLOCK, 2), np.float32)
        callback((0.1 * rng.standard_normal((BLOCK, 2))).astype(np.float32), out, BLOCK, CLOCK, FakeStatus())
        heard.append(out)
    return np.concatenate(heard)


def test_it_plays_and_says_how(stage: Stage, library: FakeLibrary, tiny_model_path: Path) -> None:
    assert stage.status()["playing"] is False
    stage.start("duet", tiny_model_path, Rack(), WISHES)
    assert stage.owner == "duet"
    heard = play(library, stage, 1.0)
    assert np.abs(heard).max() > 0.01
    status = stage.status()
    assert status["playing"]
    assert status["connected"]
    assert status["seconds"] == pytest.approx(1.0, abs=0.02)
    assert 0.1 < status["input"] < 1.0
    assert set(status["stems"]) == set(status["strips"])
    assert status["latency_ms"] > 0
    assert {"underruns", "late_hops", "p99_ms"} <= set(status["counters"])
    assert stage.stop()["playing"] is False
    assert stage.owner is None


def test_the_desk_moves(stage: Stage, library: FakeLibrary, tiny_model_path: Path) -> None:
    stage.start("duet", tiny_model_path, Rack(), WISHES)
    name = stage.status()["strips"].keys().__iter__().__next__()
    stage.move({"mute": [name, True], "gain": [name, -6.0], "wet": 0.5, "bypass": True})
    status = stage.status()
    assert status["strips"][name] == {"gain_db": -6.0, "mute": True, "solo": False}
    assert (status["wet"], status["bypass"]) == (0.5, True)
    for orders in ({"gain": ["nobody", 0.0]}, {"wet": 7}, {"wet": "x"}, {"dance": 1}, {"mute": []}, {"gain": [name]}):
        with pytest.raises(BsepError):
            stage.move(orders)


def test_what_is_played_is_recorded(stage: Stage, library: FakeLibrary, tiny_model_path: Path, tmp_path: Path) -> None:
    stage.start("duet", tiny_model_path, Rack(), WISHES)
    stage.record(tmp_path / "take")
    assert stage.status()["recording"]
    play(library, stage, 0.5)
    stage.record(None)
    assert not stage.status()["recording"]
    audio, rate = soundfile.read(tmp_path / "take" / "input.wav")
    assert len(audio) == pytest.approx(0.5 * rate, abs=BLOCK)
    assert (tmp_path / "take" / "mix.wav").exists()


def test_one_session_plays_at_a_time(stage: Stage, library: FakeLibrary, tiny_model_path: Path) -> None:
    stage.start("duet", tiny_model_path, Rack(), WISHES)
    with pytest.raises(BsepError, match="duet is playing"):
        stage.start("trio", tiny_model_path, Rack(), WISHES)


@pytest.mark.parametrize(
    ("wishes", "sentence"),
    [
        ({**WISHES, "input": 99}, "no input device"),
        ({**WISHES, "latency": 0.001}, "latency"),
        ({**WISHES, "device_latency": "none"}, "low or high"),
    ],
)
def test_wishes_that_cannot_be_are_refused_and_nothing_runs(
    stage: Stage, tiny_model_path: Path, wishes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(BsepError, match=sentence):
        stage.start("duet", tiny_model_path, Rack(), wishes)
    assert stage.owner is None
    with pytest.raises(BsepError, match="start it first"):
        stage.move({"wet": 1.0})


def test_devices_that_do_not_start_leave_the_stage_free(
    stage: Stage, library: FakeLibrary, tiny_model_path: Path
) -> None:
    library.refuse = True
    with pytest.raises(BsepError, match="do not start"):
        stage.start("duet", tiny_model_path, Rack(), WISHES)
    library.refuse = False
    stage.start("duet", tiny_model_path, Rack(), WISHES)
    assert stage.owner == "duet"
