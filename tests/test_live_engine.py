"""The live engine, undisturbed: the same samples as a stream without a stage, at the latency that it declares."""

import gc
import math
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from stage import Halves, Stage, largest_step, music, separated

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.rack import Rack, rack_from_dict
from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.separator import StreamingSeparator

RATE = 48_000
RAMP = round(RAMP_SECONDS * RATE)
ROUNDING = 1e-6  # float32 sums in another order
EFFECTS = {
    "stems": {
        "first": {"gain_db": -3.0, "effects": [{"type": "Reverb", "room_size": 0.3}]},
        "second": {"effects": [{"type": "BrickwallLimiter", "lookahead_ms": 2.0}]},
        "residual": {"mute": True},
    }
}


@pytest.fixture
def effects(tiny_model_path: Path) -> Rack:
    first, second = StreamingSeparator(tiny_model_path).model.source_names
    stems = EFFECTS["stems"]
    return rack_from_dict({"stems": {first: stems["first"], second: stems["second"], "residual": stems["residual"]}})


def delayed(stage: Stage, n: int) -> np.ndarray:
    """What was heard, moved to where it belongs."""
    latency = stage.engine.latency_samples
    return stage.heard[:, latency : latency + n]


@pytest.mark.parametrize("latency", ["quality", 4.0, 0.5])
@pytest.mark.parametrize("sizes", [(64,), (1, 63, 200, 17), (256,)])
def test_output_is_the_stream_at_the_declared_latency(
    sizes: tuple[int, ...], latency: str | float, effects: Rack, tiny_model_path: Path, rng: np.random.Generator
) -> None:
    audio = music(rng, 0.2, RATE, 2)
    separator = StreamingSeparator(tiny_model_path, channels=2, latency=latency)
    mixer = effects.mixer(separator.stem_names, RATE, 2)
    stems = separated(separator, audio)
    expected = np.concatenate([mixer.process(stems), mixer.flush()], axis=1)[:, mixer.latency_samples :]
    stage = Stage(StreamingSeparator(tiny_model_path, channels=2, latency=latency), audio, sizes, rack=effects)
    stage.run(0.3)
    n = audio.shape[1] - 500  # after its end come zeros and not the flushed tail
    np.testing.assert_array_equal(delayed(stage, n), expected[:, :n])
    assert not stage.heard[:, : stage.engine.latency_samples].any()
    counters = stage.engine.counters
    assert counters.underruns == counters.late_hops == counters.dropped_samples == 0
    assert counters.hops > 0


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
def test_other_rates_keep_their_latency(rate: int, tiny_model_path: Path, rng: np.random.Generator) -> None:
    audio = music(rng, 0.3, rate)
    expected = separated(StreamingSeparator(tiny_model_path, sample_rate=rate), audio).sum(axis=0)
    stage = Stage(StreamingSeparator(tiny_model_path, sample_rate=rate), audio, (128,))
    stage.run(0.4)
    n = audio.shape[1]
    np.testing.assert_allclose(delayed(stage, n), expected, atol=ROUNDING)
    assert stage.engine.counters.underruns == 0


def test_latency_is_the_sum_of_its_parts(effects: Rack, tiny_model_path: Path) -> None:
    separator = StreamingSeparator(tiny_model_path)
    engine = LiveEngine(separator, rack=effects, block_size=100, cushion_ms=5.0)
    ledger = engine.latency(device_samples=300)
    assert ledger.boards_samples == effects.mixer(separator.stem_names, RATE, 1).latency_samples > 0
    assert ledger.cushion_samples == 240
    assert ledger.total_samples == engine.latency_samples + 300
    assert engine.latency_samples == separator.latency_samples + ledger.boards_samples + 240


def test_cushion_without_sense_is_refused(tiny_model_path: Path) -> None:
    with pytest.raises(ConfigError, match="the cushion must be 0 to 1000 ms, got -1"):
        LiveEngine(StreamingSeparator(tiny_model_path), cushion_ms=-1.0)


def test_worker_thread_gives_the_same_samples(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """The one test with threads. The audio thread is this one; it waits until the worker is through."""
    audio = music(rng, 0.2, RATE)
    expected = separated(StreamingSeparator(tiny_model_path), audio).sum(axis=0)
    engine = LiveEngine(StreamingSeparator(tiny_model_path), block_size=64)
    through = threading.Event()
    step = engine._worker.step

    def step_and_tell() -> bool:
        worked = step()
        if engine._worker.fed == engine.input.end:
            through.set()
        return worked

    engine._worker.step = step_and_tell  # type: ignore[method-assign]
    heard = []
    with engine:
        assert not gc.isenabled()
        assert sys.getswitchinterval() < 0.001
        for start in range(0, audio.shape[1], 64):
            out = np.empty((1, 64), dtype=np.float32)
            through.clear()
            engine.callback(audio[:, start : start + 64], out)
            assert through.wait(60.0)
            heard.append(out)
    assert gc.isenabled()
    joined, latency = np.concatenate(heard, axis=1), engine.latency_samples
    np.testing.assert_array_equal(joined[:, latency:], expected[:, : joined.shape[1] - latency])


def test_callback_allocates_no_audio(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """Only the small objects of slices: less than a block, for every block, also at a seam."""
    size = 1024
    stage = Stage(Halves(tiny_model_path), np.zeros((1, 0), dtype=np.float32), (size,))
    block, out = music(rng, 1.0, RATE)[:, :size], np.empty((1, size), dtype=np.float32)
    peaks = []
    for i in range(20):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        stage.engine.callback(block, out)
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
        while i < 10 and stage.engine.step():  # then the worker stops, and the dry sound takes over
            pass
    assert stage.engine.bridging
    assert max(peaks) < block.nbytes


def test_denormals_are_off_in_threads_that_start_after_the_model(tiny_model_path: Path) -> None:
    """In a process of its own: the first session of a process decides."""
    code = (
        "import sys, threading\nimport numpy as np\n"
        "from bsep_stream.model.separation_model import SeparationModel\n"
        "SeparationModel(sys.argv[1])\n"
        "found = []\n"
        "def work(): found.append(float((np.full(64, 1e-40, np.float32) * np.float32(0.5)).max()))\n"
        "thread = threading.Thread(target=work); thread.start(); thread.join()\n"
        "assert found == [0.0], found\n"
    )
    words = [sys.executable, "-c", code, str(tiny_model_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("move", ["gain", "mute", "solo", "bypass", "dry_wet", "master"])
def test_controls_ramp_over_ten_milliseconds(move: str, tiny_model_path: Path) -> None:
    """All stems are shares of a constant, so that what is heard is the gain itself."""
    stage = Stage(Halves(tiny_model_path), np.ones((1, RATE), dtype=np.float32))
    desk, first = stage.engine.desk, stage.engine.stem_names[0]
    stage.run(0.1)
    if move in ("bypass", "dry_wet"):
        desk.set_mute(first, True)
        stage.run(0.1)
    begin = stage.heard.shape[1]
    before = stage.heard[0, -1]
    moves = {
        "gain": (lambda: desk.set_gain_db(first, -20.0), 0.6 * 0.1 + 0.4),
        "mute": (lambda: desk.set_mute(first, True), 0.4),
        "solo": (lambda: desk.set_solo(first, True), 0.6),
        "master": (lambda: desk.set_gain_db("master", -math.inf), 0.0),
        "bypass": (lambda: desk.set_bypass(True), 1.0),
        "dry_wet": (lambda: desk.set_dry_wet(0.5), 0.7),
    }
    act, after = moves[move]
    act()
    stage.run(0.1)
    heard = stage.heard[0, begin:]
    assert heard[-1] == pytest.approx(after, abs=ROUNDING)
    moving = np.flatnonzero(np.abs(np.diff(heard)) > ROUNDING / 10)
    assert moving[-1] - moving[0] + 1 in (RAMP - 1, RAMP, RAMP + 1)
    assert largest_step(heard) == pytest.approx(abs(after - before) / RAMP, rel=0.01)


def test_bypass_is_the_input_bit_for_bit_and_remembers_dry_wet(tiny_model_path: Path, rng: np.random.Generator) -> None:
    audio = music(rng, 0.3, RATE)
    stage = Stage(Halves(tiny_model_path), audio)
    stage.engine.desk.set_mute(stage.engine.stem_names[0], True)
    stage.engine.desk.set_bypass(True)
    stage.run(0.4)
    settled = slice(2 * RAMP, audio.shape[1])
    np.testing.assert_array_equal(delayed(stage, audio.shape[1])[:, settled], audio[:, settled])
    assert (stage.engine.desk.bypass, stage.engine.desk.dry_wet) == (True, 1.0)


def test_mistakes_at_the_desk_are_sentences(tiny_model_path: Path) -> None:
    desk = LiveEngine(StreamingSeparator(tiny_model_path)).desk
    with pytest.raises(ConfigError, match="there is no stem 'tuba'"):
        desk.set_mute("tuba", True)
    with pytest.raises(ConfigError, match="at most 40 dB"):
        desk.set_gain_db("residual", 60.0)
    with pytest.raises(ConfigError, match="from 0"):
        desk.set_dry_wet(1.5)


def test_output_beyond_full_scale_is_limited_and_counted(tiny_model_path: Path, rng: np.random.Generator) -> None:
    audio = music(rng, 0.4, RATE)
    stage = Stage(Halves(tiny_model_path), audio)
    stage.run(0.1)
    assert stage.engine.counters.limited_samples == 0
    stage.engine.desk.set_gain_db("master", 20.0)
    stage.run(0.4)
    assert np.abs(stage.heard).max() <= 1.0
    assert np.abs(stage.heard).max() > 0.99
    assert stage.engine.counters.limited_samples > 0


def test_new_rack_is_faded_in_with_nothing_shifted(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """From no effects to effects with latency and back: always the stream's samples, apart from the crossfade."""
    audio = music(rng, 1.0, RATE)
    stage = Stage(Halves(tiny_model_path), audio)
    first = stage.engine.stem_names[0]
    late = rack_from_dict({"stems": {first: {"effects": [{"type": "BrickwallLimiter", "lookahead_ms": 4.0}]}}})
    before = stage.engine.latency_samples
    stage.run(0.2)
    stage.engine.desk.load(late)
    stage.run(0.3)
    assert stage.engine.latency(0).boards_samples == late.mixer(stage.engine.stem_names, RATE, 1).latency_samples
    grown = stage.engine.latency_samples
    end = stage.heard.shape[1]
    tail = slice(end - 2000, end)
    np.testing.assert_allclose(stage.heard[:, tail], audio[:, end - 2000 - grown : end - grown], atol=ROUNDING)
    stage.engine.desk.load(Rack())
    stage.run(0.3)
    end = stage.heard.shape[1]
    assert stage.engine.latency_samples == before < grown
    np.testing.assert_allclose(
        stage.heard[:, end - 2000 :], audio[:, end - 2000 - before : end - before], atol=ROUNDING
    )
    assert largest_step(stage.heard) <= 1.05 * largest_step(audio)
    assert stage.engine.counters.underruns == 0
    assert [event.kind for event in stage.engine.counters.events].count("rack") == 2


def test_rack_with_other_levels_only_keeps_its_effects(effects: Rack, tiny_model_path: Path) -> None:
    engine = LiveEngine(StreamingSeparator(tiny_model_path), rack=effects)
    engine.desk.set_gain_db(engine.stem_names[0], 2.0)
    commands = len(engine._worker.commands)
    engine.desk.load(effects)
    engine.step()
    assert commands == 1
    assert engine.desk.rack.stems[engine.stem_names[0]].gain_db == -3.0
    assert not [event for event in engine.counters.events if event.kind == "rack"]
