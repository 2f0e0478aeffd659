"""A run from its recordings to its end without anybody who watches: one job of many."""

from __future__ import annotations

from bsep_stream.files.outputlock import locked_folder
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.runs.device import resolve_device
from bsep_stream.train.runs.race import Unwatched, finish_race, race_is_open
from bsep_stream.train.runs.request import RunRequest
from bsep_stream.train.runs.start import resume_training


def train_unattended(request: RunRequest) -> RunInfo:
    """Begin a run and train it to its end; where its folder holds one (of a dead worker), that one goes on."""
    with locked_folder(request.output):
        return _train(request)


def _train(request: RunRequest) -> RunInfo:
    folder = RunFolder(request.output)
    if not folder.config_path.exists() and not folder.race_path.exists():
        training = request.begin()
        if training is not None:
            return training.run(Unwatched())
    if race_is_open(request.output):
        finish_race(request.output)
    info = folder.read_info()
    return (
        info
        if info.finished
        else resume_training(request.output, device=resolve_device(request.device)).run(Unwatched())
    )
