"""Many sessions at once: a run for each recording."""

from __future__ import annotations

from dataclasses import replace

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.filenames import folded, real
from bsep_stream.files.jobs import run_jobs
from bsep_stream.files.stempaths import folder_name
from bsep_stream.plain import pasteable, path_word
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs.request import RunRequest
from bsep_stream.train.runs.unattended import train_unattended
from bsep_stream.trust.terminal import say


def train_each(request: RunRequest, *, workers: int = 1, scheduler: str | None = None, resume: bool = False) -> None:
    """Train a run for every recording, in a folder of its name below the output, and say what became of each.

    Parameters
    ----------
    request : RunRequest
        Its recordings are sessions of their own.
    workers, scheduler : int, str or None
        See :func:`bsep_stream.files.jobs.run_jobs`.
    resume : bool
        Runs that are there go on; else they are refused.

    Raises
    ------
    ConfigError, RunError
        If two recordings have one name or a run is there; or, after the others have ended, if one could not be made.
    """
    folders = {folder_name(path): real(request.output) / folder_name(path) for path in request.recordings}
    if len(set(map(folded, folders))) < len(request.recordings):
        raise ConfigError("two recordings have the same name and would share a folder: rename one of them")
    for folder in folders.values() if not resume else ():
        RunFolder(folder).refuse_existing()
    init = None if request.init is None else real(request.init)
    jobs = {
        name: (replace(request, recordings=[real(path)], output=folders[name], init=init),)
        for name, path in zip(folders, request.recordings, strict=True)
    }
    failed = []
    for outcome in run_jobs(train_unattended, jobs, workers=workers, scheduler=scheduler):
        if outcome.result is None:
            failed.append(outcome.name)
            say(f"{outcome.name}: {outcome.error}", err=True)
            continue
        if not outcome.result.iterations:
            failed.append(outcome.name)
            say(f"{outcome.name}: nothing was trained, its time was over before; give more --minutes", err=True)
            continue
        say(f"{outcome.name}: {outcome.result.iterations} iterations")
        for sentence in RunFolder(folders[outcome.name]).read_sentences():
            say(f"{outcome.name}: {sentence}")
    made = [name for name in jobs if name not in failed]
    if made:
        following = pasteable(
            ["bsep", "export", path_word(request.output / made[0]), "--output", path_word(f"{made[0]}.onnx")]
        )
        say(f"next: {following}")
    if failed:
        raise RunError(f"{len(failed)} of {len(jobs)} runs could not be made: {', '.join(failed)}; see above")
