"""The level of a recording does not matter: 20 dB softer gives the same stems, 20 dB softer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.runs.race import Unwatched
from bsep_stream.train.runs.start import load_separator, start_training
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.recording import load_session

SAME_DB = 0.1
DIFFERENCE_DB = -40.0
"""Of what differs, relative to a stem: rounding of float32 through some iterations, well below SAME_DB."""

SAME_BIN = 0.1
MOST = 0.95


def stem_spectra(path: Path, config: TrainConfig) -> tuple[np.ndarray, np.ndarray]:
    """Train on a recording, and separate it at its own level; shape (n_frames, n_sources, 2, n_bins), and its f0."""
    start_training([path], config, path.with_suffix("")).run(Unwatched())
    separator, _, info = load_separator(path.with_suffix(""))
    session = load_session([path], config.geometry.sample_rate)
    frames = FrameSource(session, config.geometry, config.training_hop_length, 0).overview(100).frames
    with torch.no_grad():
        prediction = predict(separator, torch.from_numpy(frames))
    return prediction.direct.numpy() / info.gain, prediction.f0_bin.numpy()


def level_db(spectra: np.ndarray) -> np.ndarray:
    """By source."""
    level: np.ndarray = 10 * np.log10(np.square(spectra, dtype=np.float64).sum(axis=(0, 2, 3)))
    return level


def test_softer_recording_gives_the_same_stems(duet_config: TrainConfig, duet_path: Path, tmp_path: Path) -> None:
    """With search, imitation and policy gradient; the sources are heard, so that there is something to compare."""
    config = replace(duet_config, policy=replace(duet_config.policy, on_offset=4.0))
    audio, rate = soundfile.read(duet_path, dtype="float32")
    soft_path = tmp_path / "soft.wav"
    soundfile.write(soft_path, audio * np.float32(0.1), rate, subtype="FLOAT")
    (loud, f0_bin), (soft, same_f0_bin) = stem_spectra(duet_path, config), stem_spectra(soft_path, config)
    same = (np.abs(same_f0_bin - f0_bin) < SAME_BIN).all(axis=1)
    assert same.mean() > MOST  # after eight iterations some choices hang on rounding
    loud, soft = loud[same], soft[same]
    assert np.isfinite(level_db(loud)).all()
    np.testing.assert_array_less(np.abs(level_db(loud) - level_db(soft) - 20.0), SAME_DB)
    np.testing.assert_array_less(level_db(10 * soft - loud) - level_db(loud), DIFFERENCE_DB)
