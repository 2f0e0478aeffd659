"""How well stems match the true ones: the one place that defines the measures.

All of them are gain-only and taken over the whole signal (Vincent, Gribonval, Fevotte 2006 with the
set of allowed distortions reduced to one gain; Schulze, Leuschner, King 2021). With the estimate e
of the true stem s_j, and P the projection on the span of ALL true stems:

    target = <e, s_j> / <s_j, s_j> * s_j
    SDR = |target|^2 / |e - target|^2        SIR = |target|^2 / |P e - target|^2
    SAR = |P e|^2 / |e - P e|^2              SI-SDR = SDR after the mean of every channel is removed

Several channels count as ONE long signal with one gain: a stem at the wrong place in the room is an
error. e - P e is orthogonal to everything in the span, so that
``|e - target|^2 = |P e - target|^2 + |e - P e|^2``: all energies but the last follow from the Gram
matrix of the true stems, without cancellation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import AudioError
from bsep_stream.report.filters import explained_shares

LIMIT_DB = 200.0
"""Measures are limited to this, in both directions: float64 says nothing beyond. A silent estimate has -LIMIT_DB."""

FILTER_LENGTH = 512
"""Taps of the distortion that the filtered BSS-eval measures forgive, as in BSS-eval and museval."""

_MAX_SOURCES = 8  # 8! = 40 320 permutations are still quick
_BLOCK = 1 << 16  # samples turned into float64 at a time: memory stays that of the float32 arrays

Audio = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Measures:
    """SDR, SIR and SAR of every true stem, in dB."""

    sdr_db: tuple[float, ...]
    sir_db: tuple[float, ...]
    sar_db: tuple[float, ...]


@dataclass(frozen=True)
class Evaluation:
    """Measures of one separation.

    Parameters
    ----------
    names : tuple of str
        Name of every true stem.
    permutation : tuple of int
        ``permutation[j]`` is the index of the estimate that belongs to true stem ``j``.
    sdr_db, sir_db, sar_db, si_sdr_db : tuple of float
        One value per true stem; NaN where the true stem is silent (nothing can be measured).
    filtered : Measures or None
        BSS-eval with filters of ``FILTER_LENGTH`` taps, with the same permutation.
    """

    names: tuple[str, ...]
    permutation: tuple[int, ...]
    sdr_db: tuple[float, ...]
    sir_db: tuple[float, ...]
    sar_db: tuple[float, ...]
    si_sdr_db: tuple[float, ...]
    filtered: Measures | None = None

    def mean(self) -> dict[str, float]:
        """Mean over the stems that are not silent: keys ``sdr_db``, ``sir_db``, ``sar_db``, ``si_sdr_db``."""
        return {key: float(np.nanmean(getattr(self, key))) for key in ("sdr_db", "sir_db", "sar_db", "si_sdr_db")}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; what cannot be measured is None."""
        stems = []
        for j, name in enumerate(self.names):
            row: dict[str, Any] = {"name": name, "estimate": self.permutation[j]}
            for key in ("sdr_db", "sir_db", "sar_db", "si_sdr_db"):
                row[key] = _plain(getattr(self, key)[j])
            if self.filtered is not None:
                row["filtered"] = {key: _plain(values[j]) for key, values in asdict(self.filtered).items()}
            stems.append(row)
        return {"stems": stems, "mean": {key: _plain(value) for key, value in self.mean().items()}}


def evaluate(
    references: Sequence[Audio] | Audio,
    estimates: Sequence[Audio] | Audio,
    names: Sequence[str] | None = None,
    filtered: bool = False,
) -> Evaluation:
    """Compare estimated stems with the true ones.

    Parameters
    ----------
    references, estimates : ndarray, shape (n_sources, channels, samples) or (n_sources, samples)
        Equally many and equally shaped; the order of the estimates does not matter: the permutation
        with the largest sum of SIR is taken, the given order where two are equal.
    names : sequence of str, optional
        Names of the true stems; ``source 1``, ... by default.
    filtered : bool
        Also compute the BSS-eval measures that forgive a short filter (slower).

    Raises
    ------
    AudioError
        Shapes that differ, samples that are not finite, true stems that are all silent.

    Examples
    --------
    >>> from bsep_stream import evaluate, read_recording
    >>> from bsep_stream.demo import MIX, TRUE_STEMS
    >>> mixture, _ = read_recording(MIX)
    >>> true = [read_recording(path)[0] for path in TRUE_STEMS]
    >>> unseparated = evaluate(true, [mixture, mixture], names=["recorder", "english_horn"])
    >>> [round(sdr) for sdr in unseparated.sdr_db]  # dB: each is about as loud as the other
    [0, -1]
    """
    true, estimated = [_signal(x) for x in references], [_signal(x) for x in estimates]
    _check(true, estimated)
    n_sources = len(true)
    labels = tuple(names) if names is not None else tuple(f"source {j + 1}" for j in range(n_sources))
    if len(labels) != n_sources:
        raise AudioError(f"expected a name for each of {n_sources} true stems, got {len(labels)}")
    sounding = np.array([bool(np.any(x)) for x in true])
    if not sounding.any():
        raise AudioError("all true stems are silent, so nothing can be measured; check the reference files")

    sdr, sir, sar = _pairwise(true, estimated)
    best = _best_permutation(np.where(sounding[:, None], sir, 0.0), np.where(sounding[:, None], sdr, 0.0))
    si_sdr, _, _ = _pairwise(true, estimated, remove_mean=True)
    rows = np.arange(n_sources)

    def chosen(values: NDArray[np.float64]) -> tuple[float, ...]:
        return tuple(float(v) for v in np.where(sounding, values[rows, best], np.nan))

    return Evaluation(
        names=labels,
        permutation=tuple(int(i) for i in best),
        sdr_db=chosen(sdr),
        sir_db=chosen(sir),
        sar_db=chosen(sar),
        si_sdr_db=chosen(si_sdr),
        filtered=_filtered(true, [estimated[i] for i in best]) if filtered else None,
    )


def _signal(samples: Audio) -> Audio:
    """One signal, shape (channels, samples)."""
    array = np.atleast_2d(np.asarray(samples))
    if array.ndim != 2:
        raise AudioError(f"expected stems of shape (channels, samples), got {np.shape(samples)}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _check(true: list[Audio], estimated: list[Audio]) -> None:
    if not true or len(true) != len(estimated):
        raise AudioError(
            f"expected one estimate for each true stem, got {len(true)} true and {len(estimated)} estimated stems"
        )
    if len(true) > _MAX_SOURCES:
        raise AudioError(f"at most {_MAX_SOURCES} stems can be compared, got {len(true)}")
    shapes = {x.shape for x in (*true, *estimated)}
    if len(shapes) > 1:
        described = ", ".join(f"{s[1]} samples x {s[0]} channels" for s in sorted(shapes))
        raise AudioError(f"all stems must have the same length and channels, got {described}; cut or mix them first")
    if not all(np.isfinite(x).all() for x in (*true, *estimated)):
        raise AudioError("a stem holds samples that are not finite (NaN or Inf); render it again")


def _pairwise(
    true: list[Audio], estimated: list[Audio], remove_mean: bool = False
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """SDR, SIR, SAR in dB of every pair, shape (n_true, n_estimates) each."""
    n = len(true)
    gram, cross = np.zeros((n, n)), np.zeros((n, n))
    for x in _blocks([*true, *estimated], remove_mean):
        products = x @ x.T
        gram += products[:n, :n]
        cross += products[:n, n:]
    # Least squares, not a plain solve: two equal or silent true stems make the Gram matrix singular.
    weights = np.linalg.lstsq(gram, cross, rcond=None)[0]  # (n_true, n_estimates): P e = sum_j weights[j] s_j
    artefact = np.zeros(n)
    for x in _blocks([*true, *estimated], remove_mean):
        artefact += np.square(x[n:] - weights.T @ x[:n]).sum(axis=1)

    own = np.diag(gram)[:, None]
    gain = np.divide(cross, own, out=np.zeros_like(cross), where=own > 0)
    target = gain**2 * own
    projected = np.einsum("je,jk,ke->e", weights, gram, weights)
    interference = np.empty((n, n))
    for j in range(n):
        other = weights.copy()
        other[j] -= gain[j]
        interference[j] = np.einsum("je,jk,ke->e", other, gram, other)
    interference = np.maximum(interference, 0.0)
    sar = np.broadcast_to(_db(projected, artefact), (n, n))
    return _db(target, interference + artefact), _db(target, interference), sar


def _blocks(signals: list[Audio], remove_mean: bool) -> Any:
    """Yield float64 arrays, shape (n_signals, samples), over all channels and the whole length."""
    channels, length = signals[0].shape
    for channel in range(channels):
        means = np.array([x[channel].mean(dtype=np.float64) if remove_mean and length else 0.0 for x in signals])
        for start in range(0, length, _BLOCK):
            block = np.stack([x[channel, start : start + _BLOCK] for x in signals]).astype(np.float64)
            yield block - means[:, None]


def _db(wanted: NDArray[np.float64], unwanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """10 log10 of a ratio of energies, limited; nothing wanted is the worst, also when nothing is unwanted."""
    lowest = 10.0 ** (-LIMIT_DB / 10.0)
    best = np.full(np.broadcast(wanted, unwanted).shape, 1 / lowest)
    ratio = np.divide(wanted, unwanted, out=best, where=unwanted > 0)
    ratio = np.where(wanted > 0, ratio, lowest)
    return np.asarray(10.0 * np.log10(np.clip(ratio, lowest, 1 / lowest)))


def _best_permutation(sir: NDArray[np.float64], sdr: NDArray[np.float64]) -> NDArray[np.intp]:
    rows = range(len(sir))

    def sums(order: tuple[int, ...]) -> tuple[float, float]:
        # Where SIR cannot tell (at its limit, or one stem that sounds), SDR decides.
        return round(sum(sir[j, order[j]] for j in rows), 6), round(sum(sdr[j, order[j]] for j in rows), 6)

    return np.array(max(permutations(rows), key=sums))  # max() keeps the first of equals: the given order


def _filtered(true: list[Audio], estimated: list[Audio]) -> Measures:
    """BSS-eval with filters: mean over the channels in which the true stem sounds."""
    n_sources, (channels, length) = len(true), true[0].shape
    if length <= FILTER_LENGTH:
        raise AudioError(f"filtered measures need more than {FILTER_LENGTH} samples, got {length}")
    values = np.full((3, n_sources, channels), np.nan)
    for channel in range(channels):
        # A silent true stem adds nothing to the span and would make the library's equations singular.
        loud = [j for j in range(n_sources) if true[j][channel].any()]
        if not loud:
            continue
        references = np.stack([true[j][channel] for j in loud]).astype(np.float64)
        estimates = np.stack([estimated[j][channel] for j in loud]).astype(np.float64)
        silent = ~estimates.any(axis=1)
        estimates[silent] = references[0]  # a place holder: they are divided by their energy
        own, all_ = explained_shares(references, estimates, FILTER_LENGTH)
        own, all_ = np.where(silent, 0.0, own), np.where(silent, 0.0, all_)
        values[:, loud, channel] = _db(own, 1.0 - own), _db(own, np.maximum(all_ - own, 0.0)), _db(all_, 1.0 - all_)
    rows = [tuple(_mean_of_known(row) for row in table) for table in values]
    return Measures(sdr_db=rows[0], sir_db=rows[1], sar_db=rows[2])


def _mean_of_known(row: NDArray[np.float64]) -> float:
    known = row[~np.isnan(row)]
    return float(known.mean()) if known.size else float("nan")


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
