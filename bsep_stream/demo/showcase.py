"""What `bsep demo` shows: one recording streamed through a model, remixed, judged and drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bsep_stream.demo import MIX, RACK, SOURCE_NAMES, TRUE_STEMS
from bsep_stream.effects.rack import load_rack
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.separation import separate_file
from bsep_stream.files.stempaths import planned_paths, stem_files
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.measures import Evaluation, evaluate


@dataclass(frozen=True)
class Showcase:
    """What :func:`run_showcase` made.

    Parameters
    ----------
    stems : dict of str to Path
        Files by stem, with ``remix``.
    picture : Path or None
        None without matplotlib (the extra `[pictures]`).
    page : Path
        The same, and more, to be listened to.
    separated, unseparated : Evaluation
        Of the stems, and of the mixture itself taken for every stem.
    """

    stems: dict[str, Path]
    picture: Path | None
    page: Path
    separated: Evaluation
    unseparated: Evaluation


def run_showcase(
    model: Path,
    output: Path,
    *,
    rack: Path = RACK,
    run: Path | None = None,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Showcase:
    """Separate the demo recording as a stream, remix it, compare it with the true stems, draw it.

    Parameters
    ----------
    model : Path
        ONNX file.
    output : Path
        Folder; stems, ``remix.wav``, ``report.png`` and ``report.html`` are written there.
    rack : Path
        Effects of the remix.
    run : Path or None
        Folder of the training run of the model, to be drawn too.
    overwrite : bool
        Whether existing files are replaced.
    progress : callable, optional
        Called with the number of samples of every block that is done.

    Raises
    ------
    BsepError
        If the model or the rack cannot be used, or a file exists.
    """
    from bsep_stream.report.overview import write_report

    loaded = SeparationModel(model)
    effects = load_rack(rack)
    planned_paths([MIX], output, stem_files(loaded, residual=True, remix=True), overwrite=overwrite)
    separated = separate_file(loaded, MIX, output, rack=effects, overwrite=overwrite, progress=progress)
    truth = [read_recording(path)[0] for path in TRUE_STEMS]
    mix, _ = read_recording(MIX)
    estimates = [read_recording(separated.paths[name])[0] for name in loaded.source_names]
    picture, page = output / "report.png", output / "report.html"
    shown = [output] if run is None else [output, run]
    drawn = find_spec("matplotlib") is not None
    if drawn:
        write_report(shown, picture, model=loaded)
    write_report(shown, page, model=loaded, references=TRUE_STEMS)
    return Showcase(
        stems=separated.paths,
        picture=picture if drawn else None,
        page=page,
        separated=evaluate(truth, estimates, SOURCE_NAMES),
        unseparated=evaluate(truth, [mix] * len(truth), SOURCE_NAMES),
    )


def mixture_length() -> int:
    """Samples of the demo recording."""
    return int(np.shape(read_recording(MIX)[0])[1])
