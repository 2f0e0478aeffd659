"""Which xruns are ours, by the times at which a JACK server's blocks come."""

from __future__ import annotations

import numpy as np
import pytest

from bsep_stream.live.devices.xruns import OwnXruns

RATE, PERIOD, N_BLOCKS, AT = 48_000, 256, 200, 100
LATEST = 0.2  # of a period: so late after its beginning a client is called, at most


def faults(rng: np.random.Generator, period: np.ndarray, flagged: list[int], size: int = PERIOD) -> int:
    """Count those of a stream whose blocks come in these periods of the server, each a little after its beginning."""
    xruns = OwnXruns(RATE)
    seconds = (1e6 + period + LATEST * rng.random(period.size)) * size / RATE
    return sum(xruns.count(time, size, i in flagged) for i, time in enumerate(seconds))


@pytest.mark.parametrize("size", [32, PERIOD, 4096])
def test_xrun_of_somebody_else_is_not_counted(rng: np.random.Generator, size: int) -> None:
    assert faults(rng, np.arange(N_BLOCKS), [0, AT, AT + 1, AT + 50], size) == 0


@pytest.mark.parametrize("news", [-2, 0, 1, 5])
@pytest.mark.parametrize("what", ["a period did not come", "late and then two at once", "one period twice"])
def test_irregular_block_of_ours_is_counted(rng: np.random.Generator, what: str, news: int) -> None:
    period = np.arange(N_BLOCKS)
    if what == "a period did not come":
        period[AT:] += 1
    elif what == "late and then two at once":
        period[AT] += 1
    else:
        period[AT:] -= 1
    assert faults(rng, period, [AT + news]) == 1
    assert faults(rng, period, [AT + news, AT + news + 1]) == 2
    assert faults(rng, period, [AT + news + 50]) == 0


def test_server_that_is_late_for_all_is_counted(rng: np.random.Generator) -> None:
    period = np.arange(N_BLOCKS)
    for lost in (40, 90, 140):
        period[lost:] += 10
    assert faults(rng, period, [40, 90, 140]) == 3
