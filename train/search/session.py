"""The search over a whole session: decode all frames, learn the envelopes, and again, from several starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.search.explanation import Explanation, Played
from bsep_stream.train.search.hearing import Hearing, Step, Swept
from bsep_stream.train.search.players.accompaniment import decide_accompanied
from bsep_stream.train.search.players.assignment import Tones, decide_players, note_evidence, shared_out
from bsep_stream.train.search.players.decision import ANYBODY
from bsep_stream.train.search.players.evidence import Feature
from bsep_stream.train.search.players.harmonics import NoteHarmonics, mean_harmonics, note_harmonics, tone_harmonics
from bsep_stream.train.search.players.notes import Notes, cut_notes
from bsep_stream.train.search.players.playing import playing_evidence
from bsep_stream.train.search.players.threads import threaded
from bsep_stream.train.search.players.unisons import with_unisons
from bsep_stream.train.search.rehearing import envelopes_of, heard_again
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.starts import Start, find_starts
from bsep_stream.train.search.subharmonics import raised
from bsep_stream.train.search.visited import Place, Visited
from bsep_stream.train.search.voices import Voices, high_to_low

FRAME_SECONDS = 1_024 / 48_000
"""From frame to frame, if nothing else is said."""

_ALIKE_NATS = 2.0


class SessionSearch:
    """The search over a session.

    Parameters
    ----------
    moduli : Tensor, shape (n_frames, n_bins)
        Modulus spectra of frames in their order.
    n_sources : int
    lowest_bin, highest_bin : float
        Range of f0.
    cuts : Tensor, shape (n_frames,), bool
        True where a frame does not continue the one before.
    settings : SearchSettings
    limits : sequence of int, optional
        How many tones every source has at most at once; one each, if it is not given.
    """

    def __init__(
        self,
        moduli: Tensor,
        n_sources: int,
        lowest_bin: float,
        highest_bin: float,
        cuts: Tensor,
        settings: SearchSettings | None = None,
        limits: Sequence[int] | None = None,
    ) -> None:
        self.settings = settings or SearchSettings()
        self.moduli, self.cuts = moduli, cuts
        self.voices = Voices(limits or (1,) * n_sources)
        self.hearing = Hearing(moduli, lowest_bin, highest_bin, cuts, self.voices, self.settings)
        self._enough: Callable[[], bool] = lambda: False

    def explain(self, on_step: Step | None = None, enough: Callable[[], bool] | None = None) -> list[Explanation]:
        """Explanations from several starts, the best first.

        Parameters
        ----------
        on_step : callable, optional
            Called after every decoding of a pair of voices.
        enough : callable, optional
            Whether to end with what there is: at least one start, after at least one sweep.
        """
        step = on_step or (lambda: None)
        self._enough = enough or (lambda: False)
        if self.voices.accompanied:
            return [self._heard(step)]
        found: list[Explanation] = []
        visited = Visited(self.voices)
        for start in self._likeliest(find_starts(self.hearing, step), step):
            if found and self._enough():
                break
            explanation = self._improve(start, visited, step)
            if explanation is not None:
                found.append(explanation)
        return sorted(found, key=lambda explanation: explanation.cost)

    def look(self, on_step: Step | None = None) -> None:
        """Decode all frames once, as every search begins: how long that takes says how long a search will."""
        self.hearing.anybody(on_step or (lambda: None))

    def played(
        self,
        sigma_bins: float,
        explanations: Sequence[Explanation],
        given: Callable[[Notes], NDArray[np.int64]] | None = None,
        frame_seconds: float = FRAME_SECONDS,
    ) -> Played:
        """The first of some explanations, its tones shared out among the players note by note.

        Parameters
        ----------
        sigma_bins : float
            Width of a peak.
        explanations : sequence of Explanation
            The best first. Who plays what in the others is tried as well.
        given : callable, optional
            Players that are known: gets the notes, returns a source for each; -1 where it does not know.
        frame_seconds : float
            From frame to frame.
        """
        known = given or (lambda notes: np.full(len(notes), ANYBODY))
        if self.voices.accompanied:
            apart = self._accompanied(explanations[0], sigma_bins, frame_seconds, known)
            hinted = bool((known(apart.notes) >= 0).any())
            again = heard_again(self.hearing, *apart.explanation[:2], hinted, lambda: None)
            if hinted:  # and held to while hearing again
                return apart._replace(explanation=again)
            # Hearing again finds better tones, and sometimes gives them away: whose they are is for the notes to say.
            return self._accompanied(again, sigma_bins, frame_seconds, known)
        best = explanations[0]
        if given is not None:
            best = self._least_contradicted(sigma_bins, frame_seconds, explanations, given)
        notes = self.notes_of(best)
        readings = [entry.tones for entry in explanations if entry is not best]
        limits, fixed = self.voices.limits, known(notes)
        harmonics, evidence = self._evidence(notes, best, sigma_bins, frame_seconds)
        decision = decide_players(notes, evidence, limits, readings, fixed)
        shared = shared_out(notes, decision.labels, limits)
        envelope = envelopes_of(self.hearing, *self._tensors(shared))
        f0_bin, amplitude = self._tensors(with_unisons(shared, notes, harmonics, decision.labels, fixed, limits))
        return Played(best._replace(f0_bin=f0_bin, amplitude=amplitude, envelope=envelope), notes, decision)

    def _accompanied(
        self, heard: Explanation, sigma_bins: float, frame_seconds: float, known: Callable[[Notes], NDArray[np.int64]]
    ) -> Played:
        """A melody told from chords by its notes."""
        notes = self.notes_of(heard)
        moduli, envelope = self.moduli.numpy(), heard.envelope.double().numpy()
        limits = self.voices.limits
        decision = decide_accompanied(notes, moduli, envelope, sigma_bins, frame_seconds, limits, known(notes))
        f0_bin, amplitude = self._tensors(shared_out(notes, decision.labels, limits))
        return Played(heard._replace(f0_bin=f0_bin, amplitude=amplitude), notes, decision)

    def _tensors(self, tones: Tones) -> tuple[Tensor, Tensor]:
        """``f0_bin`` and ``amplitude`` of tones, those of every source from high to low."""
        f0_bin, amplitude = (torch.from_numpy(values).to(self.moduli.dtype) for values in tones)
        order = high_to_low(f0_bin, self.voices)
        return f0_bin.gather(0, order), amplitude.gather(0, order)

    def _evidence(
        self, notes: Notes, explanation: Explanation, sigma_bins: float, frame_seconds: float
    ) -> tuple[NoteHarmonics, list[Feature]]:
        """Harmonics of notes, and all that is known of who plays them."""
        moduli, n_players = self.moduli.numpy(), len(self.voices.limits)
        tones = tone_harmonics(notes, moduli, explanation.envelope.double().numpy(), sigma_bins)
        harmonics = mean_harmonics(notes, tones)
        playing = playing_evidence(notes, tones, moduli, frame_seconds, n_players)
        return harmonics, [*note_evidence(notes.pitch, harmonics, n_players), *playing]

    def _least_contradicted(
        self,
        sigma_bins: float,
        frame_seconds: float,
        explanations: Sequence[Explanation],
        given: Callable[[Notes], NDArray[np.int64]],
    ) -> Explanation:
        """The explanation whose notes lose least evidence when what is given of their players is held to."""
        losses = []
        for explanation in explanations:
            notes = self.notes_of(explanation)
            known = given(notes)
            if not (known >= 0).any():
                return explanations[0]
            _, evidence = self._evidence(notes, explanation, sigma_bins, frame_seconds)
            free, held = (decide_players(notes, evidence, self.voices.limits, (), fixed) for fixed in (None, known))
            losses.append(free.evidence - held.evidence)
        # The cheapest of those that are nearly as good: evidence of different notes differs by chance.
        return next(
            explanation
            for explanation, loss in zip(explanations, losses, strict=True)
            if loss < min(losses) + _ALIKE_NATS
        )

    def harmonics_of(self, notes: Notes, explanation: Explanation, sigma_bins: float) -> NoteHarmonics:
        """What is seen of the harmonics of an explanation's notes."""
        return note_harmonics(notes, self.moduli.numpy(), explanation.envelope.double().numpy(), sigma_bins)

    def notes_of(self, explanation: Explanation) -> Notes:
        """Its tones, cut into notes."""
        tones, cuts = explanation.tones, self.cuts.numpy()
        # Where voices are not players, a tone may go on in another of them.
        return cut_notes(*(threaded(*tones, cuts) if self.voices.accompanied else tones), cuts)

    def _likeliest(self, starts: Sequence[list[Start]], step: Step) -> list[Start]:
        """The starts of that order of the sources in which they cost least after a few sweeps."""
        if len(starts) == 1 or self._enough():
            return starts[0]
        return min(starts, key=lambda kinds: sum(self._cost(start, step) for start in kinds))

    def _cost(self, start: Start, step: Step) -> float:
        *_, last = self._sweeps(start, self.settings.trial_sweeps, step)
        return last.cost

    def _improve(self, start: Start, visited: Visited, step: Step) -> Explanation | None:
        """What a start ends in; None if it comes to where another has been."""
        places = []
        for sweep, swept in enumerate(self._sweeps(start, start.free_sweeps + self.settings.sweeps, step)):
            places.append(Place(swept.state.choice, sweep + 1 < start.free_sweeps))
            if visited.met(places[-1]):
                return None
        visited.add(places)
        return self.hearing.explanation(swept, start.name, step)

    def _sweeps(self, start: Start, n_sweeps: int, step: Step) -> Iterator[Swept]:
        hearing = self.hearing
        envelopes, registers, state = start.envelopes, start.registers, start.state
        for sweep in range(n_sweeps):
            previous = state
            used = envelopes, registers
            behind = None if previous is None else hearing.behind(previous, envelopes)
            state, cost = hearing.decode(*used, step, previous, sweep, behind)
            observed = hearing.observe(state, envelopes, behind)
            envelopes = [raised(rows) for rows in hearing.envelopes(observed)]
            free = sweep + 1 < start.free_sweeps
            # Other pairs may still have something to say where not all are decoded in every sweep.
            converged = not self.voices.chords and previous is not None and torch.equal(previous.choice, state.choice)
            yield Swept(state, cost, observed, *used)
            if (converged and not free and registers is not None) or self._enough():
                break
            registers = None if free else hearing.registers(observed)

    def _heard(self, step: Step) -> Explanation:
        """Tones of all sources together: who plays them is left to the notes."""
        hearing = self.hearing
        state = hearing.anybody(step)
        swept = Swept(state, 0.0, hearing.observe(state, hearing.plain), hearing.plain, None)
        return hearing.explanation(swept, "anybody", step)
