"""Latency that one can choose: which settings there are, and the best one for a name or a number of milliseconds.

`quality` masks the frames that the network hears: a sample is complete when the last frame over it is. All other
settings mask frames of their own, in a window that is long to the left and ends steeply, and take only the end of each
(Mauler and Martin 2007): their latency is the length of that end. The tones come from a frame of the network whose
window is cut some standard deviations after its centre; they are as old as that, and held until the next.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from bsep_stream.errors import ConfigError
from bsep_stream.model.geometry import FrameGeometry

LIMITS_MS = {"balanced": 75.0, "live": 23.0}
"""Names for the best setting that is at most so late at the model's rate; a resampler comes on top."""

QUALITY = "quality"

# Half the length of the window of the synthesis, in standard deviations of the window of the network.
_HALVES = (1.75, 1.5, 1.25, 1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125)
_HOPS_PER_HALF = 2
_REACH = 2.0  # standard deviations that the network hears after the centre of its frame
_NETWORK_HOP = 0.5  # standard deviations between its frames, at least


@dataclass(frozen=True)
class LatencySetting:
    """How late a stream is, and what it does to be no later. All lengths at the model's rate.

    Parameters
    ----------
    name : str
        ``quality``, or the latency in ms.
    synthesis_samples : int
        Length of what is taken of every frame, at its end: the latency plus one.
    hop_samples : int
        Samples between frames.
    network_hop_samples : int
        Samples between frames of the network, a multiple of the hop: tones are held meanwhile.
    reach_samples : int or None
        What the network hears after the centre of its frame. None: it hears the frames that are masked.
    """

    name: str
    synthesis_samples: int
    hop_samples: int
    network_hop_samples: int
    reach_samples: int | None

    @property
    def algorithmic_samples(self) -> int:
        """A sample is complete when the last frame whose synthesis covers it is."""
        return self.synthesis_samples - self.hop_samples

    @property
    def adaptation_samples(self) -> int:
        """Blocks of any size meet frames every hop."""
        return self.hop_samples - 1


def latency_settings(geometry: FrameGeometry) -> tuple[LatencySetting, ...]:
    """All settings for a model, from the best and latest to the soonest."""
    hop = geometry.hop_length
    settings = [LatencySetting(QUALITY, geometry.n_fft, hop, hop, None)]
    reach = min(round(_REACH * geometry.sigma_samples), geometry.n_fft // 2)
    for half in _HALVES:
        hop = max(1, round(half * geometry.sigma_samples / _HOPS_PER_HALF))
        length = 2 * _HOPS_PER_HALF * hop
        if length < settings[-1].synthesis_samples:
            name = f"{1000 * (length - 1) / geometry.sample_rate:.1f} ms"
            every = max(1, round(_NETWORK_HOP * geometry.sigma_samples / hop))
            settings.append(LatencySetting(name, length, hop, every * hop, reach))
    return tuple(settings)


def choose_setting(
    latency: str | float, geometry: FrameGeometry, total_ms: Callable[[LatencySetting], float] | None = None
) -> LatencySetting:
    """The best setting for a wish.

    Parameters
    ----------
    latency : {"quality", "balanced", "live"} or float
        Or milliseconds: the best setting that is not later than that.
    geometry : FrameGeometry
    total_ms : callable, optional
        How late a setting is with all that comes on top (a resampler). It counts for milliseconds, not for names.

    Raises
    ------
    ConfigError
        No such name, or a number below what is possible.
    """
    settings = latency_settings(geometry)
    name = latency if isinstance(latency, str) else ""
    if name == QUALITY:
        return settings[0]

    def own_ms(setting: LatencySetting) -> float:
        return 1000.0 * (setting.synthesis_samples - 1) / geometry.sample_rate

    late = own_ms if name in LIMITS_MS or total_ms is None else total_ms
    limit = LIMITS_MS[name] if name in LIMITS_MS else _milliseconds(latency)
    for setting in settings:
        if late(setting) <= limit:
            return setting
    raise ConfigError(
        f"the latency must be at least {late(settings[-1]):.2f} ms for this model and sample rate, got {latency}"
    )


def _milliseconds(latency: str | float) -> float:
    try:
        value = float(latency)
    except (TypeError, ValueError):
        value = float("nan")
    if not isfinite(value) or value <= 0:
        names = ", ".join((QUALITY, *LIMITS_MS))
        raise ConfigError(f"the latency must be {names} or a number of milliseconds, got {latency!r}")
    return value
