"""The model file in another host: what docs/model-file.md says is enough, as a host in JavaScript shows."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bsep_stream import MaskSettings, SeparationModel, separate
from bsep_stream.demo import MIX, MODEL
from bsep_stream.demo.reference import frame_of, main
from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import read_recording

HOST = Path(__file__).parent.parent / "examples" / "host.js"
TOLERANCE = 1e-4  # of the largest value: float32, other kernels, double precision on one side


@pytest.fixture(scope="module", params=["shipped", "tiny"])
def model_path(request: pytest.FixtureRequest, models_folder: Path) -> Path:
    return MODEL if request.param == "shipped" else models_folder / "split_fast.onnx"


@pytest.fixture(scope="module")
def reference_path(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reference") / "reference.json"
    main(str(model_path), str(path))
    return path


@pytest.mark.parametrize("runtime", ["onnxruntime-node", "onnxruntime-web"])
def test_host_in_javascript_agrees(runtime: str, model_path: Path, reference_path: Path, tmp_path: Path) -> None:
    node = shutil.which("node")
    folders = [Path(folder) for folder in os.environ.get("NODE_PATH", "").split(os.pathsep) if folder]
    there = [folder for folder in folders if (folder / runtime).exists()]
    if node is None or not there or not HOST.exists():
        pytest.skip(f"needs node, and {runtime} in a folder of NODE_PATH")
    for package in there[0].iterdir():  # that runtime and not the other
        if package.name == runtime or not package.name.startswith("onnxruntime-") or package.name.endswith("common"):
            (tmp_path / package.name).symlink_to(package)
    done = subprocess.run(
        [node, str(HOST), str(model_path), str(reference_path)],
        env={**os.environ, "NODE_PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    worst = json.loads(done.stdout)
    assert set(worst) == {"frame", "on", "f0_bin", "timbre", "masks"}
    assert max(worst.values()) < TOLERANCE


def test_formulas_of_the_page_give_masks_and_stems(model_path: Path, reference_path: Path) -> None:
    """Masks of one frame, and the stems of a whole recording, by numpy and the page alone."""
    model, known = SeparationModel(model_path), json.loads(reference_path.read_text())
    geometry, gain = model.geometry, model.gain
    n_fft, n_bins, hop = geometry.n_fft, geometry.n_bins, geometry.hop_length
    time = np.arange(n_fft) - n_fft / 2
    window = np.exp(-(time**2) / (2 * geometry.sigma_samples**2))
    window /= window.sum()
    centring = (-1.0) ** np.arange(n_fft // 2 + 1)

    lowest = round(40 * n_fft / geometry.sample_rate) if model.training.get("preset") == "fast" else 0

    def masks_of(spectrum: np.ndarray, lowest: int = 0) -> np.ndarray:
        frame = gain * np.stack([spectrum.real, spectrum.imag])[:, :n_bins]
        frame[:, :lowest] = 0.0
        tones = model.step(frame.astype(np.float32))
        peak, m = tones.timbre.max(), np.abs(spectrum)
        if peak == 0 or not tones.on.any():
            return np.zeros((model.n_sources, len(spectrum)))
        p = (tones.timbre.astype(float) / peak) ** 2
        explained, mixture = p.sum(axis=0) + 1e-30, (gain * m[:n_bins] / peak) ** 2
        below = p / (explained + 1e-6 * mixture + np.maximum(0, mixture - 10**2.8 * explained))
        power = m[n_bins // 2 : n_bins] ** 2
        above = (below[:, n_bins // 2 :] * power).sum(axis=1) / (power.sum() + 1e-30)
        return np.concatenate([below, np.repeat(above[:, None], len(spectrum) - n_bins, axis=1)], axis=1)

    spectrum = centring * np.fft.rfft(window * np.array(known["samples"]))
    np.testing.assert_allclose(masks_of(spectrum)[:, :n_bins], known["masks"], atol=TOLERANCE)

    mixture = read_recording(MIX)[0][0, 480_000 : 480_000 + 20 * hop].astype(float)
    padded = np.pad(mixture, (n_fft, n_fft))
    sums, total = np.zeros((model.n_sources, padded.size)), np.zeros(padded.size)
    for start in range(hop, padded.size - n_fft + 1, hop):
        spectrum = centring * np.fft.rfft(window * padded[start : start + n_fft])
        parts = np.fft.irfft(centring * masks_of(spectrum, lowest) * spectrum, n_fft)
        sums[:, start : start + n_fft] += window * parts
        total[start : start + n_fft] += window**2
    stems = sums[:, n_fft:-n_fft] / total[n_fft:-n_fft]
    plain = MaskSettings(strike_db=None, noise_db=None, ring=0.0, metronome=False, places=False)
    expected = separate(model, mixture.astype(np.float32), geometry.sample_rate, output="mask", mask=plain)
    np.testing.assert_allclose(stems, np.asarray(expected)[:-1, 0], atol=TOLERANCE * np.abs(mixture).max())


def test_reference_needs_a_frame_of_the_right_rate(tiny_model: SeparationModel) -> None:
    for second in (0.001, 1000.0):
        with pytest.raises(AudioError, match="a frame of 512 samples at 48000 Hz is needed"):
            frame_of(tiny_model, MIX, second)
