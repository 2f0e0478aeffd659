"""The input half of the audio callback: copies, and mends samples that are no audio."""

from __future__ import annotations

import numpy as np

from bsep_stream.live.engine.counters import Counters
from bsep_stream.live.engine.history import Audio, History
from bsep_stream.live.engine.splice import Splice
from bsep_stream.words import LARGEST_SAMPLE


class Capture:
    """Writes what comes from the device into the input's history.

    Parameters
    ----------
    history : History
    splice : Splice
    counters : Counters
    largest_block : int
        Longer blocks are taken in pieces.
    """

    def __init__(self, history: History, splice: Splice, counters: Counters, largest_block: int) -> None:
        self._history = history
        self._splice = splice
        self._counters = counters
        self._piece: Audio = np.zeros((len(splice.last), largest_block), dtype=np.float32)
        self._broken = False

    def take(self, block: Audio) -> None:
        """Append a block, shape (channels, n), any n."""
        largest = self._piece.shape[1]
        for start in range(0, block.shape[1], largest):
            self._take_piece(block[:, start : start + largest])

    def interrupt(self) -> None:
        """What comes next does not follow what came last."""
        self._broken = True

    def _take_piece(self, block: Audio) -> None:
        piece = self._piece[:, : block.shape[1]]
        piece[:] = block
        ends_well = True
        lowest, highest = piece.min(), piece.max()
        self._counters.input_peak = max(self._counters.input_peak, float(highest), -float(lowest))
        if not (lowest >= -LARGEST_SAMPLE and highest <= LARGEST_SAMPLE):  # so for NaN, too
            ends_well = self._mend(piece)
        if self._broken:
            self._splice.cut(piece[:, :1])  # the sample before the seam is unknown: take the one after it
        self._broken = not ends_well
        self._splice.apply(piece)
        self._history.write(piece)

    def _mend(self, piece: Audio) -> bool:
        """Draw straight lines over bad samples, at the end of a block a level one; whether its end was good."""
        index = np.arange(-1, piece.shape[1])
        ends_well = True
        for channel, last in zip(piece, self._splice.last, strict=True):
            bad = ~((channel >= -LARGEST_SAMPLE) & (channel <= LARGEST_SAMPLE))  # NaN is neither
            self._counters.bad_input_samples += int(np.count_nonzero(bad))
            ends_well = ends_well and not bad[-1]
            good = np.concatenate([[True], ~bad])
            values = np.concatenate([last, channel])
            channel[bad] = np.interp(index[1:][bad], index[good], values[good])
        return ends_well
