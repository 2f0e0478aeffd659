"""Checkpoints: safetensors files (no pickle) that appear whole or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bsep_stream.errors import RunError
from bsep_stream.files.atomic import whole_file
from bsep_stream.trust.records import record
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import Fail, json_object

FORMAT_VERSION = 1
_KEY = "bsep_stream"


@dataclass(frozen=True)
class Checkpoint:
    """All that a bit-exact continuation needs.

    Parameters
    ----------
    tensors : dict of str to Tensor
        State of the learner.
    frame_state : str
        State of the source of frames.
    iterations : int
        Done so far.
    seconds : float
        Spent so far, over all parts of the run.
    format_version : int
    mixture_costs : list of [int, float]
        Iterations at which the run was assessed, and what came out.
    stages : list of dict
        Of :class:`bsep_stream.train.learning.runinfo.StageGain`, those that have begun.
    """

    tensors: dict[str, Tensor]
    frame_state: str
    iterations: int
    seconds: float
    format_version: int = FORMAT_VERSION
    mixture_costs: list[list[float]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class _Written:
    """What it says beside its tensors."""

    frame_state: str
    iterations: int
    seconds: float
    format_version: int
    mixture_costs: tuple[tuple[float, float], ...] = ()
    stages: tuple[dict[str, Any], ...] = ()


MOST_ITERATIONS, MOST_SECONDS = 10**9, 1e9


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; an older one at ``path`` stays whole until the new one is.

    Raises
    ------
    OSError
        If it cannot be written, for example because the disk is full.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    values = {name: value for name, value in vars(checkpoint).items() if name != "tensors"}
    try:
        with whole_file(path) as temporary:
            save_file(tensors, temporary, metadata={_KEY: json.dumps(values)})
    except SafetensorError as error:  # this is how it reports a full disk
        raise OSError(_first_line(error)) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    RunError
        If there is none, it is damaged, or it was written by a newer version.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: the folder is not a training run, or it never started; train anew")
    fail = Fail(RunError, f"{path} is damaged (it", "): restore it or train anew")
    try:
        with safe_open(path, framework="pt") as file:
            values = json_object((file.metadata() or {})[_KEY], fail)
            version = values.get("format_version")
            if isinstance(version, int) and version > FORMAT_VERSION:
                raise RunError(
                    f"{path} has format version {brief(version)}, this bsep-stream reads up to {FORMAT_VERSION}: "
                    "update bsep-stream"
                )
            written = record(_Written, values, "the checkpoint")
            if not (0 <= written.iterations <= MOST_ITERATIONS and 0.0 <= written.seconds <= MOST_SECONDS):
                raise fail(f"is of iteration {brief(written.iterations)}, after {brief(written.seconds)} s")
            costs = [list(each) for each in written.mixture_costs]
            values = {**vars(written), "mixture_costs": costs, "stages": list(written.stages)}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            for name, tensor in tensors.items():
                if tensor.is_floating_point() and not tensor.isfinite().all():
                    raise fail(f"holds numbers that are not finite in {brief(name)}")
            return Checkpoint(tensors=tensors, **values)
    except RunError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, OverflowError, RuntimeError) as error:
        raise RunError(f"{path} is damaged ({_first_line(error)}): restore it or train anew") from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
