"""The benchmark: from a folder of recordings to a table, resumable, without a look at the stems while training."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from click.testing import CliRunner

from bsep_stream.errors import ConfigError
from bsep_stream.train import benchmark
from bsep_stream.train.search import judge

RATE = 48_000


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One item: 1.5 s of two steady tones with different harmonics."""
    folder = tmp_path / "data" / "01_low_high"
    folder.mkdir(parents=True)
    time = np.arange(int(1.5 * RATE)) / RATE
    low = sum(0.8**h * np.sin(2 * np.pi * 220.0 * h * time) for h in range(1, 9))
    high = sum(0.3**h * np.sin(2 * np.pi * 590.0 * h * time) for h in range(1, 5))
    stems = {"high": 0.1 * high, "low": 0.1 * low}
    for name, samples in stems.items():
        soundfile.write(folder / f"{name}.flac", samples, RATE)
    soundfile.write(folder / "mix.flac", sum(stems.values()), RATE)
    (folder / "meta.json").write_text(json.dumps({"instruments": [{"name": name} for name in stems]}))
    return folder.parent


def test_items_are_found_by_the_beginning_of_their_names(data: Path) -> None:
    (item,) = benchmark.find_items(data, ["01"])
    assert item.names == ("high", "low")
    with pytest.raises(ConfigError, match="found none"):
        benchmark.find_items(data, ["02"])


def test_search_judged_alone_separates_steady_tones(data: Path) -> None:
    result = CliRunner().invoke(judge.main, [str(data), "--set", "sweeps=2"])
    assert result.exit_code == 0, result.output
    mean = result.output.splitlines()[2].split("|")[-2]
    sdr, sir, _ = (float(value) for value in mean.split("/"))
    assert sdr > 15.0  # steady tones far apart: only the edges of the recording are lost
    assert sir > 20.0


def test_benchmark_trains_judges_and_keeps_what_is_finished(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    arguments = [str(data), "--output", str(output), "--iterations", "2"]
    first = CliRunner().invoke(benchmark.main, arguments)
    assert first.exit_code == 0, first.output
    (result,) = json.loads((output / "results.json").read_text())
    assert result["iterations"] == 2
    assert set(result["measures"]) == {"mixture", *benchmark.KINDS}
    for kind in result["measures"]:
        assert f"| {kind} | high" in (output / "results.md").read_text()
    checkpoint = output / "01_low_high-fast-seed0" / "run" / "checkpoint.safetensors"
    written = checkpoint.stat().st_mtime_ns
    assert CliRunner().invoke(benchmark.main, arguments).exit_code == 0
    assert checkpoint.stat().st_mtime_ns == written
