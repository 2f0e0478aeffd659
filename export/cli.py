"""`bsep export`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsep_stream.errors import ConfigError, ModelError
from bsep_stream.files.outputlock import locked_file
from bsep_stream.plain import pasteable, path_word
from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from bsep_stream.export.onnx_file import ExportReport

DEFAULT_OUTPUT = {"paper": "direct"}
"""By preset; elsewhere masks, which give back what the tones cannot say."""


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The file to write, MODEL.onnx.")
@click.option("--sources", help="New names, if the instruments came out under each other's names.")
@click.option("--overwrite", is_flag=True, help="Replace a file that exists.")
def command(run: Path, output: Path, sources: str | None, overwrite: bool) -> None:
    """Turn a training RUN into one ONNX file.

    The file is compared with the trained network over frames of the recording, and written only if they agree.
    """
    report = export(run, output, sources=sources, overwrite=overwrite)
    if not _has_learned(run):
        more = pasteable(["bsep", "train", "--output", path_word(run), "--resume"])
        say(
            f"{run} has learned nothing yet: the network is the one that a training begins with; to go on: {more}",
            err=True,
        )
    say(
        f"{report.path}: {report.file_bytes / 1e6:.1f} MB, differs from the network by at most "
        f"{report.worst_difference:.1e} of the peak in {report.n_frames} frames, {report.step_ms:.1f} ms a frame"
    )
    following = pasteable(["bsep", "separate", path_word(report.path), "RECORDING", "--output", "DIR"])
    say(f"next: {following}")


def _has_learned(run: Path) -> bool:
    from bsep_stream.train.learning.run_folder import RunFolder

    return RunFolder(run).read_info().iterations > 0


def export(
    run: str | PathLike[str],
    output: str | Path,
    *,
    sources: str | Sequence[str] | None = None,
    overwrite: bool = False,
) -> ExportReport:
    """Turn a training run into one ONNX file: ``bsep_stream.export`` called.

    Parameters
    ----------
    run : path or Run
        Folder of the run, or what :func:`bsep_stream.train.runs.training.train` gave back.
    output : str or Path
        The file to write.
    sources : str or sequence of str, optional
        New names, if the instruments came out under each other's names.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    ExportReport
        The path, and how well the file agrees with what was trained.

    Raises
    ------
    ConfigError, RunError, ModelError
        As :func:`export_run`.

    Examples
    --------
    >>> from bsep_stream import export, train
    >>> run = train("duet.wav", sources=["flute", "oboe"], output="run")
    >>> report = export("run", "duet.onnx", sources=["oboe", "flute"])
    >>> report.worst_difference < 1e-3  # of the peak of a frame
    True
    """
    from bsep_stream.train.runs.sources import parse_sources

    names, polyphony = parse_sources(sources) if sources is not None else (None, ())
    return export_run(Path(run), Path(output), source_names=names, polyphony=polyphony, overwrite=overwrite)


def export_run(
    run: Path,
    output: Path,
    *,
    source_names: tuple[str, ...] | None = None,
    polyphony: tuple[int, ...] = (),
    overwrite: bool = False,
) -> ExportReport:
    """Export the checkpoint of a run.

    Parameters
    ----------
    run : Path
        Folder of the run.
    output : Path
        The ONNX file.
    source_names : tuple of str or None
        Instead of the names of the run: training without labels cannot know which instrument is which.
    polyphony : tuple of int
        Tones at once of each of them, if said: those of the run.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    ConfigError
        If there are not as many new names as sources, or they shall have other tones than the run's.
    RunError
        If the run cannot be read.
    ModelError
        If the file exists, or network and file disagree.
    """
    if output.is_dir():
        raise ModelError(f"{output} is a folder: give the name of a file, such as {output / 'model.onnx'}")
    if output.exists() and not overwrite:
        raise ModelError(f"{output} exists: choose another --output, or replace it with --overwrite")

    with locked_file(output):
        if output.exists() and not overwrite:  # by another process, meanwhile
            raise ModelError(f"{output} exists: choose another --output, or replace it with --overwrite")
        return _export(run, output, source_names, polyphony)


def _export(run: Path, output: Path, source_names: tuple[str, ...] | None, polyphony: tuple[int, ...]) -> ExportReport:
    from bsep_stream.export.onnx_file import export_model
    from bsep_stream.train.learning.run_folder import RunFolder
    from bsep_stream.train.runs.sources import sources_text
    from bsep_stream.train.runs.start import load_separator

    separator, config, info = load_separator(run)
    if source_names is not None:
        if len(source_names) != config.n_sources:
            raise ConfigError(f"{run} has {config.n_sources} sources, got {len(source_names)} names for them")
        if max(polyphony, default=1) > 1 and polyphony != config.polyphony:
            raise ConfigError(
                f"{run} was trained with {sources_text(config.source_names, config.polyphony)}: "
                "leave the numbers of tones out, or train anew"
            )
        config = replace(config, source_names=source_names)
    metadata: dict[str, Any] = {
        "gain": info.gain,
        "output": DEFAULT_OUTPUT.get(info.preset, "mask"),
        "training": {
            "preset": info.preset,
            "iterations": info.iterations,
            "seconds": round(info.seconds, 1),
            "seed": info.seed,
            "recordings": [
                {"name": entry.name, "duration_seconds": round(entry.duration_seconds, 3), "sha256": entry.sha256}
                for entry in info.recordings
            ],
            "version": info.version,
        },
    }
    folder = RunFolder(run)
    strikes = folder.read_metronome(config.geometry.n_bins)
    if strikes:
        metadata["metronome"] = [strike.to_dict() for strike in strikes]
    return export_model(separator, config, metadata, output, folder.read_parity_frames())
