"""Who plays what a search has found: decided by notes, heard again with what that says of the players, decided anew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.search.explanation import Explanation, Played
from bsep_stream.train.search.hearing import Hearing, Step
from bsep_stream.train.search.players.accompaniment import decide_accompanied
from bsep_stream.train.search.players.assignment import Tones, decide_players, note_evidence, shared_out
from bsep_stream.train.search.players.decision import ANYBODY
from bsep_stream.train.search.players.evidence import Feature
from bsep_stream.train.search.players.harmonics import ToneHarmonics, mean_harmonics, tone_harmonics
from bsep_stream.train.search.players.notes import Notes, cut_notes
from bsep_stream.train.search.players.places import place_evidence
from bsep_stream.train.search.players.playing import playing_evidence
from bsep_stream.train.search.players.threads import threaded
from bsep_stream.train.search.players.unisons import with_unisons
from bsep_stream.train.search.rehearing import envelopes_of, heard_again
from bsep_stream.train.search.voices import Voices, high_to_low
from bsep_stream.train.session.sides import Sides

NEAR_COST = 0.01
"""Explanations that cost so much more than the cheapest are no longer considered."""

_ALIKE_NATS = 2.0

Given = Callable[[Notes], NDArray[np.int64]]
"""Players of notes that are known; -1 where they are not."""

Unexplained = Callable[[Tensor], float]
"""What tones, shape (n_voices, n_frames), leave unexplained of the sound, as a share of it."""


class Pace(NamedTuple):
    """A sign of life, called after every decision and every decoding, and whether to end with what there is."""

    step: Step
    enough: Callable[[], bool]


class WhoPlays:
    """Players of the notes of explanations.

    Parameters
    ----------
    hearing : Hearing
    moduli : Tensor, shape (n_frames, n_bins)
    cuts : Tensor, shape (n_frames,), bool
        True where a frame does not continue the one before.
    sigma_bins : float
        Width of a peak.
    frame_seconds : float
        From frame to frame.
    given : callable or None
        Players that are known.
    pace : Pace
    sides : Sides, optional
        Of a stereo recording: where notes come from.
    """

    def __init__(
        self,
        hearing: Hearing,
        moduli: Tensor,
        cuts: Tensor,
        sigma_bins: float,
        frame_seconds: float,
        given: Given | None,
        pace: Pace,
        sides: Sides | None = None,
    ) -> None:
        self.hearing = hearing
        self.moduli = moduli.numpy()
        self.cuts = cuts
        self.sigma_bins = sigma_bins
        self.frame_seconds = frame_seconds
        self.given: Given = given or (lambda notes: np.full(len(notes), ANYBODY))
        self.pace = pace
        self.sides = sides
        self.voices = hearing.voices
        self.limits = hearing.voices.limits

    def alone(self, explanations: Sequence[Explanation], unexplained: Unexplained | None = None) -> Played:
        """Players with one tone at once each, or with several each.

        Parameters
        ----------
        explanations : sequence of Explanation
            The cheapest first. Who plays what in the others is tried as well.
        unexplained : callable, optional
            By what the choice among nearly equal costs goes beside these.
        """
        readings = [entry.tones for entry in explanations]
        told = self._least_contradicted(explanations, readings) or self._best(explanations, readings, unexplained)
        heard, played = told.explanation, told
        if not self.pace.enough():
            # What its notes say of a player finds better tones, and better tones say better whose they are.
            again = heard_again(self.hearing, *heard[:2], True, True, self.pace.step)
            played = self._told(again, readings)
        both = self._with_unisons(played)
        return both._replace(explanation=both.explanation._replace(cost=heard.cost, start=heard.start))

    def accompanied(self, heard: Explanation) -> Played:
        """A melody told from chords by its notes."""
        told = self._told_from_chords(heard)
        hinted = bool((self.given(told.notes) >= 0).any())
        again = heard_again(self.hearing, *told.explanation[:2], hinted, False, self.pace.step)
        if hinted:  # and held to while hearing again
            return told._replace(explanation=again)
        # Hearing again finds better tones, and sometimes gives them away: whose they are is for the notes to say.
        return self._told_from_chords(again)

    def _best(
        self, explanations: Sequence[Explanation], readings: Sequence[Tones], unexplained: Unexplained | None
    ) -> Played:
        """The explanation that costs least, and leaves least unexplained when whole spectra are fitted to its tones."""
        if unexplained is None or self.pace.enough():
            return self._told(explanations[0], readings)
        dearest = explanations[0].cost + NEAR_COST
        near = [self._told(entry, readings) for entry in explanations if entry.cost < dearest]
        if len(near) == 1:
            return near[0]
        return min(near, key=lambda told: told.explanation.cost + unexplained(told.explanation.f0_bin))

    def _least_contradicted(self, explanations: Sequence[Explanation], readings: Sequence[Tones]) -> Played | None:
        """The explanation whose notes lose least evidence when what is given of their players is held to.

        None where nothing is given of the notes of one of them.
        """
        losses = []
        for explanation in explanations:
            notes = notes_of(explanation, self.cuts, self.voices)
            known = self.given(notes)
            if not (known >= 0).any():
                return None
            evidence = self._evidence(notes, explanation)
            free, held = (decide_players(notes, evidence, self.limits, (), fixed) for fixed in (None, known))
            losses.append(free.evidence - held.evidence)
        # The cheapest of those that are nearly as good: evidence of different notes differs by chance.
        best = next(number for number, loss in enumerate(losses) if loss < min(losses) + _ALIKE_NATS)
        return self._told(explanations[best], readings)

    def _told(self, heard: Explanation, readings: Sequence[Tones]) -> Played:
        """An explanation told apart by its notes."""
        notes = notes_of(heard, self.cuts, self.voices)
        fixed = self.given(notes)
        decision = decide_players(notes, self._evidence(notes, heard), self.limits, readings, fixed)
        self.pace.step()
        f0_bin, amplitude = self._tensors(shared_out(notes, decision.labels, self.limits))
        envelope = envelopes_of(self.hearing, f0_bin, amplitude)
        return Played(heard._replace(f0_bin=f0_bin, amplitude=amplitude, envelope=envelope), notes, decision)

    def _with_unisons(self, played: Played) -> Played:
        """What was told apart, where two players may have one note."""
        explanation, notes, (labels, *_) = played
        shared, read = shared_out(notes, labels, self.limits), partial(self._read, explanation)
        f0_bin, amplitude = self._tensors(with_unisons(shared, notes, read, labels, self.given(notes), self.limits))
        return played._replace(explanation=explanation._replace(f0_bin=f0_bin, amplitude=amplitude))

    def _told_from_chords(self, heard: Explanation) -> Played:
        notes = notes_of(heard, self.cuts, self.voices)
        envelope, known = heard.envelope.double().numpy(), self.given(notes)
        decision = decide_accompanied(
            notes, self.moduli, envelope, self.sigma_bins, self.frame_seconds, self.limits, known, self.sides
        )
        f0_bin, amplitude = self._tensors(shared_out(notes, decision.labels, self.limits))
        return Played(heard._replace(f0_bin=f0_bin, amplitude=amplitude), notes, decision)

    def _tensors(self, tones: Tones) -> tuple[Tensor, Tensor]:
        """``f0_bin`` and ``amplitude`` of tones, those of every source from high to low."""
        f0_bin, amplitude = (torch.from_numpy(values).to(self.hearing.pitches.dtype) for values in tones)
        order = high_to_low(f0_bin, self.voices)
        return f0_bin.gather(0, order), amplitude.gather(0, order)

    def _read(self, explanation: Explanation, notes: Notes) -> ToneHarmonics:
        """The harmonics of an explanation's notes."""
        return tone_harmonics(notes, self.moduli, explanation.envelope.double().numpy(), self.sigma_bins)

    def _evidence(self, notes: Notes, explanation: Explanation) -> list[Feature]:
        """All that is known of who plays notes."""
        n_players = len(self.limits)
        tones = self._read(explanation, notes)
        evidence = note_evidence(notes.pitch, mean_harmonics(notes, tones), n_players)
        playing = playing_evidence(notes, tones, self.moduli, self.frame_seconds, n_players)
        return [*evidence, *playing, *place_evidence(notes, tones, self.sides, n_players)]


def notes_of(explanation: Explanation, cuts: Tensor, voices: Voices) -> Notes:
    """The tones of an explanation, cut into notes.

    Parameters
    ----------
    explanation : Explanation
    cuts : Tensor, shape (n_frames,), bool
    voices : Voices
    """
    tones, cut = explanation.tones, cuts.numpy()
    # Where voices are not players, a tone may go on in another of them.
    return cut_notes(*(threaded(*tones, cut) if voices.accompanied else tones), cut)
