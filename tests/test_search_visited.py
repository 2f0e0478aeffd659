"""Starts of a search that come to where another has been."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.search.visited import SAME_SHARE, Place, Visited
from bsep_stream.train.search.voices import Voices

N_FRAMES = 1_000


def _choices(seed: int, n_voices: int = 2) -> torch.Tensor:
    return torch.randint(1, 9, (N_FRAMES, n_voices), generator=torch.Generator().manual_seed(seed))


def _visited(limits: tuple[int, ...], choice: torch.Tensor) -> Visited:
    visited = Visited(Voices(limits))
    visited.add([Place(choice, by_timbre_next=True)])
    return visited


@pytest.mark.parametrize("by_timbre", [True, False])
def test_a_place_is_known_when_the_way_from_it_is_the_same(by_timbre: bool) -> None:
    choice = _choices(0)
    assert _visited((1, 1), choice).met(Place(choice.clone(), by_timbre)) is by_timbre


@pytest.mark.parametrize(("factor", "met"), [(0.9, True), (1.1, False)])
def test_a_few_other_frames_make_no_other_place(factor: float, met: bool) -> None:
    choice = _choices(0)
    other = choice.clone()
    other[: round(factor * SAME_SHARE * N_FRAMES), 0] += 10
    assert _visited((1, 1), choice).met(Place(other, True)) is met


def test_silence_does_not_count() -> None:
    choice = _choices(0)
    choice[10:] = 0
    other = choice.clone()
    other[0] += 10
    assert not _visited((1, 1), choice).met(Place(other, True))


@pytest.mark.parametrize(("limits", "order", "met"), [((1, 1), [1, 0], True), ((1, 2), [1, 0, 2], False)])
def test_players_may_have_changed_names_if_each_could_be_the_other(
    limits: tuple[int, ...], order: list[int], met: bool
) -> None:
    choice = _choices(0, sum(limits))
    assert _visited(limits, choice).met(Place(choice[:, order], True)) is met


def test_starts_that_meet_give_one_explanation() -> None:
    """Two tones that stay: whatever the start, there is only one thing to find."""
    bins = torch.arange(400.0)
    partials = [(30.0 * h, 0.8**h) for h in range(1, 8)] + [(41.7 * h, 0.6**h) for h in range(1, 6)]
    moduli = torch.stack([height * torch.exp(-0.5 * ((bins - place) / 1.2) ** 2) for place, height in partials])
    session = moduli.sum(dim=0).repeat(40, 1)
    search = SessionSearch(session, 2, 10.0, 200.0, torch.zeros(40, dtype=torch.bool))
    assert len(search.explain()) < 3  # of five starts
