"""First in, first out, against a plain list."""

from __future__ import annotations

import numpy as np
import pytest

from bsep_stream.stream.samplequeue import SampleQueue


@pytest.mark.parametrize("delay", [0, 1, 100])
@pytest.mark.parametrize("capacity", [1, 64, 10_000])
def test_keeps_the_order_whatever_comes(rng: np.random.Generator, delay: int, capacity: int) -> None:
    queue = SampleQueue((2, 3), delay, capacity)
    for _ in range(2):
        expected = np.zeros((2, 3, delay), dtype=np.float32)
        for _ in range(200):
            new = rng.standard_normal((2, 3, rng.integers(0, 150))).astype(np.float32)
            queue.push(new)
            expected = np.concatenate([expected, new], axis=-1)
            out = np.empty((2, 3, rng.integers(0, len(queue) + 1)), dtype=np.float32)
            queue.pop(out)
            assert np.array_equal(out, expected[..., : out.shape[-1]])
            expected = expected[..., out.shape[-1] :]
            assert len(queue) == expected.shape[-1]
        queue.reset()


def test_more_than_waits_cannot_be_taken() -> None:
    queue = SampleQueue((1,), 3)
    with pytest.raises(AssertionError, match="latency is too small"):
        queue.pop(np.empty((1, 4), dtype=np.float32))
