"""`bsep bench`: what it says is consistent with itself; how fast this machine is, is no test."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bsep_stream.cli import main
from bsep_stream.effects.mixer import Mixer
from bsep_stream.effects.rack import rack_from_dict
from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.machine import machine, peak_memory_mb
from bsep_stream.report.bench import bench, bench_signal
from bsep_stream.separator import StreamingSeparator


def test_numbers_fit_together(tiny_model_path: Path) -> None:
    result = bench(tiny_model_path, 0.5)
    assert result.n_hops == 24_000 // 64
    assert result.audio_seconds == result.n_hops * 64 / 48_000
    assert result.hop_ms == pytest.approx(64 / 48)
    assert 0 < result.p50_ms <= result.p99_ms <= result.p999_ms <= result.max_ms
    assert result.real_time_factor == pytest.approx(result.mean_ms / result.hop_ms)
    assert result.deadline_misses <= result.n_hops
    assert (result.deadline_misses > 0) == (result.max_ms > result.hop_ms)
    assert result.latency["total_samples"] == 511
    assert 10 < result.peak_memory_mb < 100_000


def test_command_prints_table_and_json(tiny_model_path: Path) -> None:
    shown = CliRunner().invoke(main, ["bench", str(tiny_model_path), "--seconds", "0.1"])
    assert shown.exit_code == 0, shown.output
    for part in ("real-time factor", "hop of 1.33 ms", "p99.9", "deadline misses", "511 samples", "peak memory"):
        assert part in shown.stdout, part
    raw = CliRunner().invoke(main, ["bench", str(tiny_model_path), "--seconds", "0.1", "--json"])
    values = json.loads(raw.stdout)
    assert values["n_hops"] == 75
    assert values["machine"]["threads_used"] == 1


def test_hop_of_a_low_latency_is_a_turn_of_the_network(models_folder: Path) -> None:
    result = bench(models_folder / "split_fast.onnx", 0.2, latency="live")
    assert result.hop_ms == pytest.approx(512 / 48)
    assert result.latency["total_ms"] < 23
    refused = CliRunner().invoke(main, ["bench", str(models_folder / "split_fast.onnx"), "--latency", "soon"])
    assert refused.exit_code == 2
    assert "quality, balanced, live or a number of milliseconds, got 'soon'" in refused.stderr


def test_stream_at_another_rate_and_through_a_rack_is_what_is_measured(
    models_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, rate, hop = models_folder / "split_fast.onnx", 44_100, 471  # 512 samples at 48 kHz, rounded up
    rack = rack_from_dict({"stems": {"flute": {"effects": [{"type": "BrickwallLimiter", "lookahead_ms": 2.0}]}}})
    shapes = []
    process = Mixer.process

    def counted(self: Mixer, stems: np.ndarray) -> np.ndarray:
        shapes.append(stems.shape)
        return process(self, stems)

    monkeypatch.setattr(Mixer, "process", counted)
    result = bench(model, 0.2, latency="live", sample_rate=rate, rack=rack)
    assert result.sample_rate == rate
    assert result.n_hops == int(0.2 * rate) // hop
    assert result.hop_ms == pytest.approx(1000 * hop / rate)
    assert result.audio_seconds == pytest.approx(result.n_hops * hop / rate)
    assert set(shapes) == {(3, 1, hop)}
    assert len(shapes) >= result.n_hops

    separator = StreamingSeparator(model, sample_rate=rate, latency="live")
    engine = LiveEngine(separator, rack=rack)
    assert engine.hop_samples == hop
    ledger = engine.latency()
    assert ledger.boards_samples > 0 < ledger.resampler_samples
    assert result.latency["boards_samples"] == ledger.boards_samples
    assert result.latency["total_samples"] == separator.latency_samples + ledger.boards_samples
    assert result.live_latency["cushion_samples"] == ledger.cushion_samples
    assert result.live_latency["total_samples"] == ledger.total_samples
    assert result.live_latency["total_ms"] == pytest.approx(1000 * ledger.total_samples / rate)


def test_ledger_is_printed_and_in_the_json(tiny_model_path: Path) -> None:
    options = ["bench", str(tiny_model_path), "--seconds", "0.1", "--sample-rate", "44100", "--rack", "hall"]
    shown = " ".join(CliRunner().invoke(main, options).stdout.split())
    values = json.loads(CliRunner().invoke(main, [*options, "--json"]).stdout)
    latency, live = values["latency"], values["live_latency"]
    assert values["sample_rate"] == 44_100
    assert f"resampler {latency['resampler_samples']}" in shown
    assert f"bsep live {live['total_samples']} samples" in shown
    assert f"with a cushion of {live['cushion_samples']}; the device adds its buffers" in shown
    assert latency["boards_samples"] == live["boards_samples"]
    ledgers = (*latency.items(), *live.items())
    assert all(isinstance(value, int) for key, value in ledgers if key.endswith("_samples"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sample-rate", "100"), "sample_rate must be a whole number from 4000 to 768000, got 100"),
        (("--rack", "tuba.toml"), "[stems.tuba], but there is no such stem; valid: flute, oboe, residual"),
    ],
)
def test_stream_that_cannot_be_is_one_sentence(
    options: tuple[str, str], sentence: str, tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tuba.toml").write_text("[stems.tuba]\ngain_db = -3\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["bench", str(tiny_model_path), *options])
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert sentence in result.stderr


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 1e-9])
def test_length_that_makes_no_sense_is_one_sentence(seconds: float, tiny_model_path: Path) -> None:
    with pytest.raises(ConfigError, match="seconds must be"):
        bench(tiny_model_path, seconds)


def test_signal_is_deterministic_audio_of_whole_hops() -> None:
    signal = bench_signal(48_000, 1000)
    assert signal.shape == (1, 96_000)
    np.testing.assert_array_equal(signal, bench_signal(48_000, 1000))
    assert 0.05 < np.sqrt(np.mean(signal**2)) < np.abs(signal).max() < 1.0
    spectrum = np.abs(np.fft.rfft(signal[0] * np.hanning(96_000)))
    peaks = spectrum[[440, 622, 932]]  # f0 of the three tones, in bins of 0.5 Hz
    assert (peaks > 20 * np.median(spectrum)).all()


def test_machine_names_processor_and_versions() -> None:
    facts = machine()
    assert facts["processor"]
    assert facts["numpy"] == np.__version__
    assert peak_memory_mb() > 0
