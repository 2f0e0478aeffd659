"""The windows of a stream: what of the newest samples is analysed, what of it is taken, what the network hears.

The product of analysis and synthesis, summed over frames a hop apart, is 1 at every sample: masks of 1 give the mixture
back. With g that product, any analysis window h will do: the synthesis is ``g / (h * sum of g)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.stream.latency import LatencySetting

_LEFT_SIGMAS = 1.5  # width of the left flank of the low-delay window, in standard deviations of the network's
_TAPER_SIGMAS = 0.5  # the cut of the network's window, softened
_SPREAD = 1.4
"""How much wider than peaks masks should be, in widths of a peak, where half the synthesis is one standard deviation of
the network's window long; it goes with the root of the inverse. Found by measurement."""

_Window = NDArray[np.float32]


@dataclass(frozen=True)
class StreamWindows:
    """Windows over the newest ``n_fft`` samples; the last sample is the newest.

    Attributes
    ----------
    analysis : ndarray, shape (n_fft,), float32
        Sum 1.
    synthesis : ndarray, shape (synthesis_samples,), float32
        For the end of the frame, with the division of the overlap-add in it.
    network : ndarray, shape (n_fft // 2 + reach,), float32, or None
        For the newest samples: the network's Gaussian, cut. None: it hears the frames that are masked.
    """

    analysis: _Window
    synthesis: _Window
    network: _Window | None


def stream_windows(geometry: FrameGeometry, setting: LatencySetting) -> StreamWindows:
    """Windows of a setting: for ``quality`` the Gaussian alone, by least squares; else those of low delay."""
    length, hop = setting.synthesis_samples, setting.hop_samples
    if setting.reach_samples is None:
        analysis, product, network = geometry.window, geometry.window**2, None
    else:
        analysis = _low_delay(geometry, setting)
        product = np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2
        network = _cut_gaussian(geometry, setting.reach_samples).astype(np.float32)
    periods = np.zeros(-(-length // hop) * hop)
    periods[:length] = product
    total = np.resize(periods.reshape(-1, hop).sum(axis=0), length)
    synthesis = product / (analysis[-length:] * total)
    return StreamWindows(analysis.astype(np.float32), synthesis.astype(np.float32), network)


def spread_bins(geometry: FrameGeometry, setting: LatencySetting) -> float:
    """Standard deviation by which the peaks of the tones are widened before masks are made of them."""
    half_sigmas = setting.synthesis_samples / (2.0 * geometry.sigma_samples)
    return float(_SPREAD * geometry.sigma_bins / np.sqrt(half_sigmas))


def _low_delay(geometry: FrameGeometry, setting: LatencySetting) -> NDArray[np.float64]:
    """Half a Gaussian on the left, and on the right a quarter of a sine down to the newest sample."""
    edge = setting.synthesis_samples // 2
    age = geometry.n_fft - np.arange(geometry.n_fft) - 0.5  # of the samples of a frame
    left = np.exp(-0.5 * (np.maximum(age - edge, 0.0) / (_LEFT_SIGMAS * geometry.sigma_samples)) ** 2)
    window = left * np.sin(0.5 * np.pi * np.minimum(age / edge, 1.0))
    normalised: NDArray[np.float64] = window / window.sum()
    return normalised


def _cut_gaussian(geometry: FrameGeometry, reach: int) -> NDArray[np.float64]:
    """The window of the network up to `reach` samples after its centre, its last part tapered, sum 1."""
    window = geometry.window[: geometry.n_fft // 2 + reach].copy()
    taper = min(reach, max(1, round(_TAPER_SIGMAS * geometry.sigma_samples)))
    rest = (np.arange(taper, 0, -1) - 0.5) / taper
    window[-taper:] *= 0.5 - 0.5 * np.cos(np.pi * rest)
    normalised: NDArray[np.float64] = window / window.sum()
    return normalised
