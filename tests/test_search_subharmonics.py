"""Tones that were heard an octave or more too low."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.search.envelopes import plain_envelope
from bsep_stream.train.search.subharmonics import LEAST_SHARE, raised

N_HARMONICS = 20
ORDER = torch.arange(1, N_HARMONICS + 1)
HOLLOW = 0.8**ORDER * torch.where(ORDER % 2 == 1, 1.0, 0.1)


def _row(factor: int, other_share: float) -> torch.Tensor:
    """An envelope on multiples of a number, but for a share of its moduli."""
    on = ORDER % factor == 0
    row = torch.where(on, 0.7 ** (ORDER / factor), 0.0)
    return row / row.sum() * (1 - other_share) + ~on / (~on).sum() * other_share


@pytest.mark.parametrize("factor", [2, 3, 4, 5])
def test_tones_of_every_nth_harmonic_become_what_they_are(factor: int) -> None:
    found = raised(_row(factor, 0.0)[None])[0]
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))
    torch.testing.assert_close(found[1:] / found[:-1], torch.full((N_HARMONICS - 1,), 0.7))


@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize(("part", "stays"), [(1.1, True), (0.9, False)])
def test_envelope_with_enough_elsewhere_stays(factor: int, part: float, stays: bool) -> None:
    row = _row(factor, part * LEAST_SHARE)
    assert torch.equal(raised(row[None])[0], row) is stays


DARK = plain_envelope(0.5)[0, :N_HARMONICS]


@pytest.mark.parametrize("row", [DARK, HOLLOW / HOLLOW.sum(), torch.eye(N_HARMONICS)[0]])
def test_envelopes_of_instruments_stay(row: torch.Tensor) -> None:
    """Dark, hollow as a clarinet's, and a pure tone."""
    assert torch.equal(raised(row[None])[0], row)


def test_every_pitch_is_looked_at_by_itself() -> None:
    rows = torch.stack([_row(2, 0.0), plain_envelope(0.7)[0, :N_HARMONICS]])
    found = raised(rows)
    assert not torch.equal(found[0], rows[0])
    assert torch.equal(found[1], rows[1])
