"""What a separator in memory is worth: stems by masks and by direct tones, and its tones, without an exported model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bsep_stream.report.measures import evaluate
from bsep_stream.train.benchmark.diagnostics import best_order, played, tone_errors
from bsep_stream.train.benchmark.items import Item
from bsep_stream.train.benchmark.resynthesis import overlap_add
from bsep_stream.train.benchmark.truth import kept_tones
from bsep_stream.train.learning.owntones import fit_own_timbre
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.session.frames import Overview
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.recording import Session
from bsep_stream.train.tones.spectra import as_complex

_FRAMES_AT_ONCE = 64
_TINY = 1e-20


class Judge:
    """Judges separators on the beginning of an item.

    Parameters
    ----------
    item : Item
    session : Session
        Its mixture alone.
    separator : Separator
        Of the kind that will be judged.
    seconds : float
        So much of the item.
    truth : Path
        Folder in which true pitches are kept.
    """

    def __init__(self, item: Item, session: Session, separator: Separator, seconds: float, truth: Path) -> None:
        self._config = separator.config
        geometry = self._config.geometry
        samples = session.takes[0].samples
        self._length = min(len(samples), int(seconds * geometry.sample_rate))
        centres = np.arange(0, self._length, geometry.hop_length)
        self._frames = frames_at(samples[: self._length], centres, geometry)
        self._names = item.names
        stems = item.stems_at(geometry.sample_rate)
        self._stems = [stem.mean(axis=0, keepdims=True)[:, : self._length] for stem in stems]
        whole = replace(geometry, n_bins=geometry.n_fft // 2 + 1)
        true = kept_tones(item, whole, truth).f0_bin
        sounding, silent = played(item, true, whole)
        n_frames = len(centres)
        self._true, self._sounding, self._silent = true[:, :n_frames], sounding[:, :n_frames], silent[:, :n_frames]

    @torch.no_grad()
    def measures(self, separator: Separator) -> dict[str, Any]:
        """``mask`` and ``direct`` (SDR, SIR, SAR in dB by stem and mean) and ``tones`` (shares of errors)."""
        if self._config.own_timbre:
            nowhere = np.zeros(len(self._frames))
            fit_own_timbre(separator, Overview(nowhere.astype(np.int64), nowhere, self._frames))
        parts = torch.split(torch.from_numpy(self._frames), _FRAMES_AT_ONCE)
        found = [predict(separator, part) for part in parts]
        powers = torch.cat([part.timbre for part in found]).square().numpy()
        masks = powers / (powers.sum(axis=1, keepdims=True) + _TINY)
        direct = as_complex(torch.cat([part.direct for part in found])).numpy()
        f0_bin = torch.cat([part.f0_bin * part.on for part in found]).T.numpy()
        order = best_order(f0_bin, self._true, self._sounding)
        errors = tone_errors(f0_bin[order], self._true, self._sounding, self._silent)
        return {
            "mask": self._evaluated(masks * self._frames[:, None]),
            "direct": self._evaluated(direct),
            "tones": errors.to_dict(),
        }

    def _evaluated(self, spectra: Any) -> dict[str, Any]:
        stems = [
            overlap_add(np.ascontiguousarray(spectra[:, source]), self._config.geometry, self._length)[None]
            for source in range(self._config.n_sources)
        ]
        return evaluate(self._stems, stems, self._names).to_dict()
