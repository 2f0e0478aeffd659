"""Fixtures that more than one file needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from bsep_stream.model.separation_model import SeparationModel

if TYPE_CHECKING:
    from bsep_stream.train.config.trainconfig import TrainConfig
    from bsep_stream.train.session.recording import Session

MODELS = Path(__file__).parent / "models"

SLOW = {
    *("bad_input", "benchmark_tables", "chords", "demo", "disturbances", "docs", "docstrings", "errorcosts"),
    *("export", "export_command", "find_metronome", "foreign", "hypotheses", "imitation", "jobs", "labels"),
    *("latency", "latency_benchmark", "learner", "level", "live_engine", "live_faults", "live_soak"),
    *("masksettings_benchmark", "notebook", "notes", "old_files", "other_hosts", "outputs_of_others", "package"),
    *("page", "page_browser", "phases", "pipes", "policy", "policy_preset", "pretraining", "profile", "race"),
    *("readme", "recordings", "report", "revoiced", "ringing", "sameweights", "search", "search_players"),
    *("search_time", "search_together", "search_voices", "separate", "separate_pipe", "sessions", "several_tones"),
    *("standard_streams", "steadiness", "stereo_benchmark", "stopping", "studio_command", "suspicions"),
    *("train_command", "train_endings", "train_many", "train_python", "train_resume", "training_loop"),
    *("training_stages", "unet", "unrelated", "verdict"),
}
"""Files whose tests train, search, build, start programs or take long sums: `make check` leaves them out."""

PROGRAMS = (
    *("studio_rooms", "studio_browser", "studio_smoothness", "studio_training"),
    *("studio_lost", "benchmark", "ablation"),
)
"""Files that open a studio in a browser, or train in processes of their own: `make test-programs` runs these."""

LONG = (
    *PROGRAMS,
    *("export", "find_metronome", "latency", "several_tones", "standard_streams", "docstrings", "live_engine"),
    *("report", "demo", "old_files", "race", "training_stages", "imitation", "ringing", "suspicions", "notebook"),
    *("notes", "live_faults", "outputs_of_others", "policy_preset", "docs", "readme", "recordings", "search"),
)
"""Files that take longest, in this order: they begin first, so that no core waits for the last one at the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Also where the tests run beside an installed wheel, without pyproject.toml."""
    config.addinivalue_line("markers", "slow: trains, builds, starts programs or plays for minutes")
    config.addinivalue_line("markers", "servers: starts sound servers and plays in real time")
    config.addinivalue_line("markers", "programs: a studio in a browser, or trainings in processes of their own")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.stem.removeprefix("test_"), len(LONG)))  # stable
    for item in items:
        name = item.path.stem.removeprefix("test_")
        if name in SLOW or name in PROGRAMS:
            item.add_marker(pytest.mark.slow)
        if name in PROGRAMS:
            item.add_marker(pytest.mark.programs)
    # Long files first: then no core waits in the end for one that began late (needs --no-loadscope-reorder).
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def state_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is remembered of models and plugins is no business of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20210407)


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """Folder of the tiny models."""
    return MODELS


@pytest.fixture(scope="session")
def tiny_model_path() -> Path:
    """Two sources, 0.6 and 0.3 of the mixture; n_fft 512, hop 64, 48 kHz."""
    return MODELS / "split.onnx"


@pytest.fixture(scope="session")
def tiny_model(tiny_model_path: Path) -> SeparationModel:
    return SeparationModel(tiny_model_path)


@pytest.fixture(scope="session")
def models() -> dict[str, SeparationModel]:
    """Every tiny model by name; tests/models/make_models.py says what they do."""
    return {path.stem: SeparationModel(path) for path in MODELS.glob("*.onnx")}


DUET_RATE = 8_000


@pytest.fixture
def few_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    """A training judges itself by fewer frames: with all of them that is half of a tiny one."""
    pytest.importorskip("torch")
    from bsep_stream.train.learning import loop

    monkeypatch.setattr(loop, "CHECK_FRAMES", 32)
    monkeypatch.setattr(loop, "OVERVIEW_FRAMES", 64)


@pytest.fixture
def duet_config(few_frames: None) -> TrainConfig:
    """The fast preset, tiny: four iterations of imitation, four of the policy gradient."""
    from bsep_stream.model.geometry import FrameGeometry
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.config.trainconfig import ImitationConfig, NetworkConfig

    fast = preset_config("fast", ("high", "low"))
    network = NetworkConfig(
        encoder_channels=(4, 4, 4),
        strides=(4, 4, 4),
        head_channels=4,
        initial_scales=fast.network.initial_scales,
        salience=True,
        lifted_modulus=True,
        input_gradient=False,
    )
    return replace(
        fast,
        pretrained=None,  # the shipped network is larger
        geometry=FrameGeometry(sample_rate=DUET_RATE, n_fft=512, n_bins=128, hop_length=128, sigma_samples=42.0),
        network=network,
        policy=replace(fast.policy, lowest_bin=4, highest_bin=60),
        imitation=ImitationConfig(iterations=4, batch_size=3),
        n_harmonics=5,
        batch_size=2,
        iterations=8,
    )


@pytest.fixture
def duet_path(tmp_path: Path) -> Path:
    """Two tones with harmonics, 2 s."""
    time = np.arange(2 * DUET_RATE) / DUET_RATE
    tones = [sum(0.5**h * np.sin(2 * np.pi * f * h * time) for h in range(1, 4)) for f in (220.0, 350.0)]
    path = tmp_path / "duet.wav"
    soundfile.write(path, 0.1 * (tones[0] + tones[1]), DUET_RATE, subtype="FLOAT")
    return path


@pytest.fixture
def quick_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels of the duet without a search, which takes seconds; test_labels.py tests the search."""
    pytest.importorskip("torch")
    from bsep_stream.train.runs import race, start
    from bsep_stream.train.session.labels import Labels, label_positions

    def labels(session: Session, config: TrainConfig, on_step: Callable[[], None] | None = None) -> Labels:
        pieces = label_positions(session, config.geometry.hop_length, config.imitation.longest_seconds)
        centre = np.concatenate([centres for _, centres in pieces])
        pitches = np.array([350.0, 220.0], np.float32) / np.float32(config.geometry.bin_hz)
        if on_step is not None:
            on_step()
        return Labels(
            take=np.concatenate([np.full(len(centres), take) for take, centres in pieces]),
            centre=centre,
            f0_bin=np.tile(pitches, (centre.size, 1)),
            envelopes=np.tile(np.float32(0.5) ** np.arange(config.n_harmonics, dtype=np.float32), (2, 1)),
            hop_length=config.geometry.hop_length,
        )

    for searching in (start, race):
        monkeypatch.setattr(searching, "search_labels", labels)


@pytest.fixture
def tiny_presets(quick_search: None, few_frames: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both presets with a tiny network, so that a run takes a second; fast with an iteration of imitation."""
    from bsep_stream.model.geometry import FrameGeometry
    from bsep_stream.train.config import presets
    from bsep_stream.train.config.trainconfig import NetworkConfig

    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # so that what the command sets is gone after the test
    real = presets.preset_config

    def tiny(name: str, source_names: tuple[str, ...], polyphony: tuple[int, ...] = ()) -> TrainConfig:
        config = real(name, source_names, polyphony)
        geometry = FrameGeometry(sample_rate=DUET_RATE, n_fft=512, n_bins=128, hop_length=128, sigma_samples=42.0)
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
