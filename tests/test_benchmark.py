"""The benchmark: from a folder of recordings to tables, resumable, without a look at the stems while training."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from click.testing import CliRunner

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.train.benchmark import curve, find_items, judge, table, training, trial, true_f0
from bsep_stream.train.benchmark.ceilings import CEILING_GEOMETRY, CEILINGS, ceilings
from bsep_stream.train.benchmark.cli import main
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.truth import TrueTones, frame_centres, true_tones
from bsep_stream.train.config.presets import preset_config

RATE = 48_000
SECONDS = 1.5
LOW_HZ, HIGH_HZ = 220.0, 590.0
PITCH_CENTS = 2.0  # the finest grid of true pitches has steps of 1 cent


def midi(hz: float) -> float:
    return 69 + 12 * float(np.log2(hz / 440.0))


def write_item(folder: Path, *, notes: bool = True) -> None:
    """1.5 s of two steady tones with different harmonics; the high one begins after 0.5 s."""
    folder.mkdir(parents=True)
    time = np.arange(int(SECONDS * RATE)) / RATE
    low = sum(0.8**h * np.sin(2 * np.pi * LOW_HZ * h * time) for h in range(1, 9))
    high = sum(0.3**h * np.sin(2 * np.pi * HIGH_HZ * h * time) for h in range(1, 5)) * (time >= 0.5)
    stems = {"high": 0.1 * high, "low": 0.1 * low}
    for name, samples in stems.items():
        soundfile.write(folder / f"{name}.flac", samples, RATE, subtype="PCM_24")
    soundfile.write(folder / "mix.flac", sum(stems.values()), RATE, subtype="PCM_24")
    # The list is 30 cents off: the stem knows better.
    rows = {"high": [[0.5, 1.0, round(midi(HIGH_HZ)), 100 * (midi(HIGH_HZ) % 1 - 1) + 30, 80]]}
    rows["low"] = [[0.0, SECONDS, round(midi(LOW_HZ)), -30, 80]]
    instruments = [{"name": name, "notes": rows[name] if notes else None} for name in stems]
    columns = ["onset_s", "duration_s", "midi", "cents", "velocity"]
    (folder / "meta.json").write_text(json.dumps({"instruments": instruments, "note_columns": columns}))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_item(tmp_path / "data" / "01_low_high")
    return tmp_path / "data"


def test_items_are_found_by_the_beginning_of_their_names(data: Path) -> None:
    (item,) = find_items(data, ["01"])
    assert item.names == ("high", "low")
    with pytest.raises(ConfigError, match="found none"):
        find_items(data, ["02"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "low.flac").unlink(), "should hold low.flac"),
        (lambda folder: (folder / "meta.json").write_text("{}"), "should hold `instruments`"),
        (lambda folder: (folder / "meta.json").write_text("no JSON"), "should hold `instruments`"),
    ],
)
def test_folders_that_are_not_laid_out_so_are_refused(data: Path, change: Callable[[Path], Any], message: str) -> None:
    change(data / "01_low_high")
    with pytest.raises(BsepError, match=message):
        find_items(data)


@pytest.mark.parametrize("notes", [True, False], ids=["notes", "no notes"])
def test_true_pitches_come_from_the_stems(tmp_path: Path, notes: bool) -> None:
    write_item(tmp_path / "item", notes=notes)
    (item,) = find_items(tmp_path)
    f0_bin = true_f0(item, CEILING_GEOMETRY)
    time = frame_centres(int(SECONDS * RATE), CEILING_GEOMETRY) / RATE
    high, low = f0_bin * CEILING_GEOMETRY.bin_hz
    assert (high[time < 0.3] == 0).all()
    inside = (time > 0.6) & (time < 1.4)
    assert np.abs(1200 * np.log2(high[inside] / HIGH_HZ)).max() < PITCH_CENTS
    assert np.abs(1200 * np.log2(low[inside] / LOW_HZ)).max() < PITCH_CENTS


def test_ceilings_of_steady_tones_are_high_and_fall_with_wrong_pitches(data: Path) -> None:
    (item,) = find_items(data)
    tones = true_tones(item, CEILING_GEOMETRY)
    right = ceilings(item, tones, CEILING_GEOMETRY)["all"]
    assert tuple(right) == CEILINGS
    sdr = {name: values["mean"]["sdr_db"] for name, values in right.items()}
    assert min(sdr.values()) > 15.0  # steady and apart: only the beginnings are lost
    assert sdr["ideal mask"] > sdr["mask of joint peaks"]
    wrong = TrueTones(tones.f0_bin * np.float32(1.1), tones.inharmonicity)
    fallen = ceilings(item, wrong, CEILING_GEOMETRY)["all"]["mask of joint peaks"]["mean"]["sdr_db"]
    assert fallen < sdr["mask of joint peaks"] - 6.0


def test_search_judged_alone_separates_steady_tones(data: Path) -> None:
    result = CliRunner().invoke(judge.main, [str(data), "--set", "sweeps=2"])
    assert result.exit_code == 0, result.output
    mean = result.output.splitlines()[2].split("|")[-3]
    sdr, sir, _ = (float(value) for value in mean.split("/"))
    assert sdr > 12.0  # steady tones far apart: only the edges are lost
    assert sir > 20.0


def test_benchmark_trains_in_a_child_judges_and_keeps_what_is_finished(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = [str(data), "--output", str(output), "--iterations", "2"]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    summary = json.loads((output / "results.json").read_text())
    (result,) = summary["trials"]
    assert result["iterations"] == 2
    assert result["peak_memory_mb"] > 50
    assert result["threads"] == torch.get_num_threads()
    for part in ("all", "second half"):
        assert set(result["measures"][part]) == set(table.KINDS)
    shares = [result["diagnostics"]["labels"][error] for error in ("right", "wrong_instrument", "octave", "missed")]
    assert shares == [pytest.approx(1.0, abs=0.05), 0.0, 0.0, pytest.approx(0.0, abs=0.05)]
    text = (output / "results.md").read_text()
    assert "mask of joint peaks" in text
    assert "| 01_low_high | mask | 1 | high" in text
    checkpoint = output / "01_low_high-fast-seed0" / "run" / "checkpoint.safetensors"
    written = checkpoint.stat().st_mtime_ns
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 0
    assert checkpoint.stat().st_mtime_ns == written
    other = CliRunner().invoke(main, [*arguments[:-1], "3"])
    assert other.exit_code == 2
    assert "choose another --output" in other.output


class Begun(Exception):
    """In place of a training."""


def test_first_half_trains_on_the_first_half_alone(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (item,) = find_items(data)
    requests: list[training.Request] = []

    def run(request: training.Request) -> None:
        requests.append(request)
        raise Begun

    monkeypatch.setattr(trial, "run_in_process", run)
    with pytest.raises(Begun):
        trial.run_trial(item, tmp_path / "out", trial.Settings(iterations=1), 0, "first half")
    half, _ = soundfile.read(requests[0].mixture)
    whole, _ = soundfile.read(item.mixture)
    np.testing.assert_array_equal(half, whole[: len(whole) // 2])


def test_curve_judges_copies_on_the_way(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick_search: None
) -> None:
    """In this process, and with the same measures for every copy: export and separation are tested elsewhere."""
    requests: list[training.Request] = []

    def run(request: training.Request) -> None:
        requests.append(request)
        training.main(request.arguments(), standalone_mode=False)

    def measures(_item: Item, run: Path, _place: Path, _output: Path) -> dict[str, Any]:
        assert (run / "checkpoint.safetensors").exists()
        return {"measures": {"all": {kind: {"mean": {"sdr_db": 3.0}} for kind in table.KINDS}}}

    monkeypatch.setattr(curve, "run_in_process", run)
    monkeypatch.setattr(curve, "judge_run", measures)
    output = tmp_path / "out"
    arguments = [str(data), "--output", str(output), "--iterations", "3", "--curve", "1,2,50"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    points = json.loads((output / "curve.json").read_text())
    assert [point["iterations"] for point in points] == [1, 2]  # the run never gets to 50
    assert points[1]["flops"] == pytest.approx(2 * points[0]["flops"])
    assert points[1]["seconds"] > points[0]["seconds"]
    assert (output / "curve.png").stat().st_size > 1_000
    again = CliRunner().invoke(main, arguments)
    assert again.exit_code == 0, again.output
    assert len(requests) == 1


def test_flops_of_a_run_are_those_of_its_two_stages() -> None:
    fast = preset_config("fast", ("high", "low"))
    imitation, policy_gradient = curve.flops_per_iteration(fast)
    assert imitation > 0
    half = fast.imitation.iterations
    assert curve.flops_until(fast, half - 1) == pytest.approx((half - 1) * imitation)
    assert curve.flops_until(fast, half + 10) == pytest.approx(half * imitation + 10 * policy_gradient)
    ended_early = curve.flops_until(fast, half + 10, half - 5)
    assert ended_early == pytest.approx((half - 5) * imitation + 15 * policy_gradient)


def test_wrong_options_are_told_in_a_sentence(data: Path, tmp_path: Path) -> None:
    arguments = [str(data), "--output", str(tmp_path / "out")]
    for options, message in [
        (["--seeds", "a"], "whole numbers"),
        (["--seeds", "1,1"], "whole numbers"),
        (["--minutes", "0"], "more than 0"),
        (["--preset", "faster"], "preset must be"),
        (["--curve", "10", "--seeds", "0,1"], "one item and one seed"),
    ]:
        result = CliRunner().invoke(main, [*arguments, *options])
        assert result.exit_code == 2
        assert message in result.output
