"""How much memory the effects of a rack may take: a file of a few lines can ask for gigabytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bsep_stream.errors import ConfigError

if TYPE_CHECKING:
    from bsep_stream.effects.catalogue import Effect

MOST_EFFECTS = 128
"""Of a rack, with every stem that a strip stands for."""
MOST_MEMORY_BYTES = 512e6

_DELAY_SECONDS = 30.0  # pedalboard's Delay keeps so much, however short it is
_IMPULSE_COPIES = 4.0  # as samples, resampled, and twice as spectra


def refuse_too_much(effects: Sequence[Effect], sample_rate: int, channels: int) -> None:
    """ConfigError if the effects of all stems together are too many or need too much memory."""
    if len(effects) > MOST_EFFECTS:
        raise ConfigError(f"the rack has {len(effects)} effects over all stems, and {MOST_EFFECTS} are possible")
    needed = sum(_bytes(effect, sample_rate, channels) for effect in effects)
    if needed > MOST_MEMORY_BYTES:
        raise ConfigError(
            f"the delays and impulse responses of the rack need {needed / 1e6:.0f} MB over all stems at {sample_rate} "
            f"Hz, and {MOST_MEMORY_BYTES / 1e6:.0f} MB are possible; leave some out"
        )


def _bytes(effect: Effect, sample_rate: int, channels: int) -> float:
    if effect.type == "Delay":
        return 4.0 * channels * _DELAY_SECONDS * sample_rate
    if effect.type == "Convolution":
        import soundfile

        found = soundfile.info(str(Path(str(effect.parameters["impulse_response_filename"]))))
        return 4.0 * _IMPULSE_COPIES * max(channels, int(found.channels)) * float(found.duration) * sample_rate
    return 0.0
