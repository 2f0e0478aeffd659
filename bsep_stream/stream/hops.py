"""The heart of a stream: a hop of the mixture in, a hop of every source out, later by what its latency setting says.

Every hop the newest samples are analysed, made into spectra of the sources, and overlap-added by a window for which the
sum over all frames is 1. Frames over the silence before the stream count as well, so the steady state holds from the
first sample on.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import Tones
from bsep_stream.stream.latency import LatencySetting
from bsep_stream.stream.samplequeue import SampleQueue
from bsep_stream.stream.spectramaker import SpectraMaker
from bsep_stream.stream.transform import Analysis, Synthesis
from bsep_stream.stream.windows import stream_windows

_ROOM = 4  # frames for which a queue has memory: so seldom it moves what waits to its start


class HopEngine:
    """``hop_samples`` in, the same number out, ``setting.algorithmic_samples`` late.

    Parameters
    ----------
    geometry : FrameGeometry
    setting : LatencySetting
    n_sources, channels : int
    maker : SpectraMaker
        Used by nobody else.
    """

    def __init__(
        self, geometry: FrameGeometry, setting: LatencySetting, n_sources: int, channels: int, maker: SpectraMaker
    ) -> None:
        windows = stream_windows(geometry, setting)
        self._n_fft, self._hop = geometry.n_fft, setting.hop_samples
        self._recent = SampleQueue((channels,), self._n_fft - self._hop, _ROOM * self._n_fft)
        self._sum = SampleQueue((n_sources, channels), setting.synthesis_samples - self._hop, _ROOM * self._n_fft)
        self._done = np.zeros((n_sources, channels, self._hop), dtype=np.float32)
        self._analysis = Analysis(windows.analysis, self._n_fft, channels)
        self._synthesis = Synthesis(windows.synthesis, self._n_fft, (n_sources, channels))
        self._maker = maker

    @property
    def tones(self) -> Tones | None:
        """What the network heard in the last hop; None if it was not its turn. Valid until the next."""
        return self._maker.tones

    def reset(self) -> None:
        """Like new."""
        self._recent.reset()
        self._sum.reset()
        self._maker.reset()

    def process(self, hop: NDArray[np.float32]) -> NDArray[np.float32]:
        """Take (channels, hop_samples) in, give (n_sources, channels, hop_samples) out: valid until the next call."""
        self._recent.push(hop)
        recent = self._recent.newest(self._n_fft)
        spectra = self._maker.spectra(self._analysis(recent), recent)
        self._recent.drop(self._hop)
        self._sum.push_silence(self._hop)
        self._sum.add(self._synthesis(spectra))
        self._sum.pop(self._done)
        return self._done
