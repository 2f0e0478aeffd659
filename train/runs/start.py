"""Beginning a training run, and continuing one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import torch

from bsep_stream.errors import RunError
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.beginnings import choose_beginning
from bsep_stream.train.learning.checkpoint import load_checkpoint
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.loop import Training
from bsep_stream.train.learning.run_folder import RunFolder, path_of, path_text
from bsep_stream.train.learning.runinfo import RecordingInfo, RunInfo, StageGain
from bsep_stream.train.learning.stopping import CHECK_FRAMES
from bsep_stream.train.network.network_file import shipped_network, start_from_network
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.search.searchclock import SEARCH_SHARE, SearchClock
from bsep_stream.train.session.frames import FrameSource
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.session.metronome import find_metronome
from bsep_stream.train.session.recording import Session, load_session
from bsep_stream.train.tones.timbrefit import fit_timbre
from bsep_stream.trust.shown import shown


def start_training(
    recordings: Sequence[Path],
    config: TrainConfig,
    output: Path,
    *,
    seed: int = 0,
    target_seconds: float | None = None,
    device: torch.device | str = "cpu",
    init: Path | None = None,
    on_search: Callable[[], None] | None = None,
    labels: Labels | None = None,
) -> Training:
    """Begin a run.

    Parameters
    ----------
    recordings : sequence of Path
        Takes of one session.
    config : TrainConfig
        ``config.iterations`` is the length of the run.
    output : Path
        Folder of the run; must not exist, or be empty.
    seed : int
        Of the network's start and of everything that is drawn.
    target_seconds : float or None
        The run ends also after so long, reading and saving included.
    device : torch.device or str
    init : Path or None
        Another run, whose network and dictionary this one starts from, in place of a search.
    on_search : callable, optional
        Called now and then during the search.
    labels : Labels or None
        What a search of the same recordings found before, in place of another one.

    Raises
    ------
    ConfigError, RunError, AudioError
        If a hint is not of this recording, the folder is taken, a recording cannot be used, or the other run does not
        fit.
    """
    started = time.monotonic()
    clock = None
    folder = RunFolder(output)
    folder.refuse_existing()
    session = load_session(recordings, config.geometry.sample_rate)
    if labels is None:  # labels that are there have used the hints
        config.hints.refuse_beyond(session.duration_seconds, config.source_names)
    if init is not None:  # knows the instruments already, and its order of the sources shall stay
        config = replace(config, imitation=replace(config.imitation, iterations=0), pretrained=None)
    learner = Learner(config, seed, device)
    if config.pretrained is not None:
        start_from_network(learner.separator, shipped_network(config.pretrained))
    if init is not None:
        labels = None
        _initialise(learner.separator, config, init)
    elif config.imitation.iterations > 0:
        if labels is None:
            if target_seconds is not None:
                on_search = clock = SearchClock(started + SEARCH_SHARE * target_seconds, on_search)
            labels = search_labels(session, config, on_search)
        learner.separator.dictionary.start_from(torch.from_numpy(labels.envelopes))
        if learner.separator.timbre is not None:
            learner.separator.timbre.load_state_dict(fit_timbre(labels, session, config).state_dict())
        if learner.separator.registers is not None:
            learner.separator.registers.fit(torch.from_numpy(labels.f0_bin))
    info = RunInfo(
        version=version("bsep-stream"),
        preset=config.preset,
        source_names=config.source_names,
        seed=seed,
        gain=session.gain,
        recordings=_recording_infos(session),
        target_iterations=config.iterations,
        target_seconds=target_seconds,
    )
    strikes = find_metronome(session, config.geometry)
    frames = _frame_source(session, config, seed)
    if config.start_decays and init is None and labels is None:
        choose_beginning(learner.separator, frames.overview(CHECK_FRAMES), config.start_decays)
    training = Training(folder, config, info, learner, frames, started=started, labels=labels)
    training.remarks = tuple(clock.remarks) if clock is not None else ()
    try:
        with folder.writing():
            folder.begin()
            if labels is not None:
                labels.save(folder.labels_path)
            folder.write_metronome(strikes)
            folder.write_parity_frames(frames.spread())
            training.save()
            folder.write_config(config)  # the last: it makes the folder a run, wherever a crash may come
            folder.begun()
    except BaseException:  # a run without a checkpoint could neither be resumed nor begun again
        folder.remove()
        raise
    return training


def resume_training(
    output: Path,
    *,
    recordings: Sequence[Path] = (),
    target_iterations: int | None = None,
    target_seconds: float | None = None,
    device: torch.device | str = "cpu",
) -> Training:
    """Continue a run from its checkpoint, as if it had not been interrupted.

    Parameters
    ----------
    output : Path
        Folder of the run.
    recordings : sequence of Path
        The run's recordings if they have moved; they must be the same files.
    target_iterations, target_seconds : int or None, float or None
        New limits over all parts of the run. Given one of them, the run ends there, or at the iterations that
        were its limit before; given none, its limits stay as they were.
    device : torch.device or str

    Raises
    ------
    RunError, AudioError
        If the folder holds no run, is damaged, or a recording is not the same.
    """
    started = time.monotonic()
    folder = RunFolder(output)
    config = folder.read_config()
    info = folder.read_info()
    checkpoint = load_checkpoint(folder.checkpoint_path)
    paths = recordings or [path_of(entry.path) for entry in info.recordings]
    session = load_session(paths, config.geometry.sample_rate)
    if [take.sha256 for take in session.takes] != [entry.sha256 for entry in info.recordings]:
        names = ", ".join(entry.name for entry in info.recordings)
        raise RunError(f"{output} was trained on other recordings ({names}): give the same files, in the same order")
    if target_iterations is not None or target_seconds is not None:
        config = replace(config, iterations=target_iterations or config.iterations)
        info = replace(
            info,
            target_iterations=config.iterations,
            target_seconds=target_seconds,
            finished=False,
            stopped_early=False,
            mixture_cost=None,
        )
    learner = Learner(config, info.seed, device)
    learner.load_state_dict(checkpoint.tensors)
    frames = _frame_source(session, config, info.seed)
    with folder.writing():
        folder.write_config(config)
        folder.write_parity_frames(frames.spread())
    frames.restore(checkpoint.frame_state)
    stages = tuple(StageGain(**stage) for stage in checkpoint.stages)
    info = replace(info, iterations=checkpoint.iterations, seconds=checkpoint.seconds, stages=stages)
    labels = None
    if config.imitation.iterations > 0:  # the policy gradient keeps to them, too
        labels = Labels.load(folder.labels_path)
        labels.refuse_other_shape(folder.labels_path, [take.samples.size for take in session.takes], config.n_tones)
    costs = checkpoint.mixture_costs
    return Training(folder, config, info, learner, frames, started=started, labels=labels, mixture_costs=costs)


def load_separator(output: Path) -> tuple[Separator, TrainConfig, RunInfo]:
    """What a run has learned, on the CPU, with its configuration and how far it got."""
    folder = RunFolder(output)
    config = folder.read_config()
    info = folder.read_info()
    learner = Learner(config, info.seed, "cpu")
    learner.load_state_dict(load_checkpoint(folder.checkpoint_path).tensors)
    return learner.separator, config, info


def _initialise(separator: Separator, config: TrainConfig, init: Path) -> None:
    other, other_config, _ = load_separator(init)
    for name in ("network", "geometry", "n_harmonics", "n_sources", "polyphony"):
        if getattr(config, name) != getattr(other_config, name):
            raise RunError(
                f"{init} cannot be the start of this run: its {name} is {getattr(other_config, name)}, "
                f"here it is {getattr(config, name)}; use the same preset and as many sources"
            )
    separator.load_state_dict(other.state_dict())


def _frame_source(session: Session, config: TrainConfig, seed: int) -> FrameSource:
    return FrameSource(session, config.geometry, config.training_hop_length, seed)


def _recording_infos(session: Session) -> tuple[RecordingInfo, ...]:
    return tuple(
        RecordingInfo(shown(take.path.name), path_text(take.path), take.duration_seconds, take.sha256)
        for take in session.takes
    )
