"""Training as a function: :func:`train`, which is ``bsep_stream.train`` called."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.files.outputlock import locked_folder
from bsep_stream.train.config.hints import read_hints
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs.request import RunRequest
from bsep_stream.train.runs.run import Run
from bsep_stream.train.runs.sources import parse_sources, sources_text
from bsep_stream.train.runs.takes import Recordings, recording_paths, write_takes
from bsep_stream.train.runs.threads import let_threads_sleep
from bsep_stream.train.runs.watching import SEARCH, SEEDS, Progress, Watch

OnProgress = Callable[[Progress], object]


class _Stopped(Exception):
    """The caller's `stop` said so, where no training runs that could be saved."""


def train(
    recordings: Recordings = (),
    *,
    sources: str | Sequence[str] | None = None,
    output: str | Path,
    sample_rate: int | None = None,
    preset: str | None = None,
    iterations: int | None = None,
    minutes: float | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    device: str = "auto",
    resume: bool = False,
    init: str | Path | None = None,
    workers: int = 1,
    scheduler: str | None = None,
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
    solos: Sequence[str] = (),
    notes: str | Path | None = None,
) -> Run:
    """Learn to separate the instruments of recordings from these recordings alone.

    Parameters
    ----------
    recordings : path, array_like, or sequence of paths or of array_likes
        One or more takes of the same session: files in any format that libsndfile reads, or audio of shape
        (channels, n_samples) or (n_samples,). Audio is kept in the run, in ``OUTPUT/takes``. With `resume` only if the
        files have moved.
    sources : str or sequence of str
        Names of the instruments, from the highest to the lowest, ``["violin", "piano:4"]`` or ``"violin,piano:4"``:
        behind the colon how many tones it plays at once.
    output : str or Path
        Folder of the run.
    sample_rate : int, optional
        Of audio that is given as arrays, in Hz.
    preset : {"fast", "paper"}, optional
    iterations : int, optional
        End after so many (default: the preset's).
    minutes : float, optional
        End after so long, everything included.
    seed : int, optional
        Of all that is random (default: 0).
    seeds : int, optional
        Begin with so many seeds, go on with the best (default: 1).
    device : {"auto", "cpu", "cuda", "mps"}
    resume : bool
        Go on with the run in `output`. Limits count from its first beginning; a run that has reached them comes back as
        it is.
    init : str or Path, optional
        Another run, whose network and dictionary this one starts from.
    workers : int
        So many seeds at once, a process for each.
    scheduler : str, optional
        Address of a Dask cluster that tries the seeds instead.
    on_progress : callable, optional
        Called with a :class:`~bsep_stream.train.runs.watching.Progress` after every iteration, and now and then before.
    stop : callable, optional
        Asked as often; once it answers true, the run is saved and comes back unfinished, to be resumed.
    solos : sequence of str
        Passages in which one source plays alone, such as ``"flute=0:00-0:08"``: who plays what is judged by them.
    notes : str or Path, optional
        Notes whose sources are right: a table of ``bsep notes``, corrected, or MIDI.

    Returns
    -------
    Run
        ``run.verdict``, ``run.labels``, ``run.export("duet.onnx")``.

    Raises
    ------
    ConfigError
        If a parameter makes no sense.
    RunError
        If `output` holds a run and `resume` is false, or none and it is true; if `stop` came before there was a run.
    AudioError
        If a recording cannot be used.
    KeyboardInterrupt
        After Ctrl-C; the run is saved and can be resumed with the same result.

    Examples
    --------
    >>> from bsep_stream import separate, train
    >>> run = train("duet.wav", sources=["flute", "oboe"], output="run", minutes=5)
    >>> print(run.verdict)
    The tones explain ...
    >>> model = run.export("duet.onnx")
    >>> paths = separate(model, "duet.wav").save("stems")
    """
    let_threads_sleep()
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes must be more than 0, got {minutes:g}")
    names, polyphony = parse_sources(sources) if sources is not None else (None, ())
    run = _Training(Path(output), device, workers, scheduler, on_progress, stop)
    paths, audio = recording_paths(recordings, sample_rate)
    initial = None if init is None else Path(init)
    if resume:
        if audio:
            raise ConfigError("a run goes on with the recordings that it has: leave the audio out, or give files")
        if seeds is not None:
            raise ConfigError("--seeds is for the beginning of a run: leave it out with --resume")
        if initial is not None:
            raise ConfigError("--resume continues a run and --init starts one: give one of them")
        asked = {
            "--sources": None if names is None else sources_text(names, polyphony),
            "--preset": preset,
            "--seed": seed,
        }
        with locked_folder(run.path) if run.path.is_dir() else nullcontext():
            return run.resume(paths, asked, iterations, minutes)
    if names is None:
        raise ConfigError("say which instruments play, such as --sources recorder,violin")
    hints = read_hints(solos, None if notes is None else Path(notes), names)
    request = RunRequest(
        paths,
        names,
        run.path,
        preset or "fast",
        iterations,
        minutes,
        seed or 0,
        seeds or 1,
        device,
        initial,
        polyphony,
        hints,
    )
    with locked_folder(run.path):
        return run.begin(request, audio, sample_rate)


class _Training:
    """What beginning a run and going on with one share."""

    def __init__(
        self,
        path: Path,
        device: str,
        workers: int,
        scheduler: str | None,
        on_progress: OnProgress | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.path = path
        self._device = device
        self._workers, self._scheduler = workers, scheduler
        self._tell: OnProgress = on_progress if on_progress is not None else lambda _progress: None
        self._stop = stop

    def begin(self, request: RunRequest, audio: list[NDArray[np.float32]], sample_rate: int | None) -> Run:
        """A new run."""
        folder = RunFolder(self.path)
        folder.refuse_existing()
        if audio and folder.takes_path.exists():
            raise RunError(f"{folder.takes_path} exists: choose another --output")
        try:
            if audio:
                request = replace(request, recordings=write_takes(folder, audio, sample_rate))
            training = request.begin(self._searching)
        except BaseException as error:  # nothing began, so nothing stays
            folder.remove_takes(written=bool(audio))
            if isinstance(error, _Stopped):
                raise RunError(f"stopped before the search was over: nothing is in {self.path}") from None
            raise
        if training is None:
            return self.resume([], {}, None, None)
        return self._go(training)

    def resume(
        self, recordings: Sequence[Path], asked: dict[str, Any], iterations: int | None, minutes: float | None
    ) -> Run:
        """A run that is there; `asked` must be what it was begun with, or None."""
        from bsep_stream.train.config.presets import preset_config
        from bsep_stream.train.runs.device import resolve_device
        from bsep_stream.train.runs.race import finish_race, race_is_open
        from bsep_stream.train.runs.start import resume_training

        if race_is_open(self.path):
            try:
                finish_race(
                    self.path,
                    workers=self._workers,
                    scheduler=self._scheduler,
                    on_search=self._searching,
                    on_start=self._started,
                )
            except _Stopped:
                return Run(self.path)
        folder = RunFolder(self.path)
        info = folder.read_info()
        there = {
            "--sources": sources_text(info.source_names, folder.read_config().polyphony),
            "--preset": info.preset,
            "--seed": info.seed,
        }
        for option, value in asked.items():
            if value is not None and value != there[option]:
                raise RunError(f"{self.path} was begun with {option} {there[option]}, not {value}: leave it out")
        if info.finished and iterations is None and minutes is None:
            return Run(self.path)
        if minutes is not None and iterations is None:  # so many minutes are asked for, not the iterations of before
            iterations = preset_config(info.preset, info.source_names).iterations
        takes = [folder.takes_path / recording.name for recording in info.recordings]
        return self._go(
            resume_training(
                self.path,
                recordings=recordings or [take for take in takes if take.is_file()],
                target_iterations=iterations,
                target_seconds=None if minutes is None else 60 * minutes,
                device=resolve_device(self._device),
            )
        )

    def _go(self, training: Any) -> Run:
        training.run(Watch(training, self._tell), stop=self._stop)
        return Run(self.path, training.remarks)

    def _searching(self) -> None:
        self._tell(Progress(SEARCH))
        self._stop_if_asked()

    def _started(self, seed: int, cost: float) -> None:
        self._tell(Progress(SEEDS, seed=seed, mixture_cost=cost))
        self._stop_if_asked()

    def _stop_if_asked(self) -> None:
        if self._stop is not None and self._stop():
            raise _Stopped
