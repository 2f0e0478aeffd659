"""Where the latency of a stream comes from, part by part; live as well."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bsep_stream.stream.latency import QUALITY, LatencySetting

CALM_HOPS = 5
"""Cushion with `quality`, beside a block: nobody plays along with that, and hosts stop virtual machines for 0.1 s.
All other settings are for those who do play, and have one hop."""

USUAL_BLOCK = 256
"""What a device is taken to deliver at a time until it is known."""


@dataclass(frozen=True)
class LatencyLedger:
    """Where the latency of a stream comes from, in samples of the stream's own rate."""

    algorithmic_samples: int
    """A sample is complete when the last frame that reaches it is; with ``quality`` that is ``n_fft - hop_length``."""
    adaptation_samples: int
    """A hop less one: blocks of any size meet frames every hop."""
    resampler_samples: int = 0
    """Look-ahead of both resamplers, and rounding up to whole samples; 0 at the model's own rate."""

    @property
    def total_samples(self) -> int:
        """Sum of the parts."""
        return sum(asdict(self).values())


@dataclass(frozen=True)
class LiveLatency:
    """Where the latency comes from, in samples of the device."""

    algorithmic_samples: int
    adaptation_samples: int
    resampler_samples: int
    boards_samples: int
    """The slowest effects of the rack, and those of the master."""
    cushion_samples: int
    """Time that the worker has beyond the moment at which it could just be ready."""
    device_samples: int
    """Buffers of the devices, as they say themselves."""

    @property
    def total_samples(self) -> int:
        """Sum of the parts."""
        return sum(asdict(self).values())


def default_cushion_samples(setting: LatencySetting, hop_samples: int, block_size: int) -> int:
    """Cushion that the engine begins with if nobody says another, in samples of the device.

    Parameters
    ----------
    setting : LatencySetting
    hop_samples : int
        Between frames of the network.
    block_size : int
        Of the device.
    """
    return block_size + (CALM_HOPS if setting.name == QUALITY else 1) * hop_samples
