"""The whole spectra of a session: what timbres that are fitted to them say of tones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.tones.doubling import Doubt, gains_of_both
from bsep_stream.train.tones.unexplained import unexplained_share


@dataclass(frozen=True)
class WholeSpectra:
    """Modulus spectra to fit timbres to, where a search has nothing but their peaks.

    Parameters
    ----------
    config : TrainConfig
    moduli : Tensor, shape (n_frames, n_bins)
        Of a level near 1.
    """

    config: TrainConfig
    moduli: Tensor

    def unexplained(self, f0_bin: Tensor) -> float:
        """See :func:`.unexplained.unexplained_share`."""
        return unexplained_share(self.config, self.moduli, f0_bin)

    def gains_of_both(self, f0_bin: NDArray[np.float64], doubts: Sequence[Doubt]) -> NDArray[np.float64]:
        """See :func:`.doubling.gains_of_both`."""
        return gains_of_both(self.config, self.moduli, f0_bin, doubts)
