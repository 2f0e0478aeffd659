"""Many recordings through one model: each is a job, and a bad one harms no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bsep_stream.errors import AudioError, BsepError
from bsep_stream.filenames import real
from bsep_stream.files.containers.unseekable import reads_once
from bsep_stream.files.jobs import require_engine, run_jobs
from bsep_stream.files.separation import SeparatedFile, separate_file
from bsep_stream.files.stempaths import planned_paths, stem_files
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.words import RESIDUAL

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack


@dataclass(frozen=True)
class RecordingOutcome:
    """What became of a recording: ``separated``, ``failed``, or neither, as its files were there."""

    recording: Path
    paths: Mapping[str, Path]
    """Where its stems are, or would be, by name."""
    separated: SeparatedFile | None = None
    error: BsepError | None = None

    @property
    def status(self) -> str:
        """``separated``, ``failed`` or ``skipped``."""
        return "failed" if self.error else "separated" if self.separated else "skipped"

    def to_dict(self) -> dict[str, Any]:
        """For JSON: recording, status, stems, and what is known beside."""
        values: dict[str, Any] = {"recording": str(self.recording), "status": self.status}
        if self.error is not None:
            return {**values, "error": str(self.error)}
        values["stems"] = {name: str(path) for name, path in self.paths.items()}
        if self.separated is not None:
            values["n_samples"] = self.separated.n_samples
            values["n_clipped"] = dict(self.separated.n_clipped)
            values["warnings"] = list(self.separated.warnings)
        return values


def separate_files(
    model: SeparationModel,
    recordings: Sequence[Path],
    folder: Path,
    *,
    audio_format: str = "wav",
    residual: bool = True,
    rack: Rack | None = None,
    overwrite: bool = False,
    resume: bool = False,
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int], object] | None = None,
    **options: Any,
) -> Iterator[RecordingOutcome]:
    """Separate recordings; the files are those of :func:`~bsep_stream.files.separation.separate_file`, bit for bit.

    Parameters
    ----------
    model : SeparationModel
    recordings : sequence of Path
    folder : Path
        Of the stems; with several recordings each gets a folder of its name in it.
    audio_format, residual, rack, overwrite, **options
        As for :func:`~bsep_stream.files.separation.separate_file`.
    resume : bool
        Recordings whose files are all there are left out; those of which only some are there are done again.
    workers, scheduler : int, str or None
        As for :func:`~bsep_stream.files.jobs.run_jobs`.
    progress : callable, optional
        Called with the number of samples of every block that is done; only with one worker and no scheduler.

    Returns
    -------
    iterator of RecordingOutcome
        First those that were left out, then the others in the order in which they end.

    Raises
    ------
    AudioError, ConfigError, MissingDependency
        Before anything begins: if files exist or would be written twice, the rack names other stems, or jobs cannot
        be done like this. What is wrong with one recording is its outcome.
    """
    require_engine(workers, scheduler)
    if rack is not None:
        rack.check((*model.source_names, RESIDUAL))
    names = stem_files(model, residual=residual, remix=rack is not None)
    plan = planned_paths(recordings, folder, names, audio_format, overwrite=overwrite or resume)
    planned = list(zip(map(Path, recordings), plan, strict=True))
    there = [resume and all(path.exists() for path in paths.values()) for _, paths in planned]
    left_out = [RecordingOutcome(*each) for each, skip in zip(planned, there, strict=True) if skip]
    wanted = {str(path): (path, paths) for (path, paths), skip in zip(planned, there, strict=True) if not skip}

    if not (scheduler is None and min(workers, len(wanted)) <= 1):
        for path, _ in wanted.values():
            if reads_once(path):
                raise AudioError(f"{path} can be read by this process only: leave out --jobs and --scheduler")
    here = scheduler is None and min(workers, len(wanted)) <= 1
    work = partial(
        separate_file,
        audio_format=audio_format,
        residual=residual,
        rack=rack,
        overwrite=overwrite or resume,
        progress=progress if here else None,
        **options,
    )
    # Elsewhere the model is loaded anew: a session of ONNX Runtime cannot be sent. Workers may have another folder.
    jobs = {
        name: (
            model if here else real(model.path),
            path if here else real(path),
            _folder_of(paths) if here else real(_folder_of(paths)),
        )
        for name, (path, paths) in wanted.items()
    }

    def outcomes() -> Iterator[RecordingOutcome]:
        yield from left_out
        with closing(run_jobs(work, jobs, workers=workers, scheduler=scheduler)) as ended:
            for job in ended:
                yield RecordingOutcome(*wanted[job.name], separated=job.result, error=job.error)

    return outcomes()


def _folder_of(paths: Mapping[str, Path]) -> Path:
    return next(iter(paths.values())).parent
