"""Source-filter model of an instrument: what drives it has harmonics, its body has resonances at fixed frequencies.

The square root of the modulus of harmonic h of a tone of pitch p is taken as ``g A(h) B(p + 12 log2 h)``: A belongs to
the order of the harmonic, B to its absolute frequency, g to the frame. So what is seen of the body at low pitches
tells the envelope of higher ones, that have not been heard.
"""

from __future__ import annotations

import torch
from torch import Tensor

from bsep_stream.train.search.candidates import N_HARMONICS

_BAND_SEMITONES = 4.0  # third-octave bands, linear in between
_N_BANDS = 40
_FEW_FRAMES = 0.01
_LITTLE_ENERGY = 0.1  # of a frame, whose roots have squares of sum 1
_TINY = 1e-9


def harmonic_semitones() -> Tensor:
    """Semitones from the fundamental to every harmonic, shape (n_harmonics,)."""
    return 12 * torch.arange(1.0, N_HARMONICS + 1).log2()


class SourceFilter:
    """Harmonic part and body of one source, fitted to the roots of its harmonics.

    Fitted by backfitting: bands, harmonics and gains of frames in turns, each as the ratio of what is observed to
    what the others say. A band that few frames tell about stays near 1, which keeps the model a plain envelope.

    Parameters
    ----------
    pitch : Tensor, shape (n_frames,)
        In semitones.
    root, weight : Tensor, shape (n_frames, n_harmonics)
        Square roots of moduli relative to the tone's amplitude, and how far each is to be believed.
    shrinkage : float
        Weight of a flat body in every band, in frames.
    rounds : int
        Of backfitting.
    """

    def __init__(self, pitch: Tensor, root: Tensor, weight: Tensor, shrinkage: float, rounds: int) -> None:
        self._bands = torch.ones(_N_BANDS)
        self._harmonics = _ratio((weight * root).sum(dim=0), weight.sum(dim=0))
        gains = torch.ones(len(root), 1)
        lower, share = _place(pitch[:, None] + harmonic_semitones())
        known = _into_bands(weight, lower, share)
        observed = _into_bands(weight * root, lower, share)
        for _ in range(rounds):
            fitted = _into_bands(weight * gains * self._harmonics * self._body(lower, share), lower, share)
            update = self._bands * (observed + _TINY) / (fitted + _TINY)
            self._bands = (update * known + shrinkage) / (known + shrinkage)
            body = self._body(lower, share)
            self._harmonics = _ratio((weight * root).sum(dim=0), (weight * gains * body).sum(dim=0))
            model = self._harmonics * body
            gains = (weight * root * model).sum(dim=1, keepdim=True) + _LITTLE_ENERGY
            gains = gains / ((weight * model.square()).sum(dim=1, keepdim=True) + _LITTLE_ENERGY)

    def roots(self, pitch: Tensor) -> Tensor:
        """Square roots of the moduli of the harmonics.

        Parameters
        ----------
        pitch : Tensor, shape (n,)

        Returns
        -------
        Tensor, shape (n, n_harmonics)
            Rows whose squares sum to 1.
        """
        root = self._harmonics * self._body(*_place(pitch[:, None] + harmonic_semitones()))
        return root / root.square().sum(dim=1, keepdim=True).sqrt().clamp_min(_TINY)

    def _body(self, lower: Tensor, share: Tensor) -> Tensor:
        return self._bands[lower] * (1 - share) + self._bands[lower + 1] * share


def _ratio(observed: Tensor, fitted: Tensor) -> Tensor:
    """0.1 where nothing is known of a harmonic."""
    return (observed + 0.1 * _FEW_FRAMES) / (fitted + _FEW_FRAMES)


def _place(position: Tensor) -> tuple[Tensor, Tensor]:
    """Band below, and how far from there to the next."""
    band = (position / _BAND_SEMITONES).clamp(0, _N_BANDS - 1.001)
    lower = band.floor().long()
    return lower, band - lower


def _into_bands(values: Tensor, lower: Tensor, share: Tensor) -> Tensor:
    """Sum of what falls into every band, shape (n_bands,)."""
    total = torch.zeros(_N_BANDS)
    total.index_add_(0, lower.flatten(), (values * (1 - share)).flatten())
    return total.index_add_(0, (lower + 1).flatten(), (values * share).flatten())
