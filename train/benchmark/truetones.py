"""True pitches in a stream: masks at any latency, with nothing left for the network to find."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.masks.maskoutput import MaskOutput, mean_of_channels
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.stream.latency import LatencySetting
from bsep_stream.stream.windows import spread_bins
from bsep_stream.train.benchmark.truth import TrueTones
from bsep_stream.train.tones.timbre import Timbre

_SAME_TONE = 2.0 ** (1.0 / 12.0)  # a pitch that is further from one frame to the next is another tone


class TrueTonesMaker:
    """Makes spectra of stems as :class:`~bsep_stream.masks.stemspectra.CutFrame` does, but knows the pitches of now.

    How strong the tones are is found in the newest frame, with the timbre of the model.

    Parameters
    ----------
    model : SeparationModel
    timbre : Timbre
    tones : TrueTones
        In frames centred every ``model.geometry.hop_length``, ordered as the model's sources.
    setting : LatencySetting
    channels : int
    """

    tones: Tones | None = None

    def __init__(
        self, model: SeparationModel, timbre: Timbre, tones: TrueTones, setting: LatencySetting, channels: int
    ) -> None:
        geometry = model.geometry
        self._timbre, self._true = timbre, tones
        self._grid, self._gain, self._n_bins = geometry.hop_length, model.gain, geometry.n_bins
        self._hop, self._every = setting.hop_samples, setting.network_hop_samples // setting.hop_samples
        # The middle of what is taken of the frames until the next turn, from the end of the first of them.
        self._before = (setting.synthesis_samples - setting.network_hop_samples + setting.hop_samples) / 2
        if setting.reach_samples is None:
            self._output = MaskOutput(model, None, channels)
        else:
            settings = MaskSettings(excess_db=None)  # as with tones that the network finds
            self._output = MaskOutput(model, settings, channels, spread_bins(geometry, setting))
        self._mono: NDArray[np.complex64] = np.zeros(geometry.n_fft // 2 + 1, dtype=np.complex64)
        self.reset()

    def reset(self) -> None:
        """Like new."""
        self._output.forget()
        self._frame = 0

    def spectra(self, mixture: NDArray[np.complex64], recent: NDArray[np.float32]) -> NDArray[np.complex64]:
        """Spectra of the stems of the next frame, shape (n_sources, channels, n_fft // 2 + 1)."""
        del recent
        if self._frame % self._every == 0:
            mono = mean_of_channels(mixture, self._mono)[: self._n_bins] * self._gain
            self._output.hear(self._found(mono, (self._frame + 1) * self._hop - self._before))
        self._frame += 1
        return self._output.spectra(mixture)

    def _found(self, mono: NDArray[np.complex64], position: float) -> Tones:
        f0_bin, inharmonicity = tones_at(self._true, position / self._grid)
        on = (f0_bin > 0).astype(np.float32)
        frame = torch.from_numpy(np.stack([mono.real, mono.imag])[None].astype(np.float32))
        width = np.full_like(f0_bin, self._timbre.sigma_bins)
        values = (torch.from_numpy(value)[None, :, None] for value in (f0_bin, inharmonicity, width, on))
        timbre = self._timbre.moduli(frame, *values)[0].numpy()
        none = np.zeros((len(on), 0), dtype=np.complex64)
        return Tones(none, none, f0_bin, inharmonicity, width, on, on, none, timbre)


def tones_at(tones: TrueTones, frame: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pitches in bins (0: silent) and inharmonicities, each of shape (n_sources,), between two frames.

    Where both have the same tone it is interpolated, else the nearer frame counts.
    """
    last = tones.f0_bin.shape[1] - 1
    place = min(max(frame, 0.0), float(last))
    left = int(place)
    right, share = min(left + 1, last), np.float32(place - left)
    before, after = tones.f0_bin[:, left], tones.f0_bin[:, right]
    nearest = left if share < 0.5 else right
    low, high = np.minimum(before, after), np.maximum(before, after)
    same = (low > 0) & (high < _SAME_TONE * low)
    f0_bin = np.where(same, before + share * (after - before), tones.f0_bin[:, nearest])
    return f0_bin.astype(np.float32), tones.inharmonicity[:, nearest].astype(np.float32)
