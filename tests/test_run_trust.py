"""Run folders of strangers: every file is looked at within bounds before anything is made of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bsep_stream.errors import BsepError, ConfigError, RunError
from bsep_stream.report.info import describe, read_losses, read_verdict
from bsep_stream.trust.textfiles import Fail

FAIL = Fail(RunError, "the file")
DEEP = "[" * 5_000
LONG = "9" * 5_000


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The plain files of a run."""
    geometry = {"sample_rate": 48_000, "n_fft": 512, "n_bins": 200, "hop_length": 64, "sigma_samples": 64.0}
    values = {
        "config.json": {"geometry": geometry, "tones_at_once": [1, 2]},
        "run.json": {"preset": "fast", "iterations": 9, "seconds": 9.0, "seed": 1, "gain": 2.0, "recordings": []},
        "dictionary.json": {"source_names": ["flute", "oboe"], "relative_amplitudes": [[1.0, 0.5], [0.1, 1.0]]},
        "verdict.json": {"sentences": ["Good."], "warnings": []},
    }
    for name, each in values.items():
        (tmp_path / name).write_text(json.dumps(each))
    (tmp_path / "log.csv").write_text("iteration,seconds,total\n1,0.5,3.0\n")
    return tmp_path


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def one_sentence(error: BsepError) -> None:
    assert str(error).isprintable()
    assert len(str(error)) < 1_000


def test_run_as_it_is_is_described(run_folder: Path) -> None:
    facts = describe(run_folder)
    assert facts["tones_at_once"] == [1, 2]
    assert facts["verdict"]["sentences"] == ["Good."]


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "long frames": ("config.json", lambda v: v["geometry"].update(n_fft=10**9)),
    "half a rate": ("config.json", lambda v: v["geometry"].update(sample_rate=48_000.5)),
    "no window": ("config.json", lambda v: v["geometry"].update(sigma_samples=1e-300)),
    "hop of 1": ("config.json", lambda v: v["geometry"].update(n_fft=4096, hop_length=1)),
    "tones of text": ("config.json", lambda v: v.update(tones_at_once="ab")),
    "other tones": ("config.json", lambda v: v.update(tones_at_once=[1])),
    "many tones": ("config.json", lambda v: v.update(tones_at_once=[1, 10**9])),
    "gain of text": ("run.json", lambda v: v.update(gain="2")),
    "gain of nothing": ("run.json", lambda v: v.update(gain=0)),
    "infinite gain": ("run.json", lambda v: v.update(gain=float("inf"))),
    "seconds of text": ("run.json", lambda v: v.update(seconds="x")),
    "many seconds": ("run.json", lambda v: v.update(seconds=float("nan"))),
    "recordings of a number": ("run.json", lambda v: v.update(recordings=3)),
    "recording without a name": ("run.json", lambda v: v.update(recordings=[{}])),
    "escape": ("run.json", lambda v: v.update(preset="\x1b[2J")),
    "surrogate": ("dictionary.json", lambda v: v.update(source_names=["\ud800", "b"])),
    "path": ("dictionary.json", lambda v: v.update(source_names=["../a", "b"])),
    "amplitude of text": ("dictionary.json", lambda v: v.update(relative_amplitudes=[["x"], [1]])),
    "many harmonics": ("dictionary.json", lambda v: v.update(relative_amplitudes=[[1.0] * 999] * 2)),
    "sentences of a number": ("verdict.json", lambda v: v.update(sentences=3)),
    "sentence of a list": ("verdict.json", lambda v: v.update(sentences=[["a"]])),
    "escape in a sentence": ("verdict.json", lambda v: v.update(sentences=["\x1b[2J"])),
}


@pytest.mark.parametrize("kind", list(CHANGES))
def test_value_that_makes_no_sense_is_one_sentence(kind: str, run_folder: Path) -> None:
    name, change = CHANGES[kind]
    changed(run_folder / name, change)
    with pytest.raises(BsepError) as caught:
        describe(run_folder)
    one_sentence(caught.value)


@pytest.mark.parametrize("name", ["config.json", "run.json", "dictionary.json", "verdict.json"])
@pytest.mark.parametrize(
    "text",
    ['{"a": 1, "a": 2}', DEEP, '{"a":' * 5_000, LONG, f'{{"a": {LONG}}}', '{"a": 1e9999}', "", "\x00", "3", "null"],
)
def test_json_that_is_none_is_one_sentence(name: str, text: str, run_folder: Path) -> None:
    (run_folder / name).write_text(text)
    try:
        describe(run_folder)
    except BsepError as error:
        one_sentence(error)
    else:
        assert (name, text) == ("verdict.json", '{"a": 1e9999}')


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("name", ["log.csv", "checkpoint.safetensors", "takes", "starts/0"])
def test_link_out_of_a_run_is_refused(name: str, run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Resuming writes into the run, and through a link of a stranger it would write elsewhere."""
    (run_folder / name).parent.mkdir(exist_ok=True)
    (run_folder / name).unlink(missing_ok=True)
    (run_folder / name).symlink_to(tmp_path_factory.mktemp("elsewhere") / "mine")
    with pytest.raises(RunError, match="is a link that leads out of the run"):
        describe(run_folder)


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_run_that_is_reached_by_a_link_and_has_some_in_it_is_read(run_folder: Path, tmp_path: Path) -> None:
    (run_folder / "log.csv").rename(run_folder / "long.csv")
    (run_folder / "log.csv").symlink_to("long.csv")
    (tmp_path / "link").symlink_to(run_folder)
    assert describe(tmp_path / "link")["tones_at_once"] == [1, 2]


def test_log_of_many_columns_or_bytes_is_refused(run_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run_folder / "log.csv").write_text("iteration,seconds," + "," * 100_000)
    with pytest.raises(RunError, match="should have the columns") as caught:
        read_losses(run_folder)
    one_sentence(caught.value)
    (run_folder / "log.csv").write_text("iteration,seconds,total\n1,2," + "9" * 200_000 + "\n")
    with pytest.raises(RunError, match="cannot be read"):
        read_losses(run_folder)
    monkeypatch.setattr("bsep_stream.report.runfiles.LARGEST_LOG_BYTES", 100)
    with pytest.raises(RunError, match="is larger than"):
        read_losses(run_folder)


def test_verdict_of_a_book_is_refused(run_folder: Path) -> None:
    for sentences in (["a" * 2_000], ["a"] * 100):
        (run_folder / "verdict.json").write_text(json.dumps({"sentences": sentences}))
        with pytest.raises(RunError, match="more than 64 sentences"):
            read_verdict(run_folder)


def test_endless_losses_are_none(run_folder: Path) -> None:
    (run_folder / "log.csv").write_text("iteration,seconds,total\n1,1,inf\n2,1,-inf\n3,1,2.0\nnan,2,1\n4,inf,1\n")
    np.testing.assert_array_equal(read_losses(run_folder)["total"], [np.nan, np.nan, 2.0])


def test_verdict_is_read_with_what_it_may_lack(run_folder: Path) -> None:
    (run_folder / "verdict.json").write_text('{"sentences": ["a"]}')
    assert read_verdict(run_folder) == {"sentences": ["a"], "warnings": []}


CONFIGURATIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "wide network": lambda v: v["network"].update(encoder_channels=[100_000] * 7),
    "deep network": lambda v: v["network"].update(encoder_channels=[4] * 99, strides=[2] * 99),
    "long kernels": lambda v: v["network"].update(kernel_size=10**8),
    "channels of text": lambda v: v["network"].update(encoder_channels="abc"),
    "flag for a number": lambda v: v.update(batch_size=True),
    "batch": lambda v: v.update(batch_size=10**8),
    "no batch": lambda v: v.update(batch_size=0),
    "no hop": lambda v: v.update(training_hop_length=0),
    "many rollouts": lambda v: v["policy"].update(inverse_temperatures=[1.0] * 1_000),
    "bins elsewhere": lambda v: v["policy"].update(highest_bin=10**9),
    "no number": lambda v: v.update(ridge=float("nan")),
    "endless number": lambda v: v["loss"].update(scale=1e300),
    "infinite": lambda v: v["optimiser"].update(step_size=float("inf")),
    "harmonics": lambda v: v.update(n_harmonics=10**6),
    "three betas": lambda v: v["optimiser"].update(betas=[0.1, 0.2, 0.3]),
    "unknown": lambda v: v["network"].update(more=1),
    "missing": lambda v: v["policy"].pop("sampling"),
    "another kind": lambda v: v.update(geometry=3),
    "path as a source": lambda v: v.update(source_names=["../a", "b"]),
    "frames": lambda v: v["geometry"].update(n_fft=65_536 * 4),
}


@pytest.mark.parametrize("kind", list(CONFIGURATIONS))
def test_configuration_that_asks_for_too_much_is_refused(kind: str) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.config.trainconfig import TrainConfig

    values = json.loads(json.dumps(preset_config("fast", ("a", "b")).to_dict()))
    assert TrainConfig.from_dict(values) == preset_config("fast", ("a", "b"))
    CONFIGURATIONS[kind](values)
    with pytest.raises(ConfigError) as caught:
        TrainConfig.from_dict(values)
    one_sentence(caught.value)


@pytest.mark.parametrize("preset", ["fast", "paper", "scratch"])
@pytest.mark.parametrize("sources", [("a", "b"), ("a", "b", "c", "d")])
def test_every_preset_is_read_back(preset: str, sources: tuple[str, ...]) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.config.trainconfig import TrainConfig

    for polyphony in ((), (4,) * len(sources)):
        config = preset_config(preset, sources, polyphony)
        assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


RUNS: dict[str, Callable[[dict[str, Any]], object]] = {
    "thousands of recordings": lambda v: v.update(recordings=v["recordings"] * 2_000),
    "seed": lambda v: v.update(seed=-1),
    "seed of text": lambda v: v.update(seed="1"),
    "gain": lambda v: v.update(gain=0.0),
    "iterations": lambda v: v.update(iterations=-1),
    "seconds": lambda v: v.update(seconds=float("inf")),
    "names": lambda v: v.update(source_names=["\x1b", "b"]),
    "recordings": lambda v: v.update(recordings=[3]),
    "recording": lambda v: v.update(recordings=[{"name": "a"}]),
    "unknown": lambda v: v.update(more=1),
}


@pytest.mark.parametrize("kind", list(RUNS))
def test_progress_that_makes_no_sense_is_refused(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.learning.run_folder import RecordingInfo, RunFolder, RunInfo

    folder = RunFolder(tmp_path)
    take = RecordingInfo("a.wav", "/a.wav", 3.0, "0" * 64)
    info = RunInfo("0.1", "fast", ("a", "b"), 1, 2.0, (take,), 100, None)
    folder.write_info(info)
    assert folder.read_info() == info
    changed(folder.info_path, RUNS[kind])
    with pytest.raises(RunError, match=r"run\.json") as caught:
        folder.read_info()
    one_sentence(caught.value)


def test_labels_of_a_stranger_are_looked_at_first(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.session.labels import Labels

    labels = Labels(np.zeros(3, np.int64), np.arange(3), np.ones((3, 2), np.float32), np.ones((2, 5), np.float32), 64)
    path = tmp_path / "labels.npz"
    labels.save(path)
    assert Labels.load(path).hop_length == 64
    np.savez_compressed(path, **vars(labels))
    with pytest.raises(RunError, match=r"missing or damaged.*packed arrays"):
        Labels.load(path)
    Labels(labels.take, labels.centre, labels.f0_bin, labels.envelopes * np.float32(np.nan), 64).save(path)
    with pytest.raises(RunError, match="make no sense"):
        Labels.load(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(seeds=[]),
        lambda v: v.update(seeds="ab"),
        lambda v: v.update(chosen=7),
        lambda v: v.update(chosen="../../home"),
        lambda v: v.update(mixture_costs={"../a": 1.0}),
        lambda v: v.update(device="cuda:99"),
        lambda v: v.update(seconds=float("nan")),
        lambda v: v.update(config={}),
        lambda v: v.pop("init"),
    ],
)
def test_race_of_a_stranger_is_looked_at_first(change: Callable[[dict[str, Any]], object], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.learning.run_folder import RunFolder, write_json
    from bsep_stream.train.runs.race import read_race

    folder = RunFolder(tmp_path)
    race = {
        "config": preset_config("fast", ("a", "b")).to_dict(),
        "recordings": ["/a.wav"],
        "seeds": [0, 1],
        "target_seconds": None,
        "device": "cpu",
        "init": None,
        "seconds": 0.0,
        "mixture_costs": {"0": 0.5},
        "chosen": None,
    }
    write_json(folder.race_path, race)
    assert read_race(folder)["seeds"] == [0, 1]
    if os.name == "posix":
        folder.starts_path.symlink_to("/elsewhere")
        with pytest.raises(RunError, match="leads out of the run"):
            read_race(folder)
        folder.starts_path.unlink()
    changed(folder.race_path, change)
    with pytest.raises(RunError, match=r"race\.json") as caught:
        read_race(folder)
    one_sentence(caught.value)
