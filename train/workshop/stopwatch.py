"""``python -m bsep_stream.train.workshop.stopwatch``: from the click to the first stems of the demo's recording.

What the studio does behind the button, in a folder that goes away, or in ``--keep FOLDER``.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import click

from bsep_stream.demo import MIX, SOURCE_NAMES
from bsep_stream.errors import RunError
from bsep_stream.studio.sessionfolder import FIRST, SessionFolder
from bsep_stream.studio.sessions import Sessions, add_recording, change, keep_recording
from bsep_stream.studio.training import Trainings
from bsep_stream.trust.terminal import say

GLANCE_SECONDS = 0.05


@click.command()
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder of sessions to make it in.")
def main(keep: Path | None) -> None:
    """Begin a training of the demo's recording; print when its first stems are there, and what they cost."""
    with ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bsep-")))
        folder = demo_session(place)
        trainings = Trainings()
        stack.callback(trainings.close)
        for phase, seconds in first_stems(trainings, folder).items():
            say(f"{phase:12} {seconds:6.2f} s")


def demo_session(place: Path) -> SessionFolder:
    """A session with the recording that is shipped, as the page makes it."""
    folder = Sessions(place).create("Demo duet")
    target = add_recording(folder, "duet.flac")
    shutil.copyfile(MIX, target)
    keep_recording(folder, target)
    change(folder, {"sources": [{"name": name, "tones": 1} for name in SOURCE_NAMES]})
    return folder


def first_stems(trainings: Trainings, folder: SessionFolder) -> Mapping[str, float]:
    """Seconds of every phase until there were first stems, of all of them, and of the CPU; then the training is paused.

    Raises
    ------
    RunError
        If the training fails.
    """
    glance = threading.Event()
    began = now = time.monotonic()
    cpu = children_seconds()
    trainings.start(folder)
    taken: dict[str, float] = {}
    while True:
        state = trainings.state(folder)
        before, now = now, time.monotonic()
        if FIRST in state["versions"]:
            break
        if state["phase"] == "failed":
            raise RunError(str(state["message"]))
        taken[state["phase"]] = taken.get(state["phase"], 0.0) + now - before
        glance.wait(GLANCE_SECONDS)
    whole = time.monotonic() - began
    trainings.order(folder, "pause")
    trainings.close()
    return {**taken, "first stems after": whole, "CPU, all of it": children_seconds() - cpu}


def children_seconds() -> float:
    """CPU time of processes that were begun here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


if __name__ == "__main__":
    main()
