"""What the fuzzer tries of a run folder: all that training reads back, with the network in it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from random import Random

import numpy as np

from bsep_stream.fuzz.cases import Case, Damage
from bsep_stream.fuzz.mutations import damaged_bytes, damaged_json
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import NetworkConfig, TrainConfig
from bsep_stream.train.learning.checkpoint import Checkpoint, save_checkpoint
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RecordingInfo, RunInfo
from bsep_stream.train.runs.race import read_race
from bsep_stream.train.runs.start import load_separator
from bsep_stream.train.session.labels import Labels


def training_cases() -> dict[str, Case]:
    """Readers by name."""
    config = _config()
    files = _run_files(config)
    race = {
        "config": config.to_dict(),
        "recordings": ["/a.wav"],
        "seeds": [0, 1],
        "target_seconds": 60.0,
        "device": "cpu",
        "init": None,
        "seconds": 1.0,
        "mixture_costs": {"0": 0.5},
        "chosen": None,
    }
    return {
        "training": Case(files, _read_training),
        "race": Case({"race.json": (json.dumps(race).encode(), _json)}, lambda folder: read_race(RunFolder(folder))),
    }


def _json(data: bytes, rng: Random) -> bytes:
    return damaged_json(data.decode("utf-8"), rng).encode("utf-8", "surrogatepass")


def _read_training(folder: Path) -> object:
    run = RunFolder(folder)
    _, config, _ = load_separator(folder)
    labels = Labels.load(run.labels_path)
    labels.refuse_other_shape(run.labels_path, [10_000], config.n_tones)
    return run.read_metronome(config.geometry.n_bins), run.read_parity_frames(), run.read_sentences()


def _config() -> TrainConfig:
    fast = preset_config("fast", ("flute", "oboe"))
    network = NetworkConfig(encoder_channels=(4, 4), strides=(4, 4), head_channels=4)
    return replace(
        fast,
        geometry=FrameGeometry(sample_rate=8_000, n_fft=512, n_bins=128, hop_length=128, sigma_samples=42.0),
        network=network,
        policy=replace(fast.policy, lowest_bin=4, highest_bin=60),
        n_harmonics=5,
        batch_size=2,
        iterations=3,
        pretrained=None,
    )


def _run_files(config: TrainConfig) -> dict[str, tuple[bytes, Damage]]:
    n_bins = config.geometry.n_bins
    take = RecordingInfo("a.wav", "/a.wav", 3.0, "0" * 64)
    info = RunInfo("0.1", "fast", config.source_names, 1, 2.0, (take,), 100, None)
    labels = Labels(np.zeros(3, np.int64), np.arange(3), np.ones((3, 2), np.float32), np.ones((2, 5), np.float32), 64)
    with tempfile.TemporaryDirectory() as name:
        run = RunFolder(Path(name))
        save_checkpoint(run.checkpoint_path, Checkpoint(Learner(config, 0, "cpu").state_dict(), "{}", 3, 1.0))
        labels.save(run.labels_path)
        run.write_parity_frames(np.ones((2, n_bins), np.complex64))
        written = {path.name: path.read_bytes() for path in run.path.iterdir()}
    strikes = [{"moduli": [1.0] * n_bins, "bins": [3], "period_seconds": 0.5}]
    plain = {
        "config.json": config.to_dict(),
        "run.json": asdict(info),
        "metronome.json": {"strikes": strikes},
        "verdict.json": {"sentences": ["Good."], "warnings": []},
    }
    files: dict[str, tuple[bytes, Damage]] = {name: (content, damaged_bytes) for name, content in written.items()}
    return files | {name: (json.dumps(values).encode(), _json) for name, values in plain.items()}
