"""The frames of a session as every sweep of a search hears them: their tones, and what these say of the sources."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bsep_stream.train.search.candidates import find_candidates
from bsep_stream.train.search.decoding import FrameEvidence, State, decode, silence
from bsep_stream.train.search.envelopes import PitchScale, ToneObservations, envelopes_from, plain_envelope
from bsep_stream.train.search.explanation import Explanation, mean_envelopes
from bsep_stream.train.search.observations import observe
from bsep_stream.train.search.pairs import IMPOSSIBLE
from bsep_stream.train.search.peaks import pick_peaks
from bsep_stream.train.search.registers import register_costs
from bsep_stream.train.search.ringing import Ringing
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.tails import until_next, without_tails
from bsep_stream.train.search.voices import Voices, high_to_low

_TINY = 1e-12

Step = Callable[[], None]
"""Called after every decoding of a pair of voices."""


class Swept(NamedTuple):
    """Where sweeps have come: what the last one found, and by which envelopes and registers."""

    state: State
    cost: float
    observed: list[ToneObservations]
    envelopes: list[Tensor]
    registers: list[Tensor] | None


class Hearing:
    """The frames of a session and everything about them that does not depend on the instruments.

    Parameters
    ----------
    moduli : Tensor, shape (n_frames, n_bins)
        Modulus spectra of frames in their order.
    lowest_bin, highest_bin : float
        Range of f0.
    cuts : Tensor, shape (n_frames,), bool
        True where a frame does not continue the one before.
    voices : Voices
    settings : SearchSettings

    Attributes
    ----------
    n_sources : int
    pitches : Tensor, shape (n_frames, n_candidates)
        Of the candidates, in semitones.
    plain : list of Tensor, shape (N_SEMITONES, n_harmonics)
        Envelopes of sources that nothing is known about.
    evidence, fresh : FrameEvidence
        Of all that sounds, and of what is new in it and does not just ring on.
    """

    def __init__(
        self,
        moduli: Tensor,
        lowest_bin: float,
        highest_bin: float,
        cuts: Tensor,
        voices: Voices,
        settings: SearchSettings,
    ) -> None:
        self.voices, self.settings = voices, settings
        self.n_sources = len(voices.limits)
        self.plain = [plain_envelope(settings.plain_decay)] * self.n_sources
        peaks = pick_peaks(moduli)
        candidates = find_candidates(peaks, moduli.shape[1], lowest_bin, highest_bin)
        self.pitches = PitchScale(lowest_bin).semitones(candidates.f0_bin)
        total = peaks.moduli.sum(dim=1)
        self.evidence = FrameEvidence(
            peaks,
            candidates,
            self.pitches,
            level=total + settings.quiet_share * total.mean() + _TINY,
            transitions=settings.transitions.between(candidates.f0_bin, cuts),
        )
        self._ringing = Ringing(self.evidence, moduli.numpy(), voices, cuts.numpy())
        self.fresh = self.evidence._replace(peaks=without_tails(peaks, moduli, cuts))

    def decode(
        self,
        envelopes: Sequence[Tensor],
        registers: Sequence[Tensor] | None,
        step: Step,
        state: State | None = None,
        sweep: int = 0,
        behind: Tensor | None = None,
    ) -> tuple[State, float]:
        """Tones by envelopes and registers, from a state or from silence, and their mean cost of a frame."""
        if state is None:
            state = silence(len(self.pitches), len(self.voices))
        return self.decode_by(self.tone_costs(registers), envelopes, step, state, sweep, behind)

    def decode_by(
        self,
        costs: Sequence[Tensor],
        envelopes: Sequence[Tensor],
        step: Step,
        state: State,
        sweep: int,
        behind: Tensor | None = None,
    ) -> tuple[State, float]:
        """The same where what a tone costs is known, (n_frames, n_candidates) for every source."""
        pairs = self.voices.pairs(sweep)
        return decode(self.fresh, envelopes, self.voices.sources, pairs, self._by_voice(costs), state, step, behind)

    def anybody(self, step: Step) -> State:
        """Tones, when nothing is known of who plays them."""
        state = None
        for sweep in range(len(self.voices) if self.voices.chords else 1):
            state, _ = self.decode(self.plain, None, step, state, sweep)
        assert state is not None
        return state

    def behind(self, state: State, envelopes: Sequence[Tensor]) -> Tensor | None:
        """What rings on of the notes of a state, in what is new, (n_frames, n_peaks); None: nothing."""
        rung = self._ringing.behind(state, envelopes)
        if rung is None:
            return None
        return rung * (self.fresh.peaks.moduli / self.evidence.peaks.moduli.clamp_min(_TINY))

    def observe(
        self, state: State, envelopes: Sequence[Tensor], behind: Tensor | None = None
    ) -> list[ToneObservations]:
        """What tones say of the harmonics of every source."""
        return observe(self.fresh, envelopes, self.voices, state, self.settings.envelopes.largest, behind)

    def envelopes(self, observed: Sequence[ToneObservations]) -> list[Tensor]:
        """Envelopes of the sources at every pitch, each (N_SEMITONES, n_harmonics)."""
        return [envelopes_from(entry, self.settings.envelopes) for entry in observed]

    def registers(self, observed: Sequence[ToneObservations]) -> list[Tensor]:
        """What every pitch costs every source."""
        return register_costs(observed, self.settings.register_weight)

    def tone_costs(self, registers: Sequence[Tensor] | None) -> list[Tensor]:
        """What a tone on a candidate costs every source, each (n_frames, n_candidates)."""
        plain = torch.full_like(self.pitches, self.settings.tone_cost * min(1.0, 2 / len(self.voices)) ** 2)
        if registers is None:
            return [plain] * self.n_sources
        place = self.pitches.round().long()
        return [plain + row[place] for row in registers]

    def explanation(self, swept: Swept, name: str, step: Step) -> Explanation:
        """Explanation by the tones of a sweep, with their tails."""
        state = self._with_tails(swept, step)
        chosen = self.evidence.candidates.f0_bin.gather(1, (state.choice - 1).clamp_min(0))
        f0 = torch.where(state.choice > 0, chosen, 0.0).T
        amplitude = torch.where(state.choice > 0, state.amplitude, 0.0).T
        order = high_to_low(f0, self.voices)
        f0, amplitude = f0.gather(0, order), amplitude.gather(0, order)
        return Explanation(f0, amplitude, mean_envelopes(swept.observed), swept.cost, name)

    def _with_tails(self, swept: Swept, step: Step) -> State:
        """The same notes, each as long as all the sound says."""
        costs = [
            cost.masked_fill(~until_next(self.pitches, swept.state.choice[:, voice]), IMPOSSIBLE)
            for voice, cost in enumerate(self._by_voice(self.tone_costs(swept.registers)))
        ]
        # Two rounds: one voice rests in each if they are odd.
        pairs = self.voices.pairs(0) + (self.voices.pairs(1) if self.voices.chords else [])
        behind = self._ringing.behind(swept.state, swept.envelopes)
        return decode(self.evidence, swept.envelopes, self.voices.sources, pairs, costs, swept.state, step, behind)[0]

    def _by_voice(self, of_sources: Sequence[Tensor]) -> list[Tensor]:
        return [of_sources[source] for source in self.voices.sources]
