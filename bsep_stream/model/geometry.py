"""Frame geometry: the one place that computes a window and goes from samples to bins and back.

A frame is one column of a short-time Fourier transform with a Gaussian window whose phase is
referred to the window's CENTRE. Then a stationary sinusoid of amplitude A gives a peak
``A/2 * exp(-(k - f)**2 / (2 * sigma_bins**2))`` with constant phase over the peak, which is what
the tone model assumes (Schulze, Leuschner, King 2021, section 2.1).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.trust.records import record
from bsep_stream.trust.shown import brief

LONGEST_FRAME = 65_536
"""Samples; five times that of the longest preset."""
RATES = (4_000, 768_000)
"""Sample rates, Hz."""
SIGMAS = (1.0, 1e6)
"""Standard deviations of the window, samples."""


@dataclass(frozen=True)
class FrameGeometry:
    """Geometry of the frames of one model.

    Parameters
    ----------
    sample_rate : int
        Samples per second (Hz) of the audio that the frames are cut from.
    n_fft : int
        Length of a frame in samples; also the length of the window (``win_length``). Even.
    n_bins : int
        Bins that the network sees, from 0 on; at most ``n_fft // 2 + 1``.
    hop_length : int
        Samples between the frames of a separation.
    sigma_samples : float
        Standard deviation of the Gaussian window in samples.
    """

    sample_rate: int = 48_000
    n_fft: int = 12_288
    n_bins: int = 6_144
    hop_length: int = 512
    sigma_samples: float = 1_024.0

    def __post_init__(self) -> None:
        for name in ("sample_rate", "n_fft", "n_bins", "hop_length"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise ConfigError(f"{name} must be a whole number, got {brief(value)}")
        if not 2 <= self.n_fft <= LONGEST_FRAME or self.n_fft % 2:
            raise ConfigError(f"n_fft must be even, at least 2 and at most {LONGEST_FRAME}, got {brief(self.n_fft)}")
        if not 1 <= self.n_bins <= self.n_fft // 2 + 1:
            raise ConfigError(f"n_bins must be 1 to {self.n_fft // 2 + 1}, got {brief(self.n_bins)}")
        if not RATES[0] <= self.sample_rate <= RATES[1]:
            raise ConfigError(f"sample_rate must be positive, {RATES[0]} to {RATES[1]}, got {brief(self.sample_rate)}")
        sigma = self.sigma_samples
        if isinstance(sigma, bool) or not isinstance(sigma, int | float | np.floating):
            raise ConfigError(f"sigma_samples must be a number, got {brief(sigma)}")
        if not SIGMAS[0] <= sigma <= SIGMAS[1]:
            raise ConfigError(f"sigma_samples must be positive, {SIGMAS[0]:g} to {SIGMAS[1]:g}, got {brief(sigma)}")
        if not 1 <= self.hop_length <= self.n_fft:
            raise ConfigError(f"hop_length must be 1 to {self.n_fft}, got {brief(self.hop_length)}")

    @property
    def win_length(self) -> int:
        """Length of the window in samples."""
        return self.n_fft

    @property
    def bin_hz(self) -> float:
        """Spacing of the bins in Hz."""
        return self.sample_rate / self.n_fft

    @property
    def sigma_bins(self) -> float:
        """Width (standard deviation, in bins) of the peak of a stationary sinusoid."""
        return self.n_fft / (2.0 * np.pi * self.sigma_samples)

    @cached_property
    def window(self) -> NDArray[np.float64]:
        """Gaussian analysis window, shape (n_fft,), sum 1, largest at index ``n_fft // 2``."""
        time = np.arange(self.n_fft) - self.n_fft // 2
        window = np.exp(-0.5 * (time / self.sigma_samples) ** 2)
        normalised: NDArray[np.float64] = window / window.sum()
        return normalised

    @cached_property
    def centring(self) -> NDArray[np.complex64]:
        """(-1)**k, shape (n_fft // 2 + 1,): moves the phase from the start of a frame to its centre, and back."""
        return np.where(np.arange(self.n_fft // 2 + 1) % 2, -1.0, 1.0).astype(np.complex64)

    @cached_property
    def _window32(self) -> NDArray[np.float32]:
        return self.window.astype(np.float32)

    def analyse(self, segments: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Spectra of segments of audio.

        Parameters
        ----------
        segments : ndarray, shape (..., n_fft), float32

        Returns
        -------
        ndarray, shape (..., n_fft // 2 + 1), complex64
            All bins; the network sees the first ``n_bins``.
        """
        spectra = np.fft.rfft(segments * self._window32) * self.centring
        return spectra.astype(np.complex64, copy=False)  # numpy before 2 transforms in double precision

    def synthesise(self, spectra: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Windowed segments of audio whose spectra are given: the inverse of :meth:`analyse`.

        Parameters
        ----------
        spectra : ndarray, shape (..., m), complex64, m at most ``n_fft // 2 + 1``
            Bins that are not given are taken as 0.

        Returns
        -------
        ndarray, shape (..., n_fft), float32
            Still weighted by the window: overlap-add as ``sum(window * segment) / sum(window ** 2)``.
        """
        centred = spectra * self.centring[: spectra.shape[-1]]
        return np.fft.irfft(centred, n=self.n_fft).astype(np.float32, copy=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FrameGeometry:
        """Inverse of :meth:`to_dict`; unknown or missing keys are an error."""
        return record(cls, values, "a frame geometry", whole=True)
