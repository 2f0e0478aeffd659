"""Labels of a session, found by the search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from bsep_stream.train.config.policy_config import pitch_range
from bsep_stream.train.config.trainconfig import SMALLEST_AMPLITUDE, TrainConfig
from bsep_stream.train.search.players.given import given_players
from bsep_stream.train.search.searchclock import SearchClock
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.session.labels import EXCERPT_SECONDS, Labels, frames_at, from_high_to_low, label_positions
from bsep_stream.train.session.recording import Session
from bsep_stream.train.session.sides import sides_of
from bsep_stream.train.tones.unexplained import unexplained_share

_TRIAL_SECONDS = 4.0
_DECODINGS = 10
"""That a search should have the time for; it would like twice as many, and ends where time is over."""


def search_labels(session: Session, config: TrainConfig, on_step: Callable[[], None] | None = None) -> Labels:
    """Search a session for the tones of all sources; those of one limit are ordered from the highest to the lowest.

    Parameters
    ----------
    session : Session
    config : TrainConfig
    on_step : callable, optional
        Called now and then, for a sign of life. A :class:`.searchclock.SearchClock` also limits the time: less of a
        long session is heard, and fewer starts are tried.
    """
    geometry = config.geometry
    longest = config.imitation.longest_seconds
    clock = on_step if isinstance(on_step, SearchClock) else None
    if clock is not None:
        longest = min(longest, _affordable_seconds(session, config, clock))
    pieces = label_positions(session, geometry.hop_length, longest)
    search = _search(session, config, pieces)
    enough = None if clock is None else clock.over
    found = search.explain(on_step, enough)
    seconds = np.concatenate([centres for _, centres in pieces]) / geometry.sample_rate
    bin_hz = geometry.sample_rate / geometry.n_fft
    played = search.played(
        geometry.sigma_bins,
        found,
        lambda notes: given_players(config.hints, notes, seconds, bin_hz),
        geometry.hop_length / geometry.sample_rate,
        partial(unexplained_share, config, search.moduli),
        on_step,
        enough,
        sides_of(session, pieces, geometry),
    )
    best = played.explanation
    if clock is not None:
        _remark_on(clock, session, config, longest)
    order = from_high_to_low(best.f0_bin, config.polyphony, config.hints.sources)
    tones = torch.split(best.f0_bin, list(config.polyphony))
    envelopes = np.full((config.n_sources, config.n_harmonics), SMALLEST_AMPLITUDE, np.float32)
    known = min(config.n_harmonics, best.envelope.shape[1])
    envelopes[:, :known] = np.maximum(best.envelope[order, :known].numpy(), SMALLEST_AMPLITUDE)
    return Labels(
        take=np.concatenate([np.full(len(centres), take) for take, centres in pieces]),
        centre=np.concatenate([centres for _, centres in pieces]),
        f0_bin=torch.cat([tones[source] for source in order]).T.numpy().astype(np.float32),
        envelopes=envelopes,
        hop_length=geometry.hop_length,
        margin=played.margin,
    )


def _search(session: Session, config: TrainConfig, pieces: Sequence[tuple[int, NDArray[np.int64]]]) -> SessionSearch:
    geometry = config.geometry
    moduli = [np.abs(frames_at(session.takes[take].samples, centres, geometry)) for take, centres in pieces]
    cuts = np.concatenate([np.arange(len(centres)) == 0 for _, centres in pieces])
    first, end = pitch_range(config.policy, geometry.n_bins)
    return SessionSearch(
        torch.from_numpy(np.concatenate(moduli)),
        config.n_sources,
        first,
        end - 1,
        torch.from_numpy(cuts),
        limits=config.polyphony,
    )


def _affordable_seconds(session: Session, config: TrainConfig, clock: SearchClock) -> float:
    """How much sound a search has the time for, by what a few seconds of it take."""
    hop = config.geometry.hop_length
    n_frames = max(2, int(_TRIAL_SECONDS * session.sample_rate / hop))
    longest_take = max(range(len(session.takes)), key=lambda number: session.takes[number].samples.size)
    centres = np.arange(0, session.takes[longest_take].samples.size, hop)
    middle = max(0, len(centres) // 2 - n_frames // 2)
    trial = centres[middle : middle + n_frames]
    began = clock.now()
    search = _search(session, config, [(longest_take, trial)])
    prepared = clock.now()
    search.look(clock)
    looked = clock.now()
    a_second = (prepared - began + _DECODINGS * (looked - prepared)) / (len(trial) * hop / session.sample_rate)
    return max(_TRIAL_SECONDS, clock.left() / max(a_second, 1e-9))


def _remark_on(clock: SearchClock, session: Session, config: TrainConfig, longest: float) -> None:
    whole = session.duration_seconds
    heard = max(EXCERPT_SECONDS, longest)
    if heard < min(whole, config.imitation.longest_seconds):
        clock.remarks.append(
            f"the time was too short to search all of the recording: about {heard:.0f} s of {whole:.0f} s"
        )
    if clock.over():
        clock.remarks.append("the time was too short to end the search: it ended with what it had found")
