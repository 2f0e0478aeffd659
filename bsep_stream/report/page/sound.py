"""Stems as compressed audio: MP3, which every browser decodes, with the exact length in its header."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError

MEDIA_TYPE = "audio/mpeg"

_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_COMPRESSION = 0.2  # about 90 kbit/s a channel, error at -45 dB: far below what the separation leaves


def encode_mp3(audio: NDArray[np.float32], sample_rate: int) -> bytes:
    """MP3 of variable bit rate.

    Parameters
    ----------
    audio : ndarray, shape (channels, n), float32
        More than two channels become one.
    sample_rate : int
        Rates that MP3 does not know are resampled.

    Raises
    ------
    AudioError
        If libsndfile was built without MP3.
    """
    import soundfile

    if len(audio) > 2:
        audio = audio.mean(axis=0, keepdims=True)
    if sample_rate not in _RATES:
        import soxr

        rate = next((rate for rate in _RATES if rate > sample_rate), _RATES[-1])
        audio = soxr.resample(audio.T, sample_rate, rate).T
        sample_rate = rate
    file = io.BytesIO()
    try:
        soundfile.write(
            file,
            np.ascontiguousarray(audio.T),
            sample_rate,
            format="MP3",
            subtype="MPEG_LAYER_III",
            compression_level=_COMPRESSION,
            bitrate_mode="VARIABLE",
        )
    except (soundfile.LibsndfileError, ValueError) as error:
        raise AudioError(
            f"the sound of the page cannot be written as MP3 ({error}); "
            'install a newer soundfile (pip install --upgrade "soundfile>=0.13")'
        ) from error
    return file.getvalue()
