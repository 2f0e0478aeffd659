"""`bsep info`: models and runs, in words and as JSON, without torch."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from onnxparts import with_metadata

from bsep_stream.cli import main
from bsep_stream.effects.rack import load_rack
from bsep_stream.errors import RunError
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.report.info import describe, describe_model, read_losses, read_run
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.ledger import USUAL_BLOCK, default_cushion_samples

LATE_RACK = '[stems.flute]\neffects = [{type = "BrickwallLimiter", lookahead_ms = 2.0}]\n'


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["info", *map(str, args)])


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A training run as docs/internals.md says it looks."""
    folder = tmp_path / "RUN"
    folder.mkdir()
    geometry = {"sample_rate": 48_000, "n_fft": 8192, "n_bins": 2048, "hop_length": 1024, "sigma_samples": 1024.0}
    progress = {
        "version": "0.1.0",
        "preset": "fast",
        "source_names": ["recorder", "violin"],
        "seed": 7,
        "gain": 10.0,
        "iterations": 300,
        "seconds": 90.0,
        "target_iterations": 1000,
        "target_seconds": None,
        "dropped_steps": 2,
        "finished": False,
        "recordings": [{"name": "mix.flac", "path": "/music/mix.flac", "duration_seconds": 20.0, "sha256": "0"}],
    }
    rows = [[1.0, 0.5, 0.25], [0.1, 1.0, 0.0]]
    (folder / "config.json").write_text(json.dumps({"preset": "fast", "geometry": geometry}))
    (folder / "run.json").write_text(json.dumps(progress))
    (folder / "dictionary.json").write_text(
        json.dumps({"source_names": ["recorder", "violin"], "relative_amplitudes": rows})
    )
    (folder / "log.csv").write_text("iteration,seconds,total,direct\n1,0.5,0.3,\n2,1.0,0.2,0.1\n3,1.5,0.")
    return folder


def test_model_is_described_as_its_metadata_say(tiny_model_path: Path) -> None:
    facts = json.loads(run(tiny_model_path, "--json").stdout)
    assert facts["kind"] == "model"
    assert facts["source_names"] == ["flute", "oboe"]
    assert facts["geometry"]["n_fft"] == 512
    assert facts["gain"] == 3.0
    assert facts["dictionary"][0] == [1.0, 0.5, 0.25, 0.125, 0.0625]
    latency = facts["latency"]
    assert latency["algorithmic_samples"] == 512 - 64
    assert latency["total_samples"] == 512 - 64 + 63
    assert latency["total_ms"] == pytest.approx(1000 * 511 / 48_000)


def test_a_model_says_how_long_its_sources_ring_on(tiny_model_path: Path, tmp_path: Path) -> None:
    assert json.loads(run(tiny_model_path, "--json").stdout)["decay_seconds"] == []
    assert "rings on" not in run(tiny_model_path).stdout
    model = tmp_path / "harp.onnx"
    model.write_bytes(with_metadata(tiny_model_path, lambda metadata: metadata.update(decay_seconds=[0.25, 2.43])))
    assert json.loads(run(model, "--json").stdout)["decay_seconds"] == [0.25, 2.43]
    assert "flute 0.2 s, oboe 2.4 s" in run(model).stdout


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000])
@pytest.mark.parametrize("latency", ["quality", "live", 60.0])
def test_latency_is_that_of_the_stream_and_the_stage(
    latency: str | float, rate: int, models_folder: Path, tmp_path: Path
) -> None:
    model = models_folder / "split_fast.onnx"
    (tmp_path / "late.toml").write_text(LATE_RACK)
    facts = json.loads(
        run(
            model,
            "--json",
            *("--latency", str(latency)),
            *("--sample-rate", str(rate)),
            *("--rack", tmp_path / "late.toml"),
        ).stdout
    )
    assert facts["stream_sample_rate"] == rate
    separator = StreamingSeparator(model, sample_rate=rate, latency=latency)
    rack = load_rack(tmp_path / "late.toml")
    boards = rack.mixer(separator.stem_names, rate, 1).latency_samples
    assert boards > 0
    parts = {**asdict(separator.latency), "boards_samples": boards}
    total = separator.latency_samples + boards
    assert facts["latency"] == {**parts, "total_samples": total, "total_ms": pytest.approx(1000 * total / rate)}

    engine = LiveEngine(separator, rack=rack)
    cushion = default_cushion_samples(separator.setting, engine.hop_samples, USUAL_BLOCK)
    live = facts["live_latency"]
    assert live["cushion_samples"] == cushion
    assert live["total_samples"] == total + cushion == engine.latency().total_samples
    assert live.items() >= parts.items()
    samples = (*facts["latency"].items(), *live.items())
    assert all(isinstance(value, int) for key, value in samples if key.endswith("_samples"))


def test_latency_of_nothing_special_is_that_of_the_model_alone(tiny_model_path: Path) -> None:
    facts = describe_model(tiny_model_path)
    assert set(facts["latency"]) == {
        *("algorithmic_samples", "adaptation_samples", "resampler_samples"),
        *("total_samples", "total_ms"),
    }
    assert facts["stream_sample_rate"] == 48_000
    live = facts["live_latency"]
    assert live["boards_samples"] == live["resampler_samples"] == 0
    assert "device_samples" not in live
    assert live["total_samples"] == facts["latency"]["total_samples"] + live["cushion_samples"]


def test_table_has_a_line_for_the_stream_and_one_for_the_stage(tiny_model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "late.toml").write_text(LATE_RACK)
    shown = run(tiny_model_path, "--sample-rate", 44_100, "--rack", tmp_path / "late.toml").stdout
    facts = describe_model(tiny_model_path, sample_rate=44_100, rack=load_rack(tmp_path / "late.toml"))
    latency, live = facts["latency"], facts["live_latency"]
    words = " ".join(shown.split())
    assert "48000 Hz, the stream 44100 Hz" in words
    assert f"latency {latency['total_samples']} samples ({latency['total_ms']:.1f} ms): algorithmic" in words
    for part in ("resampler", "boards"):
        assert f"{part} {latency[f'{part}_samples']}" in words
    assert f"bsep live {live['total_samples']} samples ({live['total_ms']:.1f} ms)" in words
    assert f"with a cushion of {live['cushion_samples']}; the device adds its buffers" in words
    plain = run(tiny_model_path).stdout
    assert not [part for part in ("resampler", "boards", "the stream") if part in plain]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sample-rate", "100"), "sample_rate must be a whole number from 4000 to 768000, got 100"),
        (("--latency", "soon"), "quality, balanced, live or a number of milliseconds, got 'soon'"),
        (("--rack", "tuba.toml"), "[stems.tuba], but there is no such stem; valid: flute, oboe, residual"),
        (("--rack", "nowhere.toml"), "cannot read the rack"),
    ],
)
def test_stream_that_cannot_be_is_one_sentence(
    options: tuple[str, str], sentence: str, tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tuba.toml").write_text("[stems.tuba]\ngain_db = -3\n")
    monkeypatch.chdir(tmp_path)
    result = run(tiny_model_path, *options)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert sentence in result.stderr


@pytest.mark.parametrize("option", ["--latency=live", "--sample-rate=44100", "--rack=hall"])
def test_run_has_no_stream(option: str, run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = run(run_folder, option)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert f"{option.partition('=')[0]} goes with a model" in result.stderr
    monkeypatch.chdir(run_folder)
    Path("bsep.toml").write_text('[info]\nlatency = "live"\nsample-rate = 44100\nrack = "hall"\n')
    assert run(run_folder).exit_code == 0  # a file of defaults is for models, too
    assert "live_latency" not in describe(run_folder)


def test_table_of_a_model_names_the_essentials(tiny_model_path: Path) -> None:
    result = run(tiny_model_path)
    assert result.exit_code == 0
    for part in (
        "flute, oboe",
        "48000 Hz",
        "511 samples (10.6 ms)",
        "algorithmic 448",
        "quality 10.6, balanced 10.6, live 10.6, soonest 0.3 ms",
        "+9.5 dB",
        "1.00",
        ".50",
        "█▇▆▅▄",
    ):
        assert part in result.stdout, part


def test_run_is_described_by_its_plain_files(run_folder: Path) -> None:
    facts = describe(run_folder)
    assert facts["kind"] == "run"
    assert facts["dictionary"] == [[1.0, 0.5, 0.25], [0.1, 1.0, 0.0]]
    assert facts["latency"]["total_samples"] == 8191
    late = facts["latencies_ms"]
    assert late["quality"] == pytest.approx(1000 * 8191 / 48_000)
    assert late["quality"] > 75 >= late["balanced"] > 23 >= late["live"] > 10 > late["soonest"]
    assert facts["training"]["seed"] == 7
    json.loads(run(run_folder, "--json").stdout)
    shown = " ".join(run(run_folder).stdout.split())
    for part in ("300 iterations of 1000", "1.5 min", "seed 7", "2 steps dropped", "on mix.flac", "+20.0 dB"):
        assert part in shown, part


def test_latency_of_a_run_is_that_of_its_model(tiny_model_path: Path, run_folder: Path) -> None:
    config = json.loads((run_folder / "config.json").read_text())
    model = describe(tiny_model_path)
    config["geometry"] = model["geometry"]
    (run_folder / "config.json").write_text(json.dumps(config))
    assert describe(run_folder)["latency"] == model["latency"]


def test_log_is_read_up_to_the_last_whole_row(run_folder: Path) -> None:
    losses = read_losses(run_folder)
    assert list(losses) == ["iteration", "seconds", "total", "direct"]
    np.testing.assert_array_equal(losses["iteration"], [1, 2])
    np.testing.assert_array_equal(losses["direct"], [np.nan, 0.1])
    (run_folder / "log.csv").write_text("iteration,seconds,total\n")
    assert read_losses(run_folder)["total"].shape == (0,)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("config.json", "{", "config.json cannot be read"),
        ("config.json", "{}", "is damaged"),
        ("config.json", '{"geometry": {"n_fft": 8}}', "is damaged"),
        ("run.json", "[]", "run.json is damaged"),
        ("run.json", "{}", "run.json is damaged"),
        ("run.json", None, "run.json cannot be read"),
        ("dictionary.json", '{"source_names": ["a"], "relative_amplitudes": [[1], [2]]}', "is damaged"),
        ("dictionary.json", '{"source_names": ["a"], "relative_amplitudes": [[NaN]]}', "is damaged"),
    ],
)
def test_damaged_run_is_one_sentence_and_exit_code_2(
    name: str, content: str | None, sentence: str, run_folder: Path
) -> None:
    (run_folder / name).unlink()
    if content is not None:
        (run_folder / name).write_text(content)
    result = run(run_folder)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_damaged_log_is_one_sentence(run_folder: Path) -> None:
    for content, sentence in (("", "should have the columns"), ("iteration,seconds,total\n1,2,x\n", "cannot be read")):
        (run_folder / "log.csv").write_text(content)
        with pytest.raises(RunError, match=sentence):
            read_losses(run_folder)
    (run_folder / "log.csv").unlink()
    with pytest.raises(RunError, match="cannot be read"):
        read_losses(run_folder)


def test_what_is_neither_model_nor_run_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere", tmp_path / "song.wav"):
        result = run(path)
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    with pytest.raises(RunError, match="is no training run"):
        read_run(tmp_path)


def test_run_of_the_trainer_is_read(tmp_path: Path) -> None:
    """The trainer's own writer and this reader agree."""
    pytest.importorskip("torch")
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.learning.run_folder import RecordingInfo, RunFolder, RunInfo

    folder = RunFolder(tmp_path / "RUN")
    (tmp_path / "RUN").mkdir(exist_ok=True)
    folder.write_config(preset_config("fast", ("a", "b")))
    take = RecordingInfo("mix.flac", "/mix.flac", 2.0, "0")
    folder.write_info(RunInfo("0", "fast", ("a", "b"), 0, 2.0, (take,), 100, None))
    folder.write_dictionary(("a", "b"), np.full((2, 25), 0.5, dtype=np.float32))
    facts = describe(tmp_path / "RUN")
    assert facts["source_names"] == ["a", "b"]
    assert facts["dictionary"][1][24] == 0.5
    shutil.rmtree(tmp_path / "RUN")
