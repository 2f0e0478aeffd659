"""From tones to spectra of stems."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.masks.maskoutput import MaskOutput, MaskSettings
from bsep_stream.masks.outputs import Listener, ToneOutput
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.separator import StreamingSeparator

ROUNDING = 1e-5  # relative, a handful of float32 operations


def spectra(rng: np.random.Generator, channels: int, n_bins: int) -> NDArray[np.complex64]:
    parts = rng.standard_normal((2, channels, n_bins))
    joined: NDArray[np.complex64] = (parts[0] + 1j * parts[1]).astype(np.complex64)
    return joined


def tones_of(spectra: NDArray[np.complex64], on: float = 1.0) -> Tones:
    none = np.zeros(len(spectra), dtype=np.float32)
    coefficients = np.zeros((len(spectra), 5), dtype=np.complex64)
    return Tones(spectra, spectra, none, none, none, none, np.full_like(none, on), coefficients, np.abs(spectra))


def masked(
    model: SeparationModel, mixture: NDArray[np.complex64], settings: MaskSettings | None = None
) -> NDArray[np.complex64]:
    """Spectra of the stems of a frame in which the tones are found, too."""
    output = MaskOutput(model, settings, len(mixture))
    output.hear(Listener(model).hear(mixture.mean(axis=0)))
    return output.spectra(mixture)


def masks(
    model: SeparationModel, frame: NDArray[np.complex64], tones: Tones, settings: MaskSettings | None = None
) -> NDArray[np.float32]:
    output = MaskOutput(model, settings)
    output.hear(tones)
    return output.masks(frame)


def test_direct_undoes_the_gain_in_every_channel(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    mixture = spectra(rng, 3, 257)
    stems = ToneOutput(models["split"], "direct", 3).spectra(mixture)
    assert stems.shape == (2, 3, 257)
    assert np.allclose(stems[0], 0.6 * mixture, rtol=ROUNDING)
    squared = ToneOutput(models["square"], "direct", 3).spectra(mixture)  # gain 2: (2x |2x|) / 2
    assert np.allclose(squared[0].real, 2 * mixture.real * np.abs(mixture.real), rtol=ROUNDING)


def test_dictionary_tones_are_an_output_too(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    mixture = spectra(rng, 2, 257)
    stems = ToneOutput(models["split"], "dictionary", 2).spectra(mixture)
    assert stems.shape == (2, 2, 257)
    assert np.allclose(stems[0], 0.2 * mixture, rtol=ROUNDING)
    assert np.allclose(stems[1], 0.5 * mixture, rtol=ROUNDING)


def test_direct_is_silent_above_the_network(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    assert ToneOutput(models["split_fast"], "direct").spectra(spectra(rng, 1, 4097)).shape == (2, 1, 2048)


@pytest.mark.parametrize("exponent", [1.0, 2.0, 3.0])
def test_masks_are_shares_of_the_powers(
    models: dict[str, SeparationModel], rng: np.random.Generator, exponent: float
) -> None:
    settings = MaskSettings(exponent=exponent, smoothing_bins=0, floor_db=-20)
    shares = (0.2, 0.5)
    mixture = spectra(rng, 1, 257)
    stems = masked(models["split"], mixture, settings)
    explained = shares[0] ** exponent + shares[1] ** exponent + 0.1**exponent
    assert np.allclose(stems[0], mixture * shares[0] ** exponent / explained, rtol=ROUNDING)
    assert np.allclose(stems[1], mixture * shares[1] ** exponent / explained, rtol=ROUNDING)


def test_where_nobody_plays_the_masks_give_nothing_away(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    mixture = spectra(rng, 2, 4097)
    assert not masked(models["off"], mixture[:, :257]).any()
    one_plays = tones_of(spectra(rng, 2, 257))
    one_plays.on[0] = 0.0
    assert masks(models["off"], mixture[0, :257], one_plays).any()


def test_every_channel_keeps_its_own_spectrum(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    mixture = spectra(rng, 2, 257)
    stems = masked(models["bands"], mixture, MaskSettings(smoothing_bins=0, floor_db=-200))
    assert np.allclose(stems[0, :, :128], mixture[:, :128], rtol=ROUNDING)
    assert not stems[0, :, 128:].any()
    assert np.allclose(stems[1, :, 128:], mixture[:, 128:], rtol=ROUNDING)


def test_tones_are_found_in_all_channels_together(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    mixture = spectra(rng, 2, 257)
    mixture[0] = 0  # a channel that is not plugged in
    stems = masked(models["bands"], mixture, MaskSettings(smoothing_bins=0, floor_db=-200))
    assert not stems[:, 0].any()
    assert np.allclose(stems.sum(axis=0)[1], mixture[1], rtol=ROUNDING)


def test_masks_sum_to_at_most_one_and_ignore_the_level(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    frame, direct = spectra(rng, 1, 257)[0], spectra(rng, 2, 257)
    found = masks(models["split"], frame, tones_of(direct))
    assert found.min() >= 0
    assert found.sum(axis=0).max() <= 1 + ROUNDING
    for scale in (1e-22, 1e-3, 1e12):
        scaled = masks(models["split"], frame * np.float32(scale), tones_of(direct * np.float32(scale)))
        assert np.allclose(scaled, found, rtol=ROUNDING, atol=ROUNDING)


def test_what_is_far_above_the_tones_stays_in_the_residual(models: dict[str, SeparationModel]) -> None:
    """Tones of modulus 1 in all bins; at bin 50 the mixture has 100 times that, at bin 60 as much as is allowed."""
    direct = np.full((2, 257), np.sqrt(0.5), dtype=np.complex64)
    frame = np.ones(257, dtype=np.complex64)
    frame[50], frame[60] = 100.0, 9.9
    frame /= np.float32(models["split"].gain)
    settings = MaskSettings(floor_db=-300, excess_db=20.0, strike_db=None)
    found = masks(models["split"], frame, tones_of(direct), settings).sum(axis=0)
    assert found[50] == pytest.approx(1 / (1 + 100.0**2 - 10.0**2), rel=ROUNDING)
    assert found[60] == pytest.approx(1.0, rel=ROUNDING)
    assert found[70] == pytest.approx(1.0, rel=ROUNDING)
    everything = masks(models["split"], frame, tones_of(direct), MaskSettings(floor_db=-300, excess_db=None))
    assert np.allclose(everything.sum(axis=0), 1.0, rtol=ROUNDING)


def test_what_has_sounded_rings_on(models: dict[str, SeparationModel]) -> None:
    """One source stops where the other begins; the level falls by half."""
    both = np.full((2, 257), 1e-20, dtype=np.complex64)
    first, second = both.copy(), both.copy()
    first[0], second[1] = 2.0, 1.0
    output = MaskOutput(models["split"], MaskSettings(floor_db=-300, ring=0.1))
    frame = np.ones(257, dtype=np.complex64)
    powers = []
    for spectrum in (first, second, second):
        output.hear(tones_of(spectrum))
        powers.append(output.masks(frame)[:, 50].copy())
    assert np.allclose(powers[0], [1.0, 0.0], atol=ROUNDING)
    assert np.allclose(powers[1], [0.4 / 1.4, 1.0 / 1.4], atol=ROUNDING)
    assert np.allclose(powers[2], [0.04 / 1.14, 1.1 / 1.14], atol=ROUNDING)
    output.forget()
    output.hear(tones_of(second))
    assert np.allclose(output.masks(frame)[:, 50], [0.0, 1.0], atol=ROUNDING)


@pytest.mark.parametrize("exponent", [0.5, 2.0, 4.0])
def test_what_rings_on_stays_finite_however_far_tones_fade(models: dict[str, SeparationModel], exponent: float) -> None:
    """A digital fade: the network goes on hearing tones that are 58 dB softer in every frame; then one begins."""
    output = MaskOutput(models["split"], MaskSettings(floor_db=-300, ring=0.9, exponent=exponent))
    frame = np.full(257, 1e-3, dtype=np.complex64)
    for fall in range(10):
        output.hear(tones_of(np.full((2, 257), 1e5 * 800.0**-fall, dtype=np.complex64)))
        assert np.isfinite(output.masks(frame)).all()
    louder = np.full((2, 257), 1e-20, dtype=np.complex64)
    louder[1] = 1.0
    output.hear(tones_of(louder))
    assert np.allclose(output.masks(frame / np.float32(1e-3 * models["split"].gain))[:, 50], [0.0, 1.0], atol=1e-3)


def test_smoothing_gives_the_neighbouring_bins_to_the_tone(models: dict[str, SeparationModel]) -> None:
    direct = np.zeros((2, 257), dtype=np.complex64)
    direct[0, 100], direct[1, 104] = 1.0, 0.5
    frame = np.full(257, 1e-3, dtype=np.complex64)
    wide = masks(models["split"], frame, tones_of(direct), MaskSettings(exponent=1, smoothing_bins=2))
    narrow = masks(models["split"], frame, tones_of(direct), MaskSettings(exponent=1, smoothing_bins=0))
    assert wide[0, 98] > 0.9
    assert narrow[0, 98] == 0
    assert wide[0, 100] > wide[0, 104]
    assert np.argmax(wide[1]) > 104 > np.argmax(wide[0])  # away from the other source the share grows
    assert wide[:, :80].sum() == 0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_network_that_fails_gets_nothing(
    models: dict[str, SeparationModel], rng: np.random.Generator, value: float
) -> None:
    direct = spectra(rng, 2, 257)
    direct[1, 7] = value
    assert not masks(models["split"], spectra(rng, 1, 257)[0], tones_of(direct)).any()
    mixture = spectra(rng, 1, 257)
    assert not ToneOutput(models["broken"], "direct").spectra(mixture).any()


def test_silence_gives_silence(models: dict[str, SeparationModel]) -> None:
    mixture = np.zeros((2, 257), dtype=np.complex64)
    assert not masked(models["split"], mixture).any()
    assert not ToneOutput(models["split"], "direct", 2).spectra(mixture).any()


def test_above_the_network_each_source_keeps_its_share(
    models: dict[str, SeparationModel], rng: np.random.Generator
) -> None:
    mixture = spectra(rng, 2, 4097)
    settings = MaskSettings(exponent=2, smoothing_bins=0, floor_db=-200)
    stems = masked(models["split_fast"], mixture, settings)
    assert stems.shape == (2, 2, 4097)
    assert np.allclose(stems[0, :, 2048:], 4 / 29 * mixture[:, 2048:], rtol=ROUNDING)  # 0.04 / (0.04 + 0.25)
    assert np.allclose(stems[1, :, 2048:], 25 / 29 * mixture[:, 2048:], rtol=ROUNDING)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"exponent": 0.0}, "exponent"),
        ({"exponent": float("nan")}, "exponent"),
        ({"smoothing_bins": -1.0}, "smoothing_bins"),
        ({"floor_db": 3.0}, "floor_db"),
        ({"excess_db": -1.0}, "excess_db"),
        ({"strike_db": 61.0}, "strike_db"),
        ({"noise_db": -1.0}, "noise_db"),
        ({"ring": 1.0}, "ring"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        MaskSettings(**settings)


def test_smoothing_wider_than_the_network_sees(models: dict[str, SeparationModel]) -> None:
    with pytest.raises(ConfigError, match="at most 42"):
        MaskOutput(models["split"], MaskSettings(smoothing_bins=45))


def test_kinds_that_do_not_exist(models: dict[str, SeparationModel]) -> None:
    with pytest.raises(ConfigError, match="direct, dictionary, mask, got 'loud'"):
        StreamingSeparator(models["split"], output="loud")
    with pytest.raises(ConfigError, match="direct, dictionary, got 'mask'"):
        ToneOutput(models["split"], "mask")
