"""Strikes of a metronome, as a model knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.trust.records import record
from bsep_stream.trust.shown import brief

PERIODS = (0.01, 3_600.0)
"""From strike to strike, in seconds."""
MODULI = (1e-15, 1e15)
"""Of what strikes, beside 0: their squares and the inverse of these are numbers of float32."""


@dataclass(frozen=True)
class _Written:
    """A strike as it is written."""

    moduli: tuple[float, ...]
    bins: tuple[int, ...]
    period_seconds: float


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
        written = record(_Written, values, "a strike of a metronome")
        lowest, highest = MODULI
        known = [value for value in written.moduli if value == 0.0 or lowest <= value <= highest]
        bins = np.array([each for each in written.bins if 0 <= each < n_bins], dtype=np.intp)
        if not len(known) == len(written.moduli) == n_bins or not 0 < len(bins) == len(set(written.bins)):
            raise ConfigError(f"a strike of a metronome should have {n_bins} moduli, and bins among them, each once")
        moduli = np.array(known, dtype=np.float32)
        if not (moduli[bins] > 0).all():
            raise ConfigError(f"a strike of a metronome should have {n_bins} moduli, positive in its bins")
        period = written.period_seconds
        if not PERIODS[0] <= period <= PERIODS[1]:
            raise ConfigError(f"a metronome strikes every {PERIODS[0]:g} to {PERIODS[1]:g} s, got {brief(period)}")
        return cls(moduli, bins, period)
