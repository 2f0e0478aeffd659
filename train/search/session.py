"""The search over a whole session: decode all frames, learn the envelopes, and again, from several starts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from bsep_stream.train.search.explanation import Explanation, Played
from bsep_stream.train.search.hearing import Hearing, Step, Swept
from bsep_stream.train.search.players.notes import Notes
from bsep_stream.train.search.settings import SearchSettings
from bsep_stream.train.search.starts import Start, find_starts
from bsep_stream.train.search.subharmonics import raised
from bsep_stream.train.search.visited import Place, Visited
from bsep_stream.train.search.voices import Voices
from bsep_stream.train.search.whoplays import Given, Pace, Unexplained, WhoPlays, notes_of
from bsep_stream.train.session.sides import Sides

FRAME_SECONDS = 1_024 / 48_000
"""From frame to frame, if nothing else is said."""


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
        given: Given | None = None,
        frame_seconds: float = FRAME_SECONDS,
        unexplained: Unexplained | None = None,
        on_step: Step | None = None,
        enough: Callable[[], bool] | None = None,
        sides: Sides | None = None,
    ) -> Played:
        """One of some explanations, its tones shared out among the players note by note.

        Parameters
        ----------
        sigma_bins : float
            Width of a peak.
        explanations : sequence of Explanation
            The cheapest first. Who plays what in the others is tried as well.
        given : callable, optional
            Players that are known: gets the notes, returns a source for each; -1 where it does not know.
        frame_seconds : float
            From frame to frame.
        unexplained : callable, optional
            What tones, shape (n_voices, n_frames), leave unexplained of the sound, as a share of it. Without it the
            cheapest explanation is taken.
        on_step : callable, optional
            Called after every decision and every decoding of a pair of voices.
        enough : callable, optional
            Whether to end with what there is.
        sides : Sides, optional
            Of a stereo recording: where notes come from.
        """
        pace = Pace(on_step or (lambda: None), enough or (lambda: False))
        whoplays = WhoPlays(self.hearing, self.moduli, self.cuts, sigma_bins, frame_seconds, given, pace, sides)
        if self.voices.accompanied:
            return whoplays.accompanied(explanations[0])
        return whoplays.alone(explanations, unexplained)

    def notes_of(self, explanation: Explanation) -> Notes:
        """Its tones, cut into notes."""
        return notes_of(explanation, self.cuts, self.voices)

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
