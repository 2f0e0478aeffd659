"""What the stream asks of whoever makes the spectra of the stems."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.step import Tones

_Spectra = NDArray[np.complex64]


class SpectraMaker(Protocol):
    """What makes the spectra of the stems of one frame after the other."""

    @property
    def tones(self) -> Tones | None:
        """What was heard in the last frame, if anything; valid until the next."""

    def reset(self) -> None:
        """Like new."""

    def spectra(self, mixture: _Spectra, recent: NDArray[np.float32]) -> _Spectra:
        """Spectra of the stems of the next frame.

        Parameters
        ----------
        mixture : ndarray, shape (channels, n_fft // 2 + 1), complex64
            The phase is that at the first sample.
        recent : ndarray, shape (channels, n_fft), float32
            What it is the spectrum of, without a window.

        Returns
        -------
        ndarray, shape (n_sources, channels, at most n_fft // 2 + 1), complex64
            Valid until the next call.
        """
