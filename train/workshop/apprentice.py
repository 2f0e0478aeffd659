"""A session from its recordings to its end: search, first stems, network, model, better stems."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import Recording, read_recording
from bsep_stream.files.separation import separate_file
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.notes.events import NoteSettings
from bsep_stream.notes.tables import read_notes, write_notes
from bsep_stream.notes.transcription import PitchTrack, Transcription
from bsep_stream.studio import fulldisk
from bsep_stream.studio.noteboard import give_solos
from bsep_stream.studio.sessionfolder import FIRST, LEARNED, SessionFolder
from bsep_stream.studio.solos import are_new, keep_heard, solo_options
from bsep_stream.train.config.hints import read_hints
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.loop import Training
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.runs.start import resume_training, start_training
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.session.labels import Labels, frames_at
from bsep_stream.train.session.recording import Session, load_session
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.tones.timbrefit import fit_timbre
from bsep_stream.train.workshop import journal
from bsep_stream.train.workshop.firststems import Passages, frame_table, write_stems
from bsep_stream.train.workshop.journal import Journal
from bsep_stream.train.workshop.notesheet import corrected_labels, notes_of
from bsep_stream.train.workshop.orders import FINISH, Orders

LABELS, TIMBRE = "labels.npz", "timbre.npz"
"""Files of :attr:`SessionFolder.search`."""


def train_session(folder: SessionFolder, *, anew: bool = False, longer: bool = False) -> int:
    """Train a session, or go on where it was; what becomes of it stands in its journal.

    Parameters
    ----------
    folder : SessionFolder
    anew : bool
        Begin a new run, with the notes as the user corrected them given, as ``bsep train --notes`` takes them.
    longer : bool
        Let a run that has ended learn as long again.

    Returns
    -------
    int
        Exit code: 0, or 1 if it failed.
    """
    progress, orders = Journal(folder), Orders()
    progress.phase(journal.LISTENING)
    orders.listen()
    try:
        _learn(folder, progress, orders, anew, longer)
        orders.mute()
        _write(folder, progress)
        progress.phase(journal.DONE)
        return 0
    except KeyboardInterrupt:  # what had been learned is saved
        progress.phase(journal.PAUSED)
        return 0
    except (BsepError, OSError) as error:
        progress.phase(journal.FAILED, fulldisk.told(error))
        return 1
    except Exception as error:
        progress.phase(journal.FAILED, f"something unexpected went wrong ({type(error).__name__}: {error})")
        raise


def session_config(folder: SessionFolder) -> TrainConfig:
    """Configuration of a session's training."""
    about = folder.read()
    names = tuple(source["name"] for source in about["sources"])
    if len(names) < 2:
        raise ConfigError("name the instruments first: two at least")
    config = preset_config("fast", names, tuple(int(source["tones"]) for source in about["sources"]))
    iterations = about.get("iterations")
    return config if iterations is None else replace(config, iterations=int(iterations))


def _learn(folder: SessionFolder, progress: Journal, orders: Orders, anew: bool, longer: bool) -> None:
    run = RunFolder(folder.run)
    about = folder.read()
    seconds = None if about.get("minutes") is None else 60.0 * float(about["minutes"])
    if run.checkpoint_path.exists() and not anew:
        info = run.read_info()
        if info.finished and not longer:
            return
        iterations = info.iterations + session_config(folder).iterations if info.finished else None
        if info.finished and seconds is not None:
            seconds += info.seconds
        training = resume_training(
            folder.run,
            recordings=list(folder.takes().values()),
            target_iterations=iterations,
            target_seconds=seconds if seconds != info.target_seconds else None,
        )
        _train(training, progress, orders)
        return
    config = session_config(folder)
    takes = folder.takes()
    session = load_session(list(takes.values()), config.geometry.sample_rate)
    solos = solo_options(folder)
    for take in takes:
        give_solos(folder, take, about.get("solos", []))
    given = [_corrected_notes(folder, take) for take in takes]
    if len(takes) == 1:  # the times of hints are those of one recording
        table = None if given[0] is None else folder.notes(*takes, corrected=True)
        config = replace(config, hints=read_hints(solos, table, config.source_names))
    found = (folder.search / LABELS).exists() and not are_new(folder)
    if not found or config.hints:
        labels = search_labels(session, config, lambda: progress.phase(journal.LISTENING))
        labels = corrected_labels(labels, given, config)
        keep_search(folder, session, labels, fit_timbre(labels, session, config))
        keep_heard(folder)
    if not found or config.hints or not all(folder.stems(FIRST, take).is_dir() for take in takes):
        progress.phase(journal.FIRST_STEMS)
        write_first_stems(folder, session, config, progress)
    labels = corrected_labels(Labels.load(folder.search / LABELS), given, config)
    if folder.run.exists():
        shutil.rmtree(folder.run)
    progress.forget_curve()
    progress.phase(journal.LEARNING, share=0.0)
    training = start_training(list(takes.values()), config, folder.run, target_seconds=seconds, labels=labels)
    _train(training, progress, orders)


def _corrected_notes(folder: SessionFolder, take: str) -> dict[str, NDArray[np.float64]] | None:
    """Notes of a take as the user corrected them."""
    path = folder.notes(take, corrected=True)
    return read_notes(path) if path.exists() else None


def _train(training: Training, progress: Journal, orders: Orders) -> None:
    training.on_assessed = progress.explains
    try:
        training.run(progress)
    except KeyboardInterrupt:
        if orders.given != FINISH:
            raise
        orders.mute()  # it is saved; this is its end
        verdict = training.assess()
        training.folder.write_verdict(verdict)
        training.folder.write_info(replace(training.info, finished=True, mixture_cost=verdict.mixture_cost))


def keep_search(folder: SessionFolder, session: Session, labels: Labels, timbre: Timbre) -> None:
    """Keep what the search found, for stems of corrected notes; the labels last, as they say that all is there."""
    state = {name: tensor.numpy() for name, tensor in timbre.state_dict().items()}
    with whole_file(folder.search / TIMBRE) as temporary:
        np.savez(temporary, gain=np.float64(session.gain), **state)
    labels.save(folder.search / LABELS)


def write_first_stems(folder: SessionFolder, session: Session, config: TrainConfig, progress: Journal) -> None:
    """Stems and notes of all takes, by the masks of the search."""
    labels = Labels.load(folder.search / LABELS)
    timbre, gain = load_timbre(folder, config)
    takes = folder.takes()
    for number, (take, path) in enumerate(takes.items()):
        samples = session.takes[number].samples
        table = frame_table(labels, number, samples.size)
        mixture, rate = read_recording(path)

        def said(share: float, number: int = number) -> None:
            progress.advance((number + share) / len(takes))

        parts = Passages(mixture, rate, config, timbre, gain, table).all()
        write_stems(folder.stems(FIRST, take), mixture, rate, config.source_names, parts, said)
        write_notesheet(folder.notes(take), table, samples, config)
    n_samples = sum(take.samples.size for take in session.takes)
    progress.stems_written(FIRST, covered=min(1.0, len(labels.centre) * labels.hop_length / n_samples))


def load_timbre(folder: SessionFolder, config: TrainConfig) -> tuple[Timbre, float]:
    """The timbre of the search, and the gain from the recording to its level."""
    import torch

    timbre = Timbre(config)
    with np.load(folder.search / TIMBRE, allow_pickle=False) as values:
        state = {name: torch.from_numpy(values[name]) for name in values.files if name != "gain"}
        gain = float(values["gain"])
    timbre.load_state_dict(state)
    return timbre, gain


def write_notesheet(path: Path, table: NDArray[np.float32], samples: NDArray[np.float32], config: TrainConfig) -> None:
    """Write the notes of a take as ``bsep notes`` does."""
    geometry = config.geometry
    centres = np.minimum(np.arange(len(table)) * geometry.hop_length, samples.size)
    moduli = np.abs(frames_at(samples, centres, geometry)).astype(np.float32)
    notes = notes_of(table, moduli, config)
    empty = np.empty((0, 0))
    track = PitchTrack(np.empty(0), empty, empty, config.tone_sources)
    write_notes(path, Transcription(config.source_names, notes, track, NoteSettings()))


def _write(folder: SessionFolder, progress: Journal) -> None:
    """Model and stems of what was learned."""
    from bsep_stream.export.cli import export_run

    progress.phase(journal.WRITING, share=0.0)
    export_run(folder.run, folder.model, overwrite=True)
    model = SeparationModel(folder.model)
    takes = folder.takes()
    lengths = {take: max(1, _length(path)) for take, path in takes.items()}
    done = 0

    def advance(n: int) -> None:
        nonlocal done
        done += n
        progress.advance(done / sum(lengths.values()))

    for take, path in takes.items():
        separate_file(model, path, folder.stems(LEARNED, take), overwrite=True, progress=advance)
    progress.stems_written(LEARNED)


def _length(path: Path) -> int:
    with Recording(path) as recording:
        return recording.n_samples
