"""What can go wrong on a stage, on purpose: no crash, bounded latency, right counters, no click, soon over.

Nothing here depends on the speed of the machine: see ``stage.py``. The first stem is muted, so that the separated
sound is 0.4 of the dry one and a bridge that clicks would be heard.
"""

from pathlib import Path

import numpy as np
import pytest
from stage import Halves, Stage, music, separated

from bsep_stream.effects.fader import RAMP_SECONDS
from bsep_stream.effects.rack import Rack, rack_from_dict
from bsep_stream.errors import StreamError
from bsep_stream.live.engine import latency
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream import ledger

RATE = 48_000
RAMP = round(RAMP_SECONDS * RATE)
RECOVERY_SECONDS = 1.0
ROUNDING = 1e-6
SHARE = 0.4  # of the dry sound, once the first stem is muted
CLICK = 1.1  # a step may be so many times the largest of the music around it: the fade adds up to a few percent
REVERB = {"effects": [{"type": "Reverb", "room_size": 0.2}]}


def make_stage(model: Path, rng: np.random.Generator, seconds: float = 2.5, **options: object) -> Stage:
    """A stage whose first stem is silent."""
    separator = Halves(model)
    rack = rack_from_dict({"stems": {separator.stem_names[0]: {"mute": True}}})
    return Stage(separator, music(rng, seconds, RATE), **{"rack": rack, **options})  # type: ignore[arg-type]


def assert_no_click(stage: Stage, begin: int = 0) -> None:
    """From a sample on, no step is larger than those of the dry music around it."""
    heard, dry = stage.heard[0], stage.audio[0]
    assert np.isfinite(heard).all()
    assert np.abs(heard).max() <= 1.0
    steps, dry_steps = np.abs(np.diff(heard)), np.abs(np.diff(dry))
    window = 4 * RAMP
    for start in range(begin, steps.size - window, window // 2):
        latest = start + window
        earliest = max(0, start - 4 * window)  # the dry music is late by the latency, which may have changed
        around = dry_steps[earliest:latest]
        if around.size:
            assert steps[start : start + window].max() <= CLICK * around.max() + ROUNDING, start


def assert_separated_again(stage: Stage, since: float, window_seconds: float = 0.2) -> None:
    """A second after a fault is over, what is heard is the separated sound at the latency that is declared."""
    end = stage.heard.shape[1]
    assert stage.now >= since + RECOVERY_SECONDS + window_seconds
    assert not stage.engine.bridging
    n, delay = round(window_seconds * RATE), stage.engine.latency_samples
    np.testing.assert_allclose(
        stage.heard[:, end - n :], SHARE * stage.audio[:, end - n - delay : end - delay], atol=ROUNDING
    )


def test_model_that_stalls_for_half_a_second(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    before = stage.engine.latency_samples
    stage.stalls = [(0.6, 0.5)]
    stage.run(2.4)
    counters = stage.engine.counters
    assert (counters.underruns, counters.overruns) == (1, 1)
    assert 0 < counters.dropped_samples < 0.5 * RATE
    assert 0.4 * RATE < counters.bridged_samples < 0.7 * RATE
    assert counters.late_hops > 0
    assert stage.engine.latency_samples == before
    assert_no_click(stage)
    assert_separated_again(stage, 1.1)


@pytest.mark.parametrize(("stall_seconds", "misses"), [(0.015, 0), (0.0202, 1)])
def test_short_stall_is_absorbed_by_the_cushion(
    stall_seconds: float, misses: int, tiny_model_path: Path, rng: np.random.Generator
) -> None:
    stage = make_stage(tiny_model_path, rng, cushion_ms=20.0)
    stage.stalls = [(0.3, stall_seconds)]
    stage.run(0.6)
    counters = stage.engine.counters
    assert counters.underruns == misses
    assert (counters.late_hops > 0) == (counters.bridged_samples > 0) == (misses > 0)


def test_stalled_stream_is_undisturbed_again_to_the_bit(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """With a real separator: it starts again on the grid of its hops, with all of the past that it needs."""
    audio = music(rng, 1.6, RATE)
    expected = separated(StreamingSeparator(tiny_model_path), audio).sum(axis=0)
    stage = Stage(StreamingSeparator(tiny_model_path), audio)
    stage.stalls = [(0.2, 0.5)]
    stage.run(1.5)
    assert stage.engine.counters.overruns == 1
    delay = stage.engine.latency_samples
    heard = stage.heard[:, delay:]
    (bridge,) = [event for event in stage.engine.counters.events if event.kind == "underrun"]
    (back,) = [event for event in stage.engine.counters.events if event.kind == "recovered"]
    np.testing.assert_array_equal(heard[:, : bridge.position], expected[:, : bridge.position])
    after = back.position + RAMP
    np.testing.assert_array_equal(heard[:, after:], expected[:, after : heard.shape[1]])
    assert heard.shape[1] - after > 0.3 * RATE


def test_late_blocks_that_come_in_a_burst(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    stage.late = [(0.5, 0.6)]
    stage.run(2.0)
    counters = stage.engine.counters
    assert (counters.underruns, counters.overruns) == (1, 1)
    assert 0 < counters.dropped_samples < 0.1 * RATE
    assert_no_click(stage)
    assert_separated_again(stage, 0.6)


@pytest.mark.parametrize("sizes", [(1, 64, 3), (64, 700, 64, 64), (32,) * 500 + (2048,) + (32,) * 2000])
def test_block_sizes_that_change(sizes: tuple[int, ...], tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng, sizes=sizes, block_size=64)
    stage.run(2.0)
    setting, hop = stage.engine.separator.setting, stage.engine.hop_samples
    assert stage.engine.latency(0).cushion_samples <= hop + ledger.default_cushion_samples(setting, hop, max(sizes))
    assert stage.engine.counters.underruns <= 1  # the first block that is larger than the cushion
    assert_no_click(stage)
    assert_separated_again(stage, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize("ppm", [200.0, -200.0])
def test_clocks_that_drift_apart(ppm: float, tiny_model_path: Path, rng: np.random.Generator) -> None:
    seconds, block = 18.0, 128
    stage = make_stage(tiny_model_path, rng, seconds, sizes=(block,), output_rate=RATE * (1 + ppm * 1e-6))
    stage.run(seconds - 0.5)
    counters = stage.engine.counters
    assert counters.slips >= 1
    assert abs(counters.slips - abs(ppm) * 1e-6 * seconds * RATE / block) <= 1  # callbacks know whole blocks only
    assert counters.dropped_samples == 0
    assert counters.underruns <= 1
    position = stage.engine._playback._next
    assert abs(stage.engine.input.end - position - stage.engine.latency_samples) < 0.02 * RATE  # still in step
    assert_no_click(stage)


def test_input_that_stands_still_while_the_output_runs(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """Two clocks: the input's blocks of half a second come late, all at once."""
    stage = make_stage(tiny_model_path, rng, sizes=(256,), output_rate=float(RATE))
    stage.late = [(0.5, 1.0)]
    stage.run(2.4)
    assert stage.engine.counters.underruns >= 1
    assert np.isfinite(stage.heard).all()
    assert not stage.engine.bridging
    assert abs(stage.engine.input.end - stage.engine._playback._next - stage.engine.latency_samples) < 0.02 * RATE
    end, n = stage.heard.shape[1], round(0.2 * RATE)
    position = stage.engine._playback._next
    expected = SHARE * stage.audio[:, position - n : position]
    np.testing.assert_allclose(stage.heard[:, end - n :], expected, atol=ROUNDING)


def test_device_that_vanishes_and_comes_back(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    before = stage.engine.latency_samples
    stage.run(0.5)
    silent_since = stage.heard.shape[1]
    stage.unplug(3.0)
    stage.run(1.3)
    assert stage.engine.latency_samples == before
    assert np.abs(stage.heard[:, silent_since]).max() < 0.01  # faded in from the silence of a device that is away
    assert_no_click(stage, silent_since)
    assert_separated_again(stage, 3.5, 0.1)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1e9])
@pytest.mark.parametrize("where", [slice(20_000, 20_001), slice(20_030, 20_100), slice(19_968, 20_992)])
def test_bad_input_is_counted_and_bridged(
    bad: float, where: slice, tiny_model_path: Path, rng: np.random.Generator
) -> None:
    stage = make_stage(tiny_model_path, rng, 2.0)
    clean = stage.audio.copy()
    stage.audio[:, where] = bad
    stage.run(1.8)
    assert stage.engine.counters.bad_input_samples == where.stop - where.start
    assert stage.engine.counters.bad_output_samples == stage.engine.counters.underruns == 0
    stage.audio = clean
    assert_no_click(stage)
    assert_separated_again(stage, 0.5)


def test_plugin_that_raises(tiny_model_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    separator = Halves(tiny_model_path)
    first, second = separator.stem_names[:2]
    rack = rack_from_dict({"stems": {first: {"mute": True}, second: REVERB}})
    stage = Stage(separator, music(rng, 2.5, RATE), rack=rack)
    stage.run(0.5)
    monkeypatch.setattr("bsep_stream.effects.boards.Board.process", raising)
    stage.run(0.01)
    monkeypatch.undo()
    stage.run(1.5)
    counters = stage.engine.counters
    assert counters.plugin_errors == 1
    assert [event.text for event in counters.events if event.kind == "plugin"] == [
        "it broke in the rack; the stems are mixed without effects until it is changed"
    ]
    assert_no_click(stage)
    assert_separated_again(stage, 0.5)  # without the reverb, and the first stem still mute
    stage.engine.desk.load(rack_from_dict({"stems": {first: {"mute": True, **REVERB}}}))
    stage.run(0.2)
    assert not stage.engine.bridging
    assert [event.kind for event in counters.events][-1] == "rack"


def test_new_rack_that_raises_leaves_the_old_one_playing(
    tiny_model_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = make_stage(tiny_model_path, rng)
    stage.run(0.5)
    stage.engine.desk.load(rack_from_dict({"stems": {stage.engine.stem_names[1]: REVERB}}))
    monkeypatch.setattr("bsep_stream.effects.boards.Board.process", raising)
    stage.run(0.01)
    monkeypatch.undo()
    stage.run(1.3)
    assert stage.engine.counters.plugin_errors == 1
    assert stage.engine.counters.underruns == 0
    assert_separated_again(stage, 0.51, 0.1)


def test_model_that_raises(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    stage.run(0.5)

    def fail(stems: np.ndarray) -> np.ndarray:
        stage.tamper = lambda stems: stems
        raise StreamError("the network is gone")

    stage.tamper = fail
    stage.run(1.5)
    counters = stage.engine.counters
    assert (counters.model_errors, counters.underruns) == (1, 1)
    assert_no_click(stage)
    assert_separated_again(stage, 0.5)


def test_stems_that_are_not_finite_never_reach_the_device(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    stage.tamper = lambda stems: np.full_like(stems, np.nan)
    stage.run(0.3)
    assert not stage.heard.any()


def test_machine_that_is_too_slow_plays_dry_and_says_so(tiny_model_path: Path, rng: np.random.Generator) -> None:
    stage = make_stage(tiny_model_path, rng)
    stage.real_time_factor = 2.0
    before = stage.engine.latency_samples
    stage.run(2.0)
    counters = stage.engine.counters
    assert counters.overruns > 1
    assert counters.dropped_samples > 0.2 * RATE
    assert counters.late_hops > 0
    assert counters.p99_ms == pytest.approx(2000.0 * stage.engine.hop_samples / RATE, rel=0.01)
    assert stage.engine.latency_samples <= before + latency.MOST_HOPS * stage.engine.hop_samples
    assert_no_click(stage)
    stage.real_time_factor = 0.3
    stage.audio = np.tile(stage.audio, 2)
    stage.run(1.4)
    assert_separated_again(stage, 2.0)


def test_repeated_misses_grow_the_latency_by_a_hop_and_room_shrinks_it(
    tiny_model_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "ROOM_SECONDS", 2.0)
    stage = make_stage(tiny_model_path, rng, 8.0)
    hop, before = stage.engine.hop_samples, stage.engine.latency_samples
    stage.stalls = [(at, 0.006 + (ledger.CALM_HOPS - 1) * hop / RATE) for at in (0.5, 1.0, 1.5)]
    stage.run(2.0)
    changes = [event for event in stage.engine.counters.events if event.kind == "latency"]
    assert stage.engine.counters.underruns == latency.REPEATED_MISSES
    assert [event.samples for event in changes] == [hop]
    assert stage.engine.latency_samples == before + hop
    stage.run(4.5)
    changes = [event for event in stage.engine.counters.events if event.kind == "latency"]
    assert [event.samples for event in changes] == [hop, -hop]
    assert stage.engine.latency_samples == before
    assert stage.engine.counters.underruns == latency.REPEATED_MISSES
    assert_no_click(stage)
    assert_separated_again(stage, 4.5)


def test_nothing_at_all_goes_wrong_in_an_empty_rack(tiny_model_path: Path, rng: np.random.Generator) -> None:
    """The faults above are faults: without them every counter stays at 0."""
    stage = make_stage(tiny_model_path, rng, 0.5, rack=Rack())
    stage.run(0.6)
    counts = stage.engine.counters.to_dict()
    assert {name for name, value in counts.items() if value} <= {"hops", "p50_ms", "p99_ms"}
    assert counts["p50_ms"] == pytest.approx(300.0 * stage.engine.hop_samples / RATE, rel=0.01)


def raising(*_: object) -> np.ndarray:
    raise RuntimeError("it broke")
