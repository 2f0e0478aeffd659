"""Bad blocks and settings: one sentence, and the stream goes on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator


@pytest.mark.parametrize(
    ("block", "sentence"),
    [
        (np.array([0.0, np.nan]), "NaN"),
        (np.array([np.inf, 0.0]), "finite"),
        (np.array([-np.inf, 0.0]), "finite"),
        (np.array([0.0, 1e30]), "near full scale"),
        (np.array([0.0, -1e30]), "near full scale"),
        (np.zeros((2, 8)), r"shape \(1, n\)"),
        (np.zeros((1, 1, 8)), r"shape \(1, n\)"),
        (np.float32(0), r"shape \(1, n\)"),
        (np.zeros(8, dtype=np.int16), "floating point"),
        (np.array(["a"]), "floating point"),
        (np.zeros(8, dtype=complex), "floating point"),
    ],
)
@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_a_bad_block_is_refused_and_the_stream_goes_on(
    models: dict[str, SeparationModel], rng: np.random.Generator, rate: int, block: NDArray[np.float32], sentence: str
) -> None:
    audio = (0.2 * rng.standard_normal((1, 2000))).astype(np.float32)
    separator = StreamingSeparator(models["bands"], sample_rate=rate)
    pieces = [separator.process(audio[:, :1001])]
    with pytest.raises(StreamError, match=sentence):
        separator.process(block)
    pieces += [separator.process(audio[:, 1001:]), separator.flush()]
    unharmed = StreamingSeparator(models["bands"], sample_rate=rate)
    expected = np.concatenate([unharmed.process(audio), unharmed.flush()], axis=-1)
    assert np.array_equal(np.concatenate(pieces, axis=-1), expected)


def test_stereo_into_a_mono_stream_says_what_to_do(tiny_model: SeparationModel) -> None:
    with pytest.raises(StreamError, match="channels=2"):
        StreamingSeparator(tiny_model).process(np.zeros((2, 100)))
    with pytest.raises(StreamError, match=r"shape \(2, n\)"):
        StreamingSeparator(tiny_model, channels=2).process(np.zeros(100))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sample_rate": 0}, "sample_rate"),
        ({"sample_rate": 44100.5}, "sample_rate"),
        ({"sample_rate": 10**7}, "sample_rate"),
        ({"channels": 0}, "channel"),
        ({"output": "magic"}, "direct, dictionary, mask"),
    ],
)
def test_settings_that_make_no_sense(tiny_model: SeparationModel, settings: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        StreamingSeparator(tiny_model, **settings)  # type: ignore[arg-type]
