"""One step of a model, a frame in and its tones out; in a stream in memory that is allocated once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnxruntime

INPUT_NAME = "frame"
TONE_OUTPUTS = ("f0_bin", "inharmonicity", "width_bins", "amplitude", "on")
OUTPUTS = ("direct", "dictionary", *TONE_OUTPUTS, "coefficients", "timbre")
"""Outputs of the graph in the order of docs/internals.md."""
SPECTRA_SWITCH = "spectra"
"""Input of the graph, one bool: whether the outputs that masks do not need are wanted. Models of format 1 have a value
of their own for it, or no such input at all."""
SPECTRA_OUTPUTS = ("direct", "dictionary", "amplitude", "coefficients")
"""These: without them a step takes two thirds of the time."""


@dataclass(frozen=True)
class Tones:
    """What the network found in one frame; the scale is that of the frame it was given.

    Tones are ordered by source: tone ``t`` belongs to source ``model.tone_sources[t]``.
    """

    direct: NDArray[np.complex64]
    """Direct spectrum of every source, shape (n_sources, n_bins): harmonics as they lie in the frame."""
    dictionary: NDArray[np.complex64]
    """Dictionary spectrum, shape (n_sources, n_bins): moduli from the dictionary, phases from the frame."""
    f0_bin: NDArray[np.float32]
    """Fundamental in bins, shape (n_tones,)."""
    inharmonicity: NDArray[np.float32]
    """b of ``f_h = f0 h sqrt(1 + b h^2)``, shape (n_tones,)."""
    width_bins: NDArray[np.float32]
    """Standard deviation of the peaks in bins, shape (n_tones,)."""
    amplitude: NDArray[np.float32]
    """Scale of the row of the dictionary, shape (n_tones,)."""
    on: NDArray[np.float32]
    """1 where the tone sounds, 0 where it does not, shape (n_tones,)."""
    coefficients: NDArray[np.complex64]
    """Height and phase of every harmonic of the direct tone, shape (n_tones, n_harmonics)."""
    timbre: NDArray[np.float32]
    """Modulus of every source, shape (n_sources, n_bins): what masks are made from. Harmonics as the
    instrument has them at this pitch, and noise; no phases."""


def tones_of(outputs: Sequence[NDArray[np.float32]]) -> Tones:
    """Tones from the outputs of the graph for one frame, without the batch, in the order of :data:`OUTPUTS`."""
    direct, dictionary, f0_bin, inharmonicity, width_bins, amplitude, on, coefficients, timbre = outputs
    tones = Tones(
        direct=np.empty(direct[:, 0].shape, dtype=np.complex64),
        dictionary=np.empty(dictionary[:, 0].shape, dtype=np.complex64),
        f0_bin=f0_bin,
        inharmonicity=inharmonicity,
        width_bins=width_bins,
        amplitude=amplitude,
        on=on,
        coefficients=np.empty(coefficients[..., 0].shape, dtype=np.complex64),
        timbre=timbre,
    )
    _join_complex(tones, outputs)
    return tones


def _frame_shape(session: onnxruntime.InferenceSession) -> tuple[int, ...]:
    """Shape of the input of a graph without the batch."""
    return next(tuple(value.shape[1:]) for value in session.get_inputs() if value.name == INPUT_NAME)


class Stepper:
    """Steps of one stream. Several threads need one each.

    Parameters
    ----------
    session : onnxruntime.InferenceSession
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        import onnxruntime  # heavy

        self._session = session
        self._binding = session.io_binding()
        self._frame: NDArray[np.float32] = np.zeros((1, *_frame_shape(session)), dtype=np.float32)
        shapes = {output.name: output.shape[1:] for output in session.get_outputs()}
        arrays = [np.zeros((1, *shapes[name]), dtype=np.float32) for name in OUTPUTS]
        # These share the memory of the arrays, and must live as long as the binding.
        self._frame_value = onnxruntime.OrtValue.ortvalue_from_numpy(self._frame)
        self._values = [onnxruntime.OrtValue.ortvalue_from_numpy(array) for array in arrays]
        self._binding.bind_ortvalue_input(INPUT_NAME, self._frame_value)
        self._switch = np.ones(1, dtype=np.bool_)
        self._switch_value = onnxruntime.OrtValue.ortvalue_from_numpy(self._switch)
        inputs = (*session.get_inputs(), *session.get_overridable_initializers())
        self._can_switch = SPECTRA_SWITCH in {value.name for value in inputs}
        if self._can_switch:
            self._binding.bind_ortvalue_input(SPECTRA_SWITCH, self._switch_value)
        for name, value in zip(OUTPUTS, self._values, strict=True):
            self._binding.bind_ortvalue_output(name, value)
        self._outputs = [array[0] for array in arrays]
        self._tones = tones_of(self._outputs)
        self._joined = True

    def want_spectra(self, wanted: bool) -> None:
        """Whether the next steps must find ``direct``, ``dictionary``, ``amplitude`` and ``coefficients``.

        Without them, which is faster, they are 0; the rest is the same bits. Models that were exported when there was
        no such choice always find them.
        """
        self._switch[0] = wanted

    def __call__(self, frame: NDArray[np.float32]) -> Tones:
        """Tones of one frame.

        Parameters
        ----------
        frame : ndarray, shape (2, n_bins), float32
            As for :meth:`bsep_stream.model.separation_model.SeparationModel.step`.

        Returns
        -------
        Tones
            Always the same, with other contents: valid until the next call.
        """
        self._frame[0] = frame
        self._session.run_with_iobinding(self._binding)
        wanted = bool(self._switch[0]) or not self._can_switch
        if wanted or self._joined:  # else all spectra are 0, as they were
            _join_complex(self._tones, self._outputs)
            self._joined = wanted
        return self._tones


def _join_complex(tones: Tones, outputs: Sequence[NDArray[np.float32]]) -> None:
    """Fill the complex arrays of tones, for which the graph has real and imaginary parts."""
    direct, dictionary, *_, coefficients, _ = outputs
    tones.direct.real, tones.direct.imag = direct[:, 0], direct[:, 1]
    tones.dictionary.real, tones.dictionary.imag = dictionary[:, 0], dictionary[:, 1]
    tones.coefficients.real, tones.coefficients.imag = coefficients[..., 0], coefficients[..., 1]
