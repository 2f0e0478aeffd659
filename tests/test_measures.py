"""Measures against decibels that are known by hand."""

import math
import sys

import numpy as np
import pytest

from bsep_stream.demo import TRUE_STEMS
from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.report.filters import explained_shares
from bsep_stream.report.measures import FILTER_LENGTH, LIMIT_DB, evaluate

EXACT_DB = 1e-6  # float64 sums over some thousand samples
FILTER_PEER_DB = 1e-3  # two solvers, of equations that an empty band makes nearly singular
FILTER_DB = 0.2  # 512 free taps fit a little of any noise: 10 log10(1 - 512 * 2 / 48000)


def orthonormal(n: int, length: int = 4800) -> np.ndarray:
    """`n` orthonormal signals without mean: sines of whole periods, shape (n, length)."""
    time = np.arange(length) / length
    return np.stack([np.sin(2 * np.pi * (7 + 5 * i) * time) * np.sqrt(2 / length) for i in range(n)])


def test_leak_and_artefact_of_known_energy_give_known_decibels() -> None:
    a, b, noise = orthonormal(3)
    first = 2.0 * (a + 0.1 * b + 0.01 * noise)  # a gain of the estimate must not matter
    second = b + 0.5 * a
    result = evaluate([a, b], [first, second], ["flute", "cello"])
    assert result.names == ("flute", "cello")
    assert result.permutation == (0, 1)
    assert result.sdr_db[0] == pytest.approx(-10 * math.log10(0.01 + 0.0001), abs=EXACT_DB)
    assert result.sir_db == pytest.approx((20.0, 20 * math.log10(2)), abs=EXACT_DB)
    assert result.sar_db[0] == pytest.approx(10 * math.log10(1.01 / 0.0001), abs=EXACT_DB)
    assert result.sar_db[1] == LIMIT_DB
    assert result.si_sdr_db == pytest.approx(result.sdr_db, abs=EXACT_DB)  # nothing here has a mean


def test_true_stems_that_are_not_orthogonal_share_energy() -> None:
    a, b = orthonormal(2)
    s = 0.6 * a + 0.8 * b
    result = evaluate([a, s], [a, b], ["a", "s"])
    # b = 0.8 s + (b - 0.8 s): projected on s its energy is 0.64 of 1, and b lies in the span of a and s.
    assert result.sdr_db[1] == pytest.approx(10 * math.log10(0.64 / 0.36), abs=EXACT_DB)
    assert result.sir_db[1] == pytest.approx(10 * math.log10(0.64 / 0.36), abs=EXACT_DB)
    assert result.sar_db[1] > 100.0


def test_offset_counts_for_sdr_but_not_for_si_sdr() -> None:
    a, b = orthonormal(2)
    shifted = a + 0.1 / np.sqrt(len(a))  # energy 0.01
    result = evaluate([a, b], [shifted, b])
    assert result.sdr_db[0] == pytest.approx(20.0, abs=EXACT_DB)
    assert result.si_sdr_db[0] > 100.0


def test_permutation_with_the_largest_sum_of_sir_is_found() -> None:
    a, b, c = orthonormal(3)
    result = evaluate([a, b, c], [b + 0.1 * a, c + 0.1 * b, a + 0.1 * c])
    assert result.permutation == (2, 0, 1)
    assert result.sir_db == pytest.approx((20.0, 20.0, 20.0), abs=EXACT_DB)


def test_mixture_as_every_estimate_has_the_ratio_of_the_stems() -> None:
    a, b = orthonormal(2)
    mixture = a + 0.5 * b
    result = evaluate([a, 0.5 * b], [mixture, mixture])
    assert result.permutation == (0, 1)
    assert result.sdr_db == pytest.approx((20 * math.log10(2), -20 * math.log10(2)), abs=EXACT_DB)


def test_channels_are_one_long_signal_with_one_gain() -> None:
    a, b = orthonormal(2)
    true = np.stack([a, a])
    result = evaluate([true, np.stack([b, b])], [np.stack([a, 0 * a]), np.stack([b, b])])
    # <e, s> = 1, <s, s> = 2: target energy 1/2, distance 1/2.
    assert result.sdr_db[0] == pytest.approx(0.0, abs=EXACT_DB)
    one = evaluate([a, b], [a + 0.3 * b, b])
    two = evaluate([np.stack([a, b]), np.stack([b, a])], [np.stack([a + 0.3 * b, b + 0.3 * a]), np.stack([b, a])])
    assert two.sdr_db == pytest.approx(one.sdr_db, abs=EXACT_DB)


def test_blocks_of_the_sum_do_not_show() -> None:
    rng = np.random.default_rng(0)
    true = rng.standard_normal((2, 2, 70_001)).astype(np.float32)  # more than one block, not a multiple
    estimate = true[::-1] + 0.1 * rng.standard_normal(true.shape).astype(np.float32)
    result = evaluate(true, estimate)
    assert result.permutation == (1, 0)
    s, e = true[0].ravel().astype(float), estimate[1].ravel().astype(float)
    target = (e @ s) / (s @ s) * s
    sdr = 10 * math.log10((target @ target) / np.sum((e - target) ** 2))
    assert result.sdr_db[0] == pytest.approx(sdr, abs=EXACT_DB)
    weights = np.linalg.lstsq(true.reshape(2, -1).T.astype(float), e, rcond=None)[0]
    projected = weights @ true.reshape(2, -1)
    sir = 10 * math.log10((target @ target) / np.sum((projected - target) ** 2))
    assert result.sir_db[0] == pytest.approx(sir, abs=1e-3)  # the leak is tiny: the Gram matrix costs some digits


def test_silent_true_stem_is_not_measured_and_spoils_nothing() -> None:
    a, b = orthonormal(2)
    result = evaluate([a, 0 * b], [b, a + 0.1 * b])
    assert result.permutation == (1, 0)
    assert result.sdr_db[0] == pytest.approx(20.0, abs=EXACT_DB)
    assert all(math.isnan(v) for v in (result.sdr_db[1], result.sir_db[1], result.sar_db[1], result.si_sdr_db[1]))
    assert result.mean()["sdr_db"] == pytest.approx(20.0, abs=EXACT_DB)
    assert result.to_dict()["stems"][1]["sdr_db"] is None


def test_silent_estimate_is_the_worst_and_a_perfect_one_the_best() -> None:
    a, b = orthonormal(2)
    result = evaluate([a, b], [a, 0 * b])
    assert result.permutation == (0, 1)
    assert result.sdr_db[0] == LIMIT_DB
    assert (result.sdr_db[1], result.sir_db[1], result.sar_db[1]) == (-LIMIT_DB,) * 3


def test_equal_true_stems_are_no_obstacle() -> None:
    a, b = orthonormal(2)
    result = evaluate([a, a], [a + 0.1 * b, a + 0.1 * b])
    assert result.sdr_db == pytest.approx((20.0, 20.0), abs=EXACT_DB)


@pytest.mark.parametrize(
    ("references", "estimates", "sentence"),
    [
        (np.ones((2, 9)), np.ones((3, 9)), "2 true and 3 estimated"),
        (np.ones((2, 9)), np.ones((2, 8)), "9 samples x 1 channels"),
        (np.ones((2, 2, 9)), np.ones((2, 1, 9)), "9 samples x 2 channels"),
        (np.zeros((2, 9)), np.ones((2, 9)), "all true stems are silent"),
        (np.ones((2, 9)), np.full((2, 9), np.nan), "not finite"),
        (np.ones((2, 0)), np.ones((2, 0)), "all true stems are silent"),
        ([], [], "0 true and 0 estimated"),
        (np.ones((9, 9)), np.ones((9, 9)), "at most 8"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(references: np.ndarray, estimates: np.ndarray, sentence: str) -> None:
    with pytest.raises(AudioError, match=sentence):
        evaluate(references, estimates)


def test_filtered_measures_forgive_a_short_filter_and_keep_the_leak() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, 48_000))
    echo = np.convolve(a, [1.0, 0.0, 0.7, -0.4])[:48_000]
    result = evaluate([a, b], [b + 0.1 * a, echo + 0.1 * np.sqrt(1.65) * b], filtered=True)
    assert result.permutation == (1, 0)
    assert result.filtered is not None
    assert result.sdr_db[0] < 3.0
    assert result.filtered.sdr_db[0] == pytest.approx(20.0, abs=FILTER_DB)
    assert result.filtered.sir_db[0] == pytest.approx(20.0, abs=FILTER_DB)
    assert result.filtered.sir_db[1] == pytest.approx(20.0, abs=FILTER_DB)


@pytest.mark.parametrize("n_sources", [1, 2, 3])
def test_filtered_measures_are_those_of_fast_bss_eval(n_sources: int) -> None:
    """On music and noise, with leaks, filters and an empty upper half of the spectrum."""
    peer = pytest.importorskip("fast_bss_eval.numpy")
    rng = np.random.default_rng(3)
    instruments = [read_recording(path)[0][0, 300_000:330_000] for path in TRUE_STEMS]
    true = np.stack([*instruments, rng.standard_normal(30_000)])
    true = true[:n_sources].astype(np.float64)
    estimates = np.stack([np.convolve(each, rng.standard_normal(40), mode="same") for each in true])
    estimates += 0.3 * np.roll(estimates, 1, axis=0) + 0.01 * rng.standard_normal(true.shape)
    own, all_ = explained_shares(true, estimates, FILTER_LENGTH)
    shares = peer.square_cosine_metrics(true, estimates, FILTER_LENGTH, pairwise=True, load_diag=1e-10)
    for found, expected in zip((own, all_), shares, strict=True):
        ours, theirs = (10 * np.log10(share / (1 - share)) for share in (found, np.diagonal(expected)))
        np.testing.assert_allclose(ours, theirs, atol=FILTER_PEER_DB)


def test_filtered_measures_stand_silence_in_stems_and_channels() -> None:
    rng = np.random.default_rng(2)
    a, b, c = rng.standard_normal((3, 4_000))
    quiet = np.zeros_like(a)
    true = [np.stack([a, quiet]), np.stack([b, b]), np.zeros((2, 4_000))]
    estimates = [np.stack([a + 0.1 * c, quiet]), np.zeros((2, 4_000)), np.zeros((2, 4_000))]
    result = evaluate(true, estimates, filtered=True).filtered
    assert result is not None
    assert result.sdr_db[0] > 15.0
    assert result.sdr_db[1] == -LIMIT_DB
    assert math.isnan(result.sdr_db[2])


def test_filtered_measures_need_more_samples_than_taps() -> None:
    with pytest.raises(AudioError, match="more than 512 samples"):
        evaluate(np.ones((1, 512)), np.ones((1, 512)), filtered=True)


def test_plain_measures_do_not_import_torch() -> None:
    import subprocess

    code = "import sys, numpy as np; from bsep_stream.report.measures import evaluate;"
    code += "evaluate(np.ones((1, 9)), np.ones((1, 9)));"
    code += "sys.exit(any(m in sys.modules for m in ('torch', 'scipy', 'fast_bss_eval')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
