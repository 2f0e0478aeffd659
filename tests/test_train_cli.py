"""`bsep train` and `bsep export` as a user calls them."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

pytest.importorskip("torch")

from bsep_stream.cli import main
from bsep_stream.errors import ConfigError
from bsep_stream.geometry import FrameGeometry
from bsep_stream.train import presets, race, start
from bsep_stream.train.cli import parse_sources
from bsep_stream.train.config import NetworkConfig, TrainConfig

RATE = 8_000
SOURCES = ("--sources", "low,high")


pytestmark = pytest.mark.usefixtures("quick_search")


@pytest.fixture(autouse=True)
def _tiny_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both presets with a tiny network, so that a run takes a second; fast with an iteration of imitation."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # so that what the command sets is gone after the test
    real = presets.preset_config

    def tiny(name: str, source_names: tuple[str, ...]) -> TrainConfig:
        config = real(name, source_names)
        geometry = FrameGeometry(sample_rate=RATE, n_fft=512, n_bins=128, hop_length=128, sigma_samples=42.0)
        network = NetworkConfig(encoder_channels=(4, 4), strides=(4, 4), head_channels=4)
        policy = replace(config.policy, lowest_bin=4, highest_bin=60)
        return replace(
            config,
            geometry=geometry,
            network=network,
            policy=policy,
            imitation=replace(config.imitation, iterations=min(1, config.imitation.iterations)),
            n_harmonics=5,
            batch_size=2,
            iterations=3,
            pretrained=None,
        )

    monkeypatch.setattr(presets, "preset_config", tiny)


@pytest.fixture
def mix(duet_path: Path) -> Path:
    path = duet_path.with_name("mix.wav")
    duet_path.rename(path)
    return path


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run_info(run: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((run / "run.json").read_text())
    return values


@pytest.mark.parametrize("preset", ["fast", "paper"])
def test_train_makes_a_run_and_names_the_next_command(mix: Path, tmp_path: Path, preset: str) -> None:
    run = tmp_path / "run"
    result = bsep("train", mix, *SOURCES, "--output", run, "--preset", preset, "--seed", 3, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert f"next: bsep export {run}" in result.stdout
    info = run_info(run)
    assert (info["preset"], info["seed"], info["iterations"]) == (preset, 3, 3)


def test_search_is_announced_once_where_there_is_no_terminal(mix: Path, tmp_path: Path) -> None:
    assert bsep("train", mix, *SOURCES, "--output", tmp_path / "run").stderr.count("listening to the recording") == 1
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "paper", "--preset", "paper")
    assert "listening" not in result.stderr  # the published method does not search
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "next", "--init", tmp_path / "run")
    assert "listening" not in result.stderr


def test_interrupted_search_leaves_nothing_and_the_run_can_be_begun_again(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The second sign of life of the search is Ctrl-C."""
    # A shell starts jobs in the background with the signal ignored; there is no Ctrl-C for them, and there is here.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    run = tmp_path / "run"
    quick = start.search_labels

    def search(session: Any, config: Any, on_step: Any) -> Any:
        on_step()
        signal.raise_signal(signal.SIGINT)
        return quick(session, config, on_step)

    monkeypatch.setattr(start, "search_labels", search)
    result = bsep("train", mix, *SOURCES, "--output", run)
    assert (result.exit_code, run.exists()) == (130, False)
    monkeypatch.setattr(start, "search_labels", quick)
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0


def test_run_without_its_labels_cannot_go_on_imitating(mix: Path, tmp_path: Path, monkeypatch: Any) -> None:
    run = tmp_path / "run"
    config = presets.preset_config("fast", ("low", "high"))
    longer = replace(config, imitation=replace(config.imitation, iterations=5), iterations=2)
    monkeypatch.setattr(presets, "preset_config", lambda *_args: longer)
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0
    (run / "labels.npz").write_bytes(b"PK")
    result = bsep("train", "--output", run, "--resume", "--iterations", 8)
    assert result.exit_code == 2
    assert "labels.npz is missing or damaged" in result.stderr


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
@pytest.mark.parametrize("options", [("--sources", "low,high"), ("--resume",)])
def test_waiting_threads_sleep_unless_told_otherwise(
    mix: Path, tmp_path: Path, options: tuple[str, ...], given: str | None, expected: str
) -> None:
    """Decided before torch is there: afterwards nobody would read it."""
    code = (
        "import os, sys\n"
        "class Spy:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch':\n"
        "            print(os.environ.get('OMP_WAIT_POLICY'), flush=True)\n"
        "            os._exit(0)\n"
        "from bsep_stream.train.cli import command\n"
        "assert 'torch' not in sys.modules\n"
        "sys.meta_path.insert(0, Spy())\n"
        "command(sys.argv[1:])\n"
    )
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    arguments = [str(mix), *options, "--output", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_existing_run_is_kept(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert bsep("train", mix, *SOURCES, "--output", run).exit_code == 0
    before = (run / "checkpoint.safetensors").read_bytes()
    result = bsep("train", mix, *SOURCES, "--output", run)
    assert result.exit_code == 2
    assert "--resume" in result.stderr
    assert (run / "checkpoint.safetensors").read_bytes() == before


def test_finished_run_says_so_and_goes_on_when_asked(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run)
    result = bsep("train", "--output", run, "--resume")
    assert (result.exit_code, "is finished (3 iterations)" in result.stdout) == (0, True)
    assert bsep("train", "--output", run, "--resume", "--iterations", 5).exit_code == 0
    assert run_info(run)["iterations"] == 5


def test_minutes_let_a_finished_run_go_on(mix: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run, "--iterations", 1)
    assert bsep("train", "--output", run, "--resume", "--minutes", 10).exit_code == 0
    assert run_info(run)["iterations"] == 3


def test_run_says_what_it_explains(mix: Path, tmp_path: Path) -> None:
    assert "The tones explain" in bsep("train", mix, *SOURCES, "--output", tmp_path / "run").stdout


def test_seeds_are_raced_and_the_best_is_the_run(mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "search_labels", start.search_labels)
    run = tmp_path / "run"
    result = bsep("train", mix, *SOURCES, "--output", run, "--seed", 7, "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert [line[:17] for line in result.stderr.splitlines() if "cost" in line] == [
        "start with seed 7",
        "start with seed 8",
    ]
    info = run_info(run)
    assert info["seed"] in (7, 8)
    assert (info["iterations"], info["finished"]) == (3, True)


def test_each_recording_gets_a_run_and_a_bad_one_harms_no_other(mix: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(2 * RATE), RATE)
    result = bsep("train", silent, mix, *SOURCES, "--output", tmp_path / "runs", "--each")
    assert result.exit_code == 2
    assert "1 of 2 runs could not be made: silent" in result.stderr
    assert run_info(tmp_path / "runs" / "mix")["finished"]
    assert not (tmp_path / "runs" / "silent").exists()
    assert "mix: The tones explain" in result.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sources", "high,low"), "was begun with --sources low,high, not high,low"),
        (("--preset", "paper"), "was begun with --preset fast, not paper"),
        (("--seed", "9"), "was begun with --seed 0, not 9"),
        (("--init", "other"), "give one of them"),
        (("--seeds", "2"), "--seeds is for the beginning of a run"),
    ],
)
def test_resume_with_other_settings_is_refused(
    mix: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run)
    result = bsep("train", "--output", run, "--resume", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_several_takes_train_one_model(mix: Path, tmp_path: Path) -> None:
    result = bsep("train", mix, mix, *SOURCES, "--output", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert len(run_info(tmp_path / "run")["recordings"]) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("violin,violin", "must be different names"),
        ("violin,Violin", "must be different names"),
        ("violin", "2 to 4 names"),
        ("a,b,c,d,e", "2 to 4 names"),
        ("violin,", "1 to 40 letters"),
        ("violin,../oboe", "1 to 40 letters"),
        ("violin,residual", "cannot be called residual"),
        ("violin,Remix", "cannot be called Remix"),
    ],
)
def test_sources_that_make_no_sense_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_sources(text)


def test_sources_may_have_spaces_around_them() -> None:
    assert parse_sources("recorder, viola_2 ,Flöte") == ("recorder", "viola_2", "Flöte")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--preset", "slow"), "preset must be one of"),
        (("--device", "abacus"), "device must be one of"),
        (("--minutes", "0"), "--minutes must be more than 0"),
        (("--minutes", "nan"), "--minutes must be more than 0"),
        (("--iterations", "0"), "--iterations"),
        (("--init", "nowhere"), "is not a training run"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    mix: Path, tmp_path: Path, options: tuple[str, ...], sentence: str
) -> None:
    result = bsep("train", mix, *SOURCES, "--output", tmp_path / "run", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_export_hands_over_checkpoint_gain_origin_and_frames(
    mix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    from bsep_stream.export import onnx_file

    run = tmp_path / "run"
    bsep("train", mix, *SOURCES, "--output", run, "--seed", 4)
    handed: dict[str, Any] = {}

    def export_model(separator: Any, config: Any, metadata: Any, path: Path, parity_frames: Any) -> Any:
        handed.update(metadata, config=config, path=path, frames=parity_frames)
        return onnx_file.ExportReport(path, 3_000_000, len(parity_frames), 0, 0, 1e-6, 2.5)

    monkeypatch.setattr(onnx_file, "export_model", export_model)
    result = bsep("export", run, "--output", tmp_path / "model.onnx", "--sources", "tuba,piccolo")
    assert result.exit_code == 0, result.output
    assert handed["config"].source_names == ("tuba", "piccolo")
    assert "3.0 MB" in result.stdout
    assert handed["gain"] == run_info(run)["gain"]
    assert handed["output"] == "mask"
    assert handed["frames"].shape == (256, 128)
    training = handed["training"]
    assert (training["preset"], training["iterations"], training["seed"]) == ("fast", 3, 4)
    assert [entry["name"] for entry in training["recordings"]] == ["mix.wav"]
    assert str(tmp_path) not in json.dumps(training)  # where a recording lay is nobody's business


def test_export_keeps_an_existing_file(mix: Path, tmp_path: Path) -> None:
    bsep("train", mix, *SOURCES, "--output", tmp_path / "run")
    model = tmp_path / "model.onnx"
    model.write_bytes(b"mine")
    result = bsep("export", tmp_path / "run", "--output", model)
    assert (result.exit_code, model.read_bytes()) == (2, b"mine")
    assert "--overwrite" in result.stderr


def test_export_with_too_many_new_names_is_refused(mix: Path, tmp_path: Path) -> None:
    bsep("train", mix, *SOURCES, "--output", tmp_path / "run")
    result = bsep("export", tmp_path / "run", "--output", tmp_path / "model.onnx", "--sources", "a,b,c")
    assert result.exit_code == 2
    assert "has 2 sources, got 3 names" in result.stderr


def test_export_of_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = bsep("export", tmp_path, "--output", tmp_path / "model.onnx")
    assert result.exit_code == 2
    assert "is not a training run" in result.stderr
