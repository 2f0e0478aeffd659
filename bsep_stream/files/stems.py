"""The stems of a recording as an array that knows their names, and shows itself in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream import cards


class Stems(np.ndarray[Any, np.dtype[np.float32]]):
    """An array, shape (n_stems, channels, n_samples), float32, with players and spectrograms in a notebook.

    What is cut out of it or computed from it is an array like any other: names and rate of a part could be wrong
    (``stems[::-1]``, ``stems[..., ::2]``), so it has none.

    Attributes
    ----------
    stem_names : tuple of str
        Empty for what was computed.
    sample_rate : int
        0 for what was computed.
    """

    stem_names: tuple[str, ...]
    sample_rate: int

    @staticmethod
    def of(audio: NDArray[np.float32], stem_names: Sequence[str], sample_rate: int) -> Stems:
        """The same memory, with names and rate."""
        stems = audio.view(Stems)
        stems.stem_names, stems.sample_rate = tuple(stem_names), sample_rate
        return stems

    def __array_finalize__(self, _origin: object) -> None:
        self.stem_names, self.sample_rate = (), 0

    def _repr_html_(self) -> str | None:
        """What Jupyter shows; None: the numbers."""
        return cards.card("stems", self) if self.stem_names else None
