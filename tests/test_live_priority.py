"""Real-time priority: taken where the system allows it, for threads that are started meanwhile, and given back."""

from __future__ import annotations

import os
import threading

import pytest

from bsep_stream.live.devices.priority import PRIORITY, real_time_priority


@pytest.mark.skipif(not hasattr(os, "sched_setscheduler"), reason="this system has no such call")
def test_threads_have_it_if_it_is_allowed() -> None:
    before = os.sched_getscheduler(0)
    seen: list[int] = []
    with real_time_priority() as allowed:
        thread = threading.Thread(target=lambda: seen.append(os.sched_getscheduler(0)))
        thread.start()
        thread.join()
    assert (seen == [os.SCHED_RR]) == allowed
    assert os.sched_getscheduler(0) == before


@pytest.mark.parametrize("error", [PermissionError(1, "not permitted"), AttributeError("no such call")])
def test_a_system_that_does_not_allow_it_is_no_failure(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> None:
        raise error

    monkeypatch.setattr(os, "sched_setscheduler", refuse, raising=False)
    with real_time_priority() as allowed:
        assert not allowed


def test_it_stays_below_the_callbacks_of_a_sound_server() -> None:
    assert 0 < PRIORITY < 10
