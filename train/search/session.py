"""The search over a whole session: decode all frames, learn the envelopes, and again, from several starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bsep_stream.train.search.candidates import find_candidates
from bsep_stream.train.search.decoding import FrameEvidence, State, decode, silence
from bsep_stream.train.search.envelopes import PitchScale, ToneObservations, envelopes_from, plain_envelope
from bsep_stream.train.search.observations import observe
from bsep_stream.train.search.pairs import IMPOSSIBLE
from bsep_stream.train.search.peaks import pick_peaks
from bsep_stream.train.search.players.accompaniment import decide_accompanied
from bsep_stream.train.search.players.assignment import Tones, decide_players, note_evidence, shared_out
from bsep_stream.train.search.players.decision import Decision
from bsep_stream.train.search.players.notes import Notes, cut_notes
from bsep_stream.train.search.players.threads import threaded
from bsep_stream.train.search.registers import register_costs
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.tails import around_path, without_tails
from bsep_stream.train.search.together import groups_together
from bsep_stream.train.search.voices import Voices, high_to_low

FRAME_SECONDS = 1_024 / 48_000
"""From frame to frame, if nothing else is said."""

_TINY = 1e-12


class Explanation(NamedTuple):
    """Tones of all sources in all frames.

    Attributes
    ----------
    f0_bin : Tensor, shape (n_voices, n_frames)
        0: silent. The voices of a source stand next to each other; in every frame those that sound come first, from
        high to low.
    amplitude : Tensor, shape (n_voices, n_frames)
        Sum of the moduli of the harmonics.
    envelope : Tensor, shape (n_sources, n_harmonics)
        Mean harmonic envelope, largest entry 1.
    cost : float
        Mean cost of a frame: relative loss and all prior costs. Comparable between starts of one session.
    start : str
        Name of the start it came from.
    """

    f0_bin: Tensor
    amplitude: Tensor
    envelope: Tensor
    cost: float
    start: str


class Played(NamedTuple):
    """An explanation whose tones are shared out among the players by notes.

    Attributes
    ----------
    explanation : Explanation
    notes : Notes
        Of all voices together, as they were before.
    decision : Decision
        Player of every note, and how sure that is.
    """

    explanation: Explanation
    notes: Notes
    decision: Decision


class _Start(NamedTuple):
    """Envelopes (and registers, tones) to begin with; in the first `free_sweeps` the registers cost nothing."""

    name: str
    envelopes: list[Tensor]
    registers: list[Tensor] | None
    free_sweeps: int
    state: State | None = None


class _Swept(NamedTuple):
    """Where the sweeps from a start have come: what the last one found, and by which envelopes and registers."""

    state: State
    cost: float
    observed: list[ToneObservations]
    envelopes: list[Tensor]
    registers: list[Tensor] | None


class SessionSearch:
    """The frames of a session and everything about them that does not depend on the instruments.

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
        self._enough: Callable[[], bool] = lambda: False
        self.moduli, self.cuts = moduli, cuts
        self.n_sources = n_sources
        self.voices = Voices(limits or (1,) * n_sources)
        n_bins = moduli.shape[1]
        peaks = pick_peaks(moduli)
        candidates = find_candidates(peaks, n_bins, lowest_bin, highest_bin)
        self.pitches = PitchScale(lowest_bin).semitones(candidates.f0_bin)
        total = peaks.moduli.sum(dim=1)
        self.evidence = FrameEvidence(
            peaks,
            candidates,
            self.pitches,
            level=total + self.settings.quiet_share * total.mean() + _TINY,
            transitions=self.settings.transitions.between(candidates.f0_bin, cuts),
        )
        self.fresh = self.evidence._replace(peaks=without_tails(peaks, moduli, cuts))

    def explain(
        self, on_step: Callable[[], None] | None = None, enough: Callable[[], bool] | None = None
    ) -> list[Explanation]:
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
        for start in self._likeliest(self._starts(step), step):
            if found and self._enough():
                break
            found.append(self._improve(start, step))
        return sorted(found, key=lambda explanation: explanation.cost)

    def look(self, on_step: Callable[[], None] | None = None) -> None:
        """Decode all frames once, as every search begins: how long that takes says how long a search will."""
        self._anybody([plain_envelope(self.settings.plain_decay)] * self.n_sources, on_step or (lambda: None))

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
        best, limits = explanations[0], self.voices.limits
        moduli, envelope = self.moduli.numpy(), best.envelope.double().numpy()
        notes = self.notes_of(best)
        known = None if given is None else given(notes)
        if self.voices.accompanied:
            decision = decide_accompanied(notes, moduli, envelope, sigma_bins, frame_seconds, limits, known)
        else:
            readings = [_tones_of(entry) for entry in explanations]
            evidence = note_evidence(notes, moduli, envelope, sigma_bins, self.n_sources)
            decision = decide_players(notes, evidence, limits, readings[1:], known)
        tones = shared_out(notes, decision.labels, self.voices.limits)
        f0, amplitude = (torch.from_numpy(values).to(best.f0_bin.dtype) for values in tones)
        order = high_to_low(f0, self.voices)
        f0, amplitude = f0.gather(0, order), amplitude.gather(0, order)
        if self.voices.accompanied:
            hinted = known is not None and bool((known >= 0).any())
            played = self._heard_again(f0, amplitude, hinted, lambda: None)
        else:
            played = best._replace(f0_bin=f0, amplitude=amplitude, envelope=self._mean_envelopes(f0, amplitude))
        return Played(played, notes, decision)

    def notes_of(self, explanation: Explanation) -> Notes:
        """Its tones, cut into notes."""
        tones, cuts = _tones_of(explanation), self.cuts.numpy()
        # Where voices are not players, a tone may go on in another of them.
        return cut_notes(*(threaded(*tones, cuts) if self.voices.accompanied else tones), cuts)

    def _starts(self, step: Callable[[], None]) -> list[list[_Start]]:
        """Starts for every order that the sources may have, of several kinds."""
        if len(self.voices) == 1:
            return [[_Start("brightness", self._by_brightness((0,)), None, 0)]]
        plain = [plain_envelope(self.settings.plain_decay)] * self.n_sources
        heard = self._anybody(plain, step)
        # With chords tones that sound together may have one player.
        together = [] if self.voices.chords else self._by_groups(heard, plain)
        starts = []
        for order in self.voices.orders():
            state = self._by_pitch(heard, order)
            observed = self._observe(state, plain)
            envelopes, registers = self._envelopes(observed), self._registers(observed)
            # Chords take long to be found: they are kept for all starts.
            known = state if self.voices.chords else None
            kinds = [_Start("register", envelopes, registers, 0, known)]
            if self.n_sources > 1:
                kinds.insert(0, _Start("brightness", self._by_brightness(order), None, 0, known))
                kinds.append(_Start("register, then timbre", envelopes, None, self.settings.free_sweeps, known))
            starts.append(kinds + together)
        return starts

    def _likeliest(self, starts: Sequence[list[_Start]], step: Callable[[], None]) -> list[_Start]:
        """The starts of that order of the sources in which they cost least after a few sweeps."""
        if len(starts) == 1 or self._enough():
            return starts[0]
        sweeps = self.settings.trial_sweeps
        return min(starts, key=lambda kinds: sum(self._sweep(start, sweeps, step).cost for start in kinds))

    def _by_brightness(self, order: Sequence[int]) -> list[Tensor]:
        """Envelopes of the sources, the first of the order the darkest."""
        darkest, brightest = self.settings.start_decays
        steps = max(1, self.n_sources - 1)
        decays = [darkest + (brightest - darkest) * place / steps for place in range(self.n_sources)]
        return [plain_envelope(decays[order.index(source)]) for source in range(self.n_sources)]

    def _by_groups(self, heard: State, plain: Sequence[Tensor]) -> list[_Start]:
        """Starts from what tones that sound together are made of."""
        share, starts = self.settings.group_share, []
        for group in groups_together(self._observe(heard, plain), self.settings.groups):
            rows = [share * row + (1 - share) * plain[0] for row in group]
            starts.append(_Start("together", rows, None, self.settings.free_sweeps))
        return starts

    def _anybody(self, envelopes: Sequence[Tensor], step: Callable[[], None]) -> State:
        """Tones, when nothing is known of who plays them."""
        state = None
        for sweep in range(len(self.voices) if self.voices.chords else 1):
            state, _ = self._decode(envelopes, None, step, state, sweep)
        assert state is not None
        return state

    def _sweep(self, start: _Start, n_sweeps: int, step: Callable[[], None]) -> _Swept:
        envelopes, registers, state = start.envelopes, start.registers, start.state
        for sweep in range(n_sweeps):
            previous = state
            used = envelopes, registers
            state, cost = self._decode(*used, step, previous, sweep)
            observed = self._observe(state, envelopes)
            envelopes = self._envelopes(observed)
            free = sweep + 1 < start.free_sweeps
            # Other pairs may still have something to say where not all are decoded in every sweep.
            converged = not self.voices.chords and previous is not None and torch.equal(previous.choice, state.choice)
            if converged and not free and registers is not None:
                break
            if self._enough():
                break
            registers = None if free else self._registers(observed)
        assert state is not None
        return _Swept(state, cost, observed, *used)

    def _improve(self, start: _Start, step: Callable[[], None]) -> Explanation:
        swept = self._sweep(start, start.free_sweeps + self.settings.sweeps, step)
        return self._explanation(swept, start.name, step)

    def _heard(self, step: Callable[[], None]) -> Explanation:
        """Tones of all sources together: who plays them is left to the notes."""
        plain = [plain_envelope(self.settings.plain_decay)] * self.n_sources
        state = self._anybody(plain, step)
        return self._explanation(_Swept(state, 0.0, self._observe(state, plain), plain, None), "anybody", step)

    def _explanation(self, swept: _Swept, name: str, step: Callable[[], None]) -> Explanation:
        state = self._with_tails(swept, step)
        chosen = self.evidence.candidates.f0_bin.gather(1, (state.choice - 1).clamp_min(0))
        f0 = torch.where(state.choice > 0, chosen, 0.0).T
        amplitude = torch.where(state.choice > 0, state.amplitude, 0.0).T
        order = high_to_low(f0, self.voices)
        f0, amplitude = f0.gather(0, order), amplitude.gather(0, order)
        return Explanation(f0, amplitude, _mean_rows(swept.observed), swept.cost, name)

    def _mean_envelopes(self, f0_bin: Tensor, amplitude: Tensor) -> Tensor:
        """Of tones that are candidates of their frames, (n_voices, n_frames); (n_sources, n_harmonics)."""
        return _mean_rows(self._learned(self._state_of(f0_bin, amplitude))[0])

    def _state_of(self, f0_bin: Tensor, amplitude: Tensor) -> State:
        """Tones that are candidates of their frames, (n_voices, n_frames)."""
        distance = (self.evidence.candidates.f0_bin[:, None] - f0_bin.T[:, :, None]).abs()
        return State(torch.where(f0_bin.T > 0, distance.argmin(dim=2) + 1, 0), amplitude.T.contiguous())

    def _learned(self, state: State) -> tuple[list[ToneObservations], list[Tensor]]:
        """What tones say of the envelopes, when nothing was known of them before."""
        envelopes = [plain_envelope(self.settings.plain_decay)] * self.n_sources
        for _ in range(2):
            observed = self._observe(state, envelopes)
            envelopes = self._envelopes(observed)
        return observed, envelopes

    def _heard_again(self, f0_bin: Tensor, amplitude: Tensor, held: bool, step: Callable[[], None]) -> Explanation:
        """Tones of sources that are told apart, searched once more with what each of them is made of.

        Parameters
        ----------
        f0_bin, amplitude : Tensor, shape (n_voices, n_frames)
        held : bool
            Whether no source may have a note that only another has.
        """
        state = self._state_of(f0_bin, amplitude)
        observed, envelopes = self._learned(state)
        costs = self._tone_costs(None)
        if held:
            own = [
                torch.stack([around_path(self.pitches, state.choice[:, voice]) for voice in self.voices.of(source)])
                for source in range(self.n_sources)
            ]
            has = torch.stack([places.any(dim=0) for places in own])
            costs = [cost.masked_fill(has.any(dim=0) & ~has[source], IMPOSSIBLE) for source, cost in enumerate(costs)]
        for sweep in range(self.settings.sweeps_again):
            used, pairs = envelopes, self.voices.pairs(sweep)
            state, _ = decode(self.fresh, used, self.voices.sources, pairs, self._by_voice(costs), state, step)
            observed = self._observe(state, used)
            envelopes = self._envelopes(observed)
        return self._explanation(_Swept(state, 0.0, observed, used, None), "anybody", step)

    def _decode(
        self,
        envelopes: Sequence[Tensor],
        registers: Sequence[Tensor] | None,
        step: Callable[[], None],
        state: State | None = None,
        sweep: int = 0,
    ) -> tuple[State, float]:
        if state is None:
            state = silence(len(self.pitches), len(self.voices))
        costs = self._by_voice(self._tone_costs(registers))
        return decode(self.fresh, envelopes, self.voices.sources, self.voices.pairs(sweep), costs, state, step)

    def _with_tails(self, swept: _Swept, step: Callable[[], None]) -> State:
        """The same notes, each as long as all the sound says."""
        costs = [
            cost.masked_fill(~around_path(self.pitches, swept.state.choice[:, voice]), IMPOSSIBLE)
            for voice, cost in enumerate(self._by_voice(self._tone_costs(swept.registers)))
        ]
        # Two rounds: one voice rests in each if they are odd.
        pairs = self.voices.pairs(0) + (self.voices.pairs(1) if self.voices.chords else [])
        return decode(self.evidence, swept.envelopes, self.voices.sources, pairs, costs, swept.state, step)[0]

    def _by_voice(self, of_sources: Sequence[Tensor]) -> list[Tensor]:
        return [of_sources[source] for source in self.voices.sources]

    def _tone_costs(self, registers: Sequence[Tensor] | None) -> list[Tensor]:
        plain = torch.full_like(self.pitches, self.settings.tone_cost * min(1.0, 2 / len(self.voices)) ** 2)
        if registers is None:
            return [plain] * self.n_sources
        place = self.pitches.round().long()
        return [plain + row[place] for row in registers]

    def _observe(self, state: State, envelopes: Sequence[Tensor]) -> list[ToneObservations]:
        return observe(self.fresh, envelopes, self.voices, state, self.settings.envelopes.largest)

    def _envelopes(self, observed: Sequence[ToneObservations]) -> list[Tensor]:
        return [envelopes_from(entry, self.settings.envelopes) for entry in observed]

    def _registers(self, observed: Sequence[ToneObservations]) -> list[Tensor]:
        return register_costs(observed, self.settings.register_weight)

    def _by_pitch(self, state: State, order: Sequence[int]) -> State:
        """Frames with a tone for every source, shared out from high to low in an order; the other frames silent."""
        pitch = self.pitches.gather(1, (state.choice - 1).clamp_min(0))
        pitch = torch.where(state.choice > 0, pitch, -1.0)
        places = pitch.argsort(dim=1, descending=True)
        choice, amplitude = state.choice.gather(1, places), state.amplitude.gather(1, places)
        shared = silence(*choice.shape)
        count = (state.choice > 0).sum(dim=1)
        for size in range(self.n_sources, len(self.voices) + 1):
            frames = (count == size).nonzero()
            voices = torch.tensor(self.voices.from_above(order, size))
            shared.choice[frames, voices] = choice[frames, torch.arange(size)]
            shared.amplitude[frames, voices] = amplitude[frames, torch.arange(size)]
        return shared


def _tones_of(explanation: Explanation) -> Tones:
    return Tones(explanation.f0_bin.double().numpy(), explanation.amplitude.double().numpy())


def _mean_rows(observed: Sequence[ToneObservations]) -> Tensor:
    """Mean harmonic envelopes of sources, largest entry 1, shape (n_sources, n_harmonics)."""
    rows = []
    for entry in observed:
        root = (entry.weight * entry.root).sum(dim=0) / entry.weight.sum(dim=0).clamp_min(_TINY)
        rows.append(root.square() / root.square().amax().clamp_min(_TINY))
    return torch.stack(rows)
