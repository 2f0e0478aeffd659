"""A frame and its answer, by which a host in another language is checked.

    python -m bsep_stream.demo.reference MODEL.onnx reference.json [RECORDING SECOND]

writes the samples of one frame, what the network is given, what it answers, and the masks, as plain JSON.
``docs/model-file.md`` says what they mean, and ``examples/host.js`` is a host that is checked by it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.demo import MIX
from bsep_stream.errors import AudioError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import read_recording
from bsep_stream.masks.maskoutput import MaskOutput
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel

SECOND = 10.0
"""Of the demo's recording: both of its instruments play."""

PLAIN_MASKS = MaskSettings(strike_db=None, noise_db=None, ring=0.0, metronome=False, places=False)
"""Those of one frame alone, as the page has them."""


def reference(model: SeparationModel, samples: NDArray[np.float32]) -> dict[str, Any]:
    """Plain values for JSON.

    Parameters
    ----------
    model : SeparationModel
    samples : ndarray, shape (n_fft,), float32
        A mono frame at the model's rate.
    """
    n_bins = model.geometry.n_bins
    spectrum = model.geometry.analyse(samples)
    frame = np.stack([spectrum.real, spectrum.imag])[:, :n_bins] * np.float32(model.gain)
    tones = model.step(frame)
    masks = MaskOutput(model, PLAIN_MASKS)
    masks.hear(tones)
    return {
        "source_names": list(model.source_names),
        "samples": _plain(samples),
        "frame": _plain(frame),
        "on": _plain(tones.on),
        "f0_bin": _plain(tones.f0_bin),
        "timbre": _plain(tones.timbre),
        "masks": _plain(masks.masks(spectrum[:n_bins])),
    }


def frame_of(model: SeparationModel, recording: Path, second: float) -> NDArray[np.float32]:
    """Samples (n_fft,) around a point in time of a recording at the model's rate, mean of the channels.

    Raises
    ------
    AudioError
        If it has another rate, or is too short.
    """
    audio, sample_rate = read_recording(recording)
    geometry = model.geometry
    start = round(second * geometry.sample_rate) - geometry.n_fft // 2
    samples: NDArray[np.float32] = audio.mean(axis=0)[max(start, 0) : start + geometry.n_fft]
    if sample_rate != geometry.sample_rate or start < 0 or len(samples) < geometry.n_fft:
        raise AudioError(
            f"a frame of {geometry.n_fft} samples at {geometry.sample_rate} Hz is needed around {second:g} s; "
            f"{recording} is at {sample_rate} Hz and {audio.shape[1] / sample_rate:.1f} s long"
        )
    return samples


def _plain(values: NDArray[Any]) -> Any:
    """Lists of numbers with all digits that float32 has."""
    return [_plain(row) for row in values] if values.ndim > 1 else [float(f"{value:.9g}") for value in values]


def main(model_path: str, output: str, recording: str = str(MIX), second: str = str(SECOND)) -> None:
    """Write the file."""
    model = SeparationModel(model_path)
    values = reference(model, frame_of(model, Path(recording), float(second)))
    with whole_file(Path(output)) as temporary:
        temporary.write_text(json.dumps(values), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
