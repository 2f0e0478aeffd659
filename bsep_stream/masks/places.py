"""Places: from where in the stereo picture the sources sound, and the stems that this says more of than masks can.

Two microphones, or a pan pot, give every source differences of level and phase between the channels, others in every
bin. Where a source is almost alone they are seen, and where it is not alone they tell the sources apart: with a
covariance of the channels for every source and bin, the shares of a frame's power become a multichannel Wiener filter
(Duong, Vincent, Gribonval 2010). Nothing is known at first; then stems are what the masks alone make of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Rows = NDArray[np.float32]

CHANNELS = 2
"""That it knows how to tell apart; streams with any other number are masked channel by channel."""

_SOLITUDE = 4
"""A source's share of the power, squared so many times, says how much it is alone."""
_MEMORY_SECONDS = 30.0
"""Players move, and so do faders."""
_DOUBT = 1.0
"""Frames in which a source is alone that weigh as much as not knowing."""
_LOUDEST = 8.0
"""Times the power that was expected: what is above is another sound."""
_LARGEST_GAIN = 4.0
"""That the room makes of a power, at most, and at least one over it."""
_DIFFUSE = 0.01
"""Share of every covariance that comes from everywhere: so deep a source can be silenced where another one is."""

_LEAST = np.float32(1e-6)  # of the matrices that are inverted: far below what is diffuse
_FAR = np.float32(1e9)  # of a sample over its expected modulus: its square is finite


class StereoPlaces:
    """Covariances of two channels, for every source and bin, and the filter that is made of them.

    A Hermitian matrix, or a pair of complex samples, is four rows: both powers and the real and imaginary part of what
    is in common; real and imaginary part of the first and of the second channel.

    Parameters
    ----------
    n_sources, n_bins : int
    hop_seconds : float
        Between frames.
    """

    def __init__(self, n_sources: int, n_bins: int, hop_seconds: float) -> None:
        self._keep = np.float32(np.exp(-hop_seconds / _MEMORY_SECONDS))
        self._doubt = np.float32(_DOUBT * (1.0 - self._keep))
        self._sums = np.zeros((n_sources, 4, n_bins), dtype=np.float32)
        self._weights = np.zeros((n_sources, n_bins), dtype=np.float32)
        self._places = np.zeros((n_sources, 4, n_bins), dtype=np.float32)
        self._samples, self._matrix, self._pair, self._own = (np.zeros((4, n_bins), dtype=np.float32) for _ in range(4))
        self._spare, self._other = (np.zeros(n_bins, dtype=np.float32) for _ in range(2))
        self.forget()

    def forget(self) -> None:
        """As if nothing had been heard: every source may be anywhere."""
        self._sums[...] = 0.0
        self._sums[:, :2] = _DOUBT
        self._weights[...] = _DOUBT
        self._places[...] = 0.0
        self._places[:, :2] = 1.0

    def separate(self, masks: _Rows, mixture: NDArray[np.complex64], stems: NDArray[np.complex64]) -> None:
        """Stems of a frame, by the places that are known so far.

        Parameters
        ----------
        masks : ndarray, shape (n_sources, n_bins), float32
            Shares of the power that the sources are expected to have, sum at most 1. The rest is from everywhere.
        mixture : ndarray, shape (2, n_bins), complex64
        stems : ndarray, shape (n_sources, 2, n_bins), complex64
            Where they go.
        """
        samples, total, spare = self._samples, self._matrix, self._spare
        for channel, (real, imag) in zip(mixture, (samples[:2], samples[2:]), strict=True):
            np.copyto(real, channel.real)
            np.copyto(imag, channel.imag)
        np.add.reduce(masks, axis=0, out=total[0])
        np.subtract(np.float32(1.0), total[0], out=total[0])
        np.maximum(total[0], _LEAST, out=total[0])
        np.copyto(total[1], total[0])
        total[2:] = 0.0
        for mask, place in zip(masks, self._places, strict=True):
            for row, part in zip(total, place, strict=True):
                np.multiply(part, mask, out=spare)
                row += spare
        _invert(total, spare, self._other)
        _multiply(total, samples, self._pair, spare)
        own = self._own
        for mask, place, stem in zip(masks, self._places, stems, strict=True):
            _multiply(place, self._pair, own, spare)
            for channel, (real, imag) in zip(stem, (own[:2], own[2:]), strict=True):
                np.multiply(real, mask, out=channel.real)
                np.multiply(imag, mask, out=channel.imag)

    def learn(self, masks: _Rows, expected: _Rows, scale: float) -> None:
        """Learn from the frame that was separated last.

        Parameters
        ----------
        masks : ndarray, shape (n_sources, n_bins), float32
            As there.
        expected : ndarray, shape (n_bins,), float32
            Power of a channel that is expected of all sources and all that is foreign.
        scale : float
            By which samples of the mixture are multiplied to be comparable with it.
        """
        samples, seen, spare, weight = self._samples, self._matrix, self._spare, self._other
        np.sqrt(expected, out=spare)
        np.divide(np.float32(scale), spare, out=spare)
        for row in samples:
            row *= spare
            np.maximum(row, -_FAR, out=row)
            np.minimum(row, _FAR, out=row)
        _covariance(samples, seen, spare)
        np.add(seen[0], seen[1], out=spare)
        spare *= np.float32(0.5)
        np.maximum(spare, np.float32(_LOUDEST), out=spare)
        np.divide(np.float32(_LOUDEST), spare, out=spare)
        for row in seen:
            row *= spare
        for mask, sums, weights, place in zip(masks, self._sums, self._weights, self._places, strict=True):
            np.multiply(mask, mask, out=weight)
            for _ in range(_SOLITUDE - 1):
                np.multiply(weight, weight, out=weight)
            weights *= self._keep
            weights += weight
            weights += self._doubt
            for number, (total, row) in enumerate(zip(sums, seen, strict=True)):
                total *= self._keep
                np.multiply(row, weight, out=spare)
                total += spare
                if number < CHANNELS:
                    total += self._doubt
            self._judge(sums, weights, place)

    def _judge(self, sums: _Rows, weights: _Rows, place: _Rows) -> None:
        """The place that a source has by what was learned."""
        mean, spare = self._spare, self._other
        for row, total in zip(place, sums, strict=True):
            np.divide(total, weights, out=row)
        np.add(place[0], place[1], out=mean)
        mean *= np.float32(0.5)
        np.maximum(mean, _LEAST, out=mean)
        np.maximum(mean, np.float32(1.0 / _LARGEST_GAIN), out=spare)
        np.minimum(spare, np.float32(_LARGEST_GAIN), out=spare)
        np.divide(spare, mean, out=mean)
        mean *= np.float32(1.0 - _DIFFUSE)
        for row in place:
            row *= mean
        spare *= np.float32(_DIFFUSE)
        place[0] += spare
        place[1] += spare


def _invert(matrix: _Rows, spare: _Rows, determinant: _Rows) -> None:
    """Inverse of Hermitian matrices in their place."""
    first, second, real, imag = matrix
    np.multiply(first, second, out=determinant)
    for part in (real, imag):
        np.multiply(part, part, out=spare)
        determinant -= spare
    np.maximum(determinant, _LEAST * _LEAST, out=determinant)
    np.copyto(spare, first)
    np.divide(second, determinant, out=first)
    np.divide(spare, determinant, out=second)
    np.negative(determinant, out=determinant)
    real /= determinant
    imag /= determinant


def _multiply(matrix: _Rows, pair: _Rows, out: _Rows, spare: _Rows) -> None:
    """Hermitian matrices times pairs of complex samples."""
    first, second, real, imag = matrix
    first_real, first_imag, second_real, second_imag = pair
    terms = (
        ((first, first_real, 1), (real, second_real, 1), (imag, second_imag, -1)),
        ((first, first_imag, 1), (real, second_imag, 1), (imag, second_real, 1)),
        ((second, second_real, 1), (real, first_real, 1), (imag, first_imag, 1)),
        ((second, second_imag, 1), (real, first_imag, 1), (imag, first_real, -1)),
    )
    for row, (start, *others) in zip(out, terms, strict=True):
        np.multiply(start[0], start[1], out=row)
        for factor, sample, sign in others:
            np.multiply(factor, sample, out=spare)
            if sign > 0:
                row += spare
            else:
                row -= spare


def _covariance(pair: _Rows, out: _Rows, spare: _Rows) -> None:
    """Powers of pairs of complex samples, and the first times the conjugate of the second."""
    first_real, first_imag, second_real, second_imag = pair
    terms = (
        (first_real, first_real, first_imag, first_imag, 1),
        (second_real, second_real, second_imag, second_imag, 1),
        (first_real, second_real, first_imag, second_imag, 1),
        (first_imag, second_real, first_real, second_imag, -1),
    )
    for row, (a, b, c, d, sign) in zip(out, terms, strict=True):
        np.multiply(a, b, out=row)
        np.multiply(c, d, out=spare)
        if sign > 0:
            row += spare
        else:
            row -= spare
