"""One step of a model on trial: with bounded memory, and as much time as the slowest machine needs for ours.

Sizes in a graph do not depend on the sound (:mod:`bsep_stream.model.modelrules`), so what one step takes, every step
takes. The trial takes every operation as it stands; ONNX Runtime works out ahead, without asking how much that is, only
what has passed.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bsep_stream.errors import ModelError
from bsep_stream.trust.shown import shown

if TYPE_CHECKING:
    import onnxruntime

MOST_MEMORY_BYTES = 512 * 2**20
"""Of what a step has at once, weights included; the largest preset needs a fifth of it."""
MOST_SECONDS = 5.0
"""Of a step; the largest preset takes 0.2 s on a slow processor."""


USUAL_PROVIDERS = ("CPUExecutionProvider",)


def open_session(
    content: bytes, *, on_trial: bool, providers: Sequence[Any] = USUAL_PROVIDERS
) -> onnxruntime.InferenceSession:
    """A session on one thread, for batches of one.

    Parameters
    ----------
    content : bytes
        Of the ONNX file.
    on_trial : bool
        With bounded memory, and with nothing worked out ahead.
    providers : sequence
        Execution providers; bits are promised for the processor only.

    Raises
    ------
    ModelError
        If there is none for it; the message is for the middle of a sentence.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_free_dimension_override_by_name("batch", 1)  # all sizes are known, and memory is planned once
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 4  # its errors arrive as exceptions; the warnings are about the exporter
    # Weights in memory of their own, not in the arena of what passes through: a step is faster (docs/laboratory.md).
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    if on_trial:
        _bound_memory()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.use_env_allocators", "1")
    try:
        return onnxruntime.InferenceSession(content, options, providers=list(providers))
    except Exception as error:
        raise ModelError(_reason(error)) from error


def try_step(session: onnxruntime.InferenceSession, feed: dict[str, NDArray[Any]], outputs: tuple[str, ...]) -> Any:
    """Outputs of a step of a session on trial.

    Raises
    ------
    ModelError
        If it cannot be run, needs too much memory or takes too long; the message is for the middle of a sentence.
    """
    import onnxruntime

    options = onnxruntime.RunOptions()
    options.log_severity_level = 4
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")  # given back at once
    alarm = threading.Timer(MOST_SECONDS, setattr, (options, "terminate", True))
    alarm.daemon = True
    alarm.start()
    try:
        return session.run(outputs, feed, options)
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        raise ModelError(_reason(error)) from error
    finally:
        alarm.cancel()


def _reason(error: Exception) -> str:
    text = str(error)
    if "terminate flag" in text:
        return f"a step takes longer than {MOST_SECONDS:g} s"
    if "allocat" in text or "memory" in text.lower():
        return f"a step needs more than {MOST_MEMORY_BYTES / 2**20:.0f} MB"
    return shown((text.strip().splitlines() or [type(error).__name__])[0])[:160]


@cache
def _bound_memory() -> None:
    """Once a process: an allocator for all trials, which gives no more than :data:`MOST_MEMORY_BYTES`."""
    import onnxruntime

    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    bounds = onnxruntime.OrtArenaCfg({"max_mem": MOST_MEMORY_BYTES, "arena_extend_strategy": 1})
    onnxruntime.create_and_register_allocator(place, bounds)
