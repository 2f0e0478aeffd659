"""Recording while it plays, and hot reload of the rack."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from stage import Halves, Stage, music, separated

from bsep_stream.errors import AudioError
from bsep_stream.files import stemwriter
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.live.session import recorder as recording
from bsep_stream.live.session.rackwatch import SETTLE_SECONDS, RackWatch
from bsep_stream.live.session.recorder import Recorder
from bsep_stream.separator import StreamingSeparator

RATE, BLOCK = 48_000, 64
ROUNDING = 1e-6


def read(path: Path) -> np.ndarray:
    audio: np.ndarray = soundfile.read(path, dtype="float32", always_2d=True)[0].T
    return audio


def make_recording(model: Path, folder: Path, rng: np.random.Generator, seconds: float, **options: Any) -> Stage:
    """Play through a recorder that writes every tenth of a second, and finish."""
    stage = Stage(Halves(model), music(rng, seconds, RATE), record=True)
    stage.stalls = options.get("stalls", [])
    writer = Recorder(stage.engine, folder)
    while stage.now < seconds:
        stage.run(0.1)
        writer.step()
    writer.stop()
    return stage


def test_files_are_aligned_and_sum_to_the_input(
    tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    stage = make_recording(tiny_model_path, tmp_path, rng, 0.8)
    names = ["input", *stage.engine.stem_names, "mix"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.wav" for name in names)
    files = {name: read(tmp_path / f"{name}.wav") for name in names}
    n = stage.engine.input.end
    assert {file.shape for file in files.values()} == {(1, n)}
    played = np.pad(stage.audio, ((0, 0), (0, n)))[:, :n]
    np.testing.assert_array_equal(files["input"], played)
    done = n - stage.engine.separator.latency_samples - BLOCK  # the rest was not separated when the sound stopped
    expected = separated(Halves(tiny_model_path), played)
    for stem, name in zip(expected, stage.engine.stem_names, strict=True):
        np.testing.assert_array_equal(files[name][:, :done], stem[:, :done])
    np.testing.assert_allclose(files["mix"][:, :done], played[:, :done], atol=ROUNDING)


def test_what_was_given_up_is_silent_in_the_stems_and_dry_in_the_mix(
    tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    stage = make_recording(tiny_model_path, tmp_path, rng, 1.5, stalls=[(0.5, 0.4)])
    assert stage.engine.counters.overruns == 1
    sound, mix = read(tmp_path / "input.wav"), read(tmp_path / "mix.wav")
    stem = read(tmp_path / f"{stage.engine.stem_names[0]}.wav")
    assert sound.shape == mix.shape == stem.shape
    done = sound.shape[1] - stage.engine.separator.latency_samples - BLOCK
    np.testing.assert_allclose(mix[:, :done], sound[:, :done], atol=ROUNDING)  # Halves sum to the input anyway
    silent = np.abs(stem[0, :done]) == 0.0
    assert 0.2 * RATE < silent.sum() < 0.6 * RATE
    np.testing.assert_allclose(stem[0, :done][~silent], 0.6 * sound[0, :done][~silent], atol=ROUNDING)


def test_long_recording_goes_on_in_the_next_part(
    tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stemwriter, "_WAV_LIMIT_BYTES", 4 * 20_000)
    stage = make_recording(tiny_model_path, tmp_path, rng, 0.7)
    parts = [read(tmp_path / name) for name in ("input.wav", "input.2.wav")]
    assert all(part.shape[1] <= 20_000 for part in parts)
    joined = np.concatenate(parts, axis=1)
    np.testing.assert_array_equal(joined[:, : stage.audio.shape[1]], stage.audio[:, : joined.shape[1]])


def test_recording_refuses_to_overwrite(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "mix.wav").touch()
    engine = LiveEngine(StreamingSeparator(tiny_model_path), record=True)
    with pytest.raises(AudioError, match=r"mix.wav exists; give another --record folder, or --overwrite"):
        Recorder(engine, tmp_path)


def test_full_disk_ends_the_recording_and_not_the_music(
    tiny_model_path: Path, tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(Halves(tiny_model_path), music(rng, 0.5, RATE), record=True)
    monkeypatch.setattr(recording, "_STEP_SECONDS", 0.0)
    writer = Recorder(stage.engine, tmp_path)
    stage.run(0.2)

    def full(self: object, block: np.ndarray) -> None:
        raise AudioError("the disk is full")

    monkeypatch.setattr("bsep_stream.files.stemwriter.StemWriter.write", full)
    writer._work()
    stage.run(0.2)
    with pytest.raises(AudioError, match="the disk is full"):
        writer.stop()
    assert not list(tmp_path.iterdir())
    assert stage.engine.counters.underruns == 0
    assert [event.kind for event in stage.engine.counters.events] == ["record"]


@pytest.fixture
def watched(tiny_model_path: Path, tmp_path: Path) -> tuple[LiveEngine, RackWatch, Path, list[float]]:
    path = tmp_path / "rack.toml"
    path.write_text("[stems.residual]\nmute = true\n", encoding="utf-8")
    engine, now = LiveEngine(StreamingSeparator(tiny_model_path)), [0.0]
    return engine, RackWatch(engine, path, clock=lambda: now[0]), path, now


def save(path: Path, text: str) -> None:
    """Write, with a time of its own whatever the resolution of the file system."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_text(text, encoding="utf-8")
    os.utime(path, ns=(later, later))


def poll(watch: RackWatch, now: list[float]) -> None:
    watch.poll()
    now[0] += 1.1 * SETTLE_SECONDS
    watch.poll()


def test_saved_rack_is_loaded_when_it_has_settled(
    watched: tuple[LiveEngine, RackWatch, Path, list[float]],
) -> None:
    engine, watch, path, now = watched
    poll(watch, now)
    assert not engine.counters.events
    save(path, "[stems.residual]\ngain_db = -12.0\n")
    watch.poll()
    assert not engine.counters.events  # an editor may still be writing
    poll(watch, now)
    assert engine.desk.rack.stems["residual"].gain_db == -12.0
    assert [event.text for event in engine.counters.events] == [f"{path} was loaded"]


@pytest.mark.parametrize("broken", ["[stems", "[stems.tuba]\n", '[master]\neffects = [{ type = "Reverp" }]\n'])
def test_broken_rack_is_reported_and_the_old_one_plays_on(
    broken: str, watched: tuple[LiveEngine, RackWatch, Path, list[float]]
) -> None:
    engine, watch, path, now = watched
    save(path, "[stems.residual]\ngain_db = -12.0\n")
    poll(watch, now)
    save(path, broken)
    poll(watch, now)
    poll(watch, now)
    (_, event) = engine.counters.events
    assert event.text.endswith("; the old rack plays on")
    assert engine.desk.rack.stems["residual"].gain_db == -12.0
    path.unlink()
    poll(watch, now)
    assert "cannot read the rack" in engine.counters.events[-1].text
    path.write_text("[stems.residual]\ngain_db = -3.0\n", encoding="utf-8")
    poll(watch, now)
    assert engine.desk.rack.stems["residual"].gain_db == -3.0
