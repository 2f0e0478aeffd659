"""Audio the other way round, and numbers that are none, are refused in a sentence that says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from bsep_stream.effects.stemmixer import StemMixer
from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.files.separation import separate
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.page.content import _text
from bsep_stream.separator import StreamingSeparator


@pytest.mark.parametrize("shape", [(48_000, 2), (48_000, 1), (100, 2), (65, 2), (200, 150), (10, 2)])
def test_recording_as_soundfile_reads_it_is_refused_with_its_cure(
    shape: tuple[int, int], tiny_model: SeparationModel
) -> None:
    with pytest.raises(StreamError, match=r"this looks like \(samples, channels\).* give its \.T$"):
        separate(tiny_model, np.zeros(shape, np.float32), 48_000)


@pytest.mark.parametrize("shape", [(2, 48), (1, 1), (2, 1), (2, 0), (1, 0), (8, 1), (8, 4), (16, 64)])
def test_recording_of_channels_and_samples_is_separated(shape: tuple[int, int], tiny_model: SeparationModel) -> None:
    assert separate(tiny_model, np.zeros(shape, np.float32), 48_000).shape == (3, *shape)


def test_stream_says_it_as_well(tiny_model: SeparationModel) -> None:
    for channels, shape in ((2, (512, 2)), (1, (512, 1)), (1, (512, 2)), (2, (512, 1))):
        stream = StreamingSeparator(tiny_model, channels=channels)
        with pytest.raises(StreamError, match=r"\.T$"):
            stream.process(np.zeros(shape, np.float32))
    with pytest.raises(ConfigError, match=r"at most 64 channels, got 4800; .* the \.T of what soundfile reads"):
        StreamingSeparator(tiny_model, channels=4_800)
    with pytest.raises(StreamError, match=r"\.T$"):
        StemMixer(StreamingSeparator(tiny_model, channels=2))(np.zeros((512, 2), np.float32), 48_000)


def test_stream_that_would_hold_back_gigabytes_is_refused(tiny_model: SeparationModel) -> None:
    slow = SeparationModel(tiny_model.path)
    slow.geometry = type(slow.geometry)(4_000, 65_536, 257, 8_192, 8_192.0)
    with pytest.raises(ConfigError, match=r"would wait for .* MB of sound"):
        StreamingSeparator(slow, channels=64, sample_rate=768_000)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_block_that_is_not_finite_is_refused_in_every_precision(
    dtype: type[np.floating], bad: float, tiny_model: SeparationModel, rng: np.random.Generator
) -> None:
    sound = (0.1 * rng.standard_normal((1, 1_000))).astype(np.float16)
    stream, other = StreamingSeparator(tiny_model), StreamingSeparator(tiny_model)
    before = stream.process(sound)
    block = np.zeros((1, 64), dtype)
    block[0, 7] = bad
    with pytest.raises(StreamError, match="must be finite"):
        stream.process(block)
    after = stream.process(sound)
    np.testing.assert_array_equal(before, other.process(sound))
    np.testing.assert_array_equal(after, other.process(sound))  # unharmed


def test_double_beyond_what_float32_holds_is_refused(tiny_model: SeparationModel) -> None:
    with pytest.raises(StreamError, match="must be finite"):
        StreamingSeparator(tiny_model).process(np.full((1, 64), 1e300))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (0, "0"),
        (1.0, "1"),
        (0.0, "0"),
        (True, "yes"),
        (False, "no"),
        (None, "none"),
        ([1, 0, True], "1, 0, yes"),
    ],
)
def test_report_shows_numbers_as_numbers(value: object, text: str) -> None:
    assert _text(value) == text
