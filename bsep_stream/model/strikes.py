"""Strikes of a metronome, as a model knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError


@dataclass(frozen=True)
class Strike:
    """What strikes, in a frame that has it in its middle.

    Parameters
    ----------
    moduli : ndarray, shape (n_bins,), float32
        At the level of the recording.
    bins : ndarray of int
        Where it is above what else sounds.
    period_seconds : float
    """

    moduli: NDArray[np.float32]
    bins: NDArray[np.intp]
    period_seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        moduli = [float(f"{value:.4g}") for value in self.moduli]
        return {"moduli": moduli, "bins": self.bins.tolist(), "period_seconds": round(self.period_seconds, 4)}

    @classmethod
    def from_dict(cls, values: dict[str, Any], n_bins: int) -> Strike:
        """Inverse of :meth:`to_dict`.

        Raises
        ------
        ConfigError
            Values that are no strike in ``n_bins`` bins.
        """
        try:
            moduli = np.array(values["moduli"], dtype=np.float32)
            bins = np.array(values["bins"], dtype=np.intp)
            period = float(values["period_seconds"])
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"a strike of a metronome cannot be read ({error!r})") from error
        inside = bins.ndim == 1 and bins.size > 0 and bins.min() >= 0 and bins.max() < n_bins
        if moduli.shape != (n_bins,) or not inside or not (np.isfinite(moduli).all() and (moduli[bins] > 0).all()):
            raise ConfigError(f"a strike of a metronome should have {n_bins} moduli, positive in its bins")
        return cls(moduli, bins, period)
