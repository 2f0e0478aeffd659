"""What a show loses is told, and what was recorded before the disk was full is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from stage import Halves, Stage, music

from bsep_stream.errors import AudioError, BusyError
from bsep_stream.files.audiofile import StemWriter
from bsep_stream.live.session.losttime import LostTime
from bsep_stream.live.session.recorder import Recorder

RATE = 48_000


def lengths_told(blocks: list[tuple[float, int]]) -> list[int]:
    """Of polls: time, and samples so far."""
    lost = LostTime(RATE)
    told = [lost.observe(seconds, captured) for seconds, captured in blocks]
    return [each for each in [*told, lost.finish()] if each]


@pytest.mark.parametrize("stopped", [1.0, 2.5])
@pytest.mark.parametrize("block", [64, 4096])
@pytest.mark.parametrize("ppm", [0, 300])
def test_time_that_the_process_stood_still_is_told_once(stopped: float, block: int, ppm: int) -> None:
    rate = RATE * (1 + 1e-6 * ppm)
    before = [0.1 * k for k in range(1, 40)]
    polls = [(t, int(t * rate) // block * block) for t in before]
    begin = polls[-1][1]
    polls += [(t + 3.9 + stopped, begin + int(t * rate) // block * block) for t in before]
    (told,) = lengths_told(polls)
    assert abs(told / RATE - stopped) < 0.1 + block / RATE


def test_at_the_very_end_it_is_told_too() -> None:
    polls = [(0.1 * k, 4800 * k) for k in range(1, 20)] + [(4.0, 4800 * 20)]
    assert abs(lengths_told(polls)[0] - 2.0 * RATE) < 4800


def test_a_burst_that_makes_up_is_no_loss() -> None:
    polls = [(0.1 * k, 4800 * k) for k in range(1, 20)] + [(3.0 + 0.1 * k, 4800 * (30 + k)) for k in range(20)]
    assert not lengths_told(polls)


@pytest.mark.parametrize("failing", [1, 3, 9])
def test_full_disk_keeps_what_was_recorded(
    tiny_model_path: Path,
    tmp_path: Path,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
    failing: int,
) -> None:
    """Whichever of the files has no room first: all end at the same sample."""
    stage = Stage(Halves(tiny_model_path), music(rng, 0.6, RATE), record=True)
    writer = Recorder(stage.engine, tmp_path)
    stage.run(0.2)
    writer.step()
    kept = writer.n_samples
    assert kept > 0
    usual, calls = StemWriter.write, [0]

    def full(self: StemWriter, block: np.ndarray) -> None:
        calls[0] += 1
        if calls[0] >= failing:
            raise AudioError("the disk is full")
        usual(self, block)

    monkeypatch.setattr(StemWriter, "write", full)
    stage.run(0.2)
    with pytest.raises(AudioError, match=r"the disk is full; the \S+ s before are kept"):
        writer.stop()
    names = ["input", *stage.engine.stem_names, "mix"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.wav" for name in names)
    assert sorted(writer.paths) == sorted(tmp_path.iterdir())
    sounds = {path.stem: soundfile.read(path, dtype="float32")[0] for path in writer.paths}
    lengths = {sound.size for sound in sounds.values()}
    assert len(lengths) == 1
    assert kept <= lengths.pop() < RATE
    n = sounds["input"].size
    assert np.array_equal(sounds["input"], stage.audio[0, :n])


def test_one_show_records_into_a_folder(tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    stages = [Stage(Halves(tiny_model_path), music(rng, 0.2, RATE), record=True) for _ in range(2)]
    first = Recorder(stages[0].engine, tmp_path)
    with pytest.raises(BusyError, match="another process"):
        Recorder(stages[1].engine, tmp_path, overwrite=True)
    first.stop()
    Recorder(stages[1].engine, tmp_path, overwrite=True).stop()
