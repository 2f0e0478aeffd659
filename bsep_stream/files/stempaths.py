"""Where the stems of recordings go: names, folders and paths, checked before any work starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.filenames import folded, real
from bsep_stream.files.atomic import check_target
from bsep_stream.files.stemwriter import FORMATS
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.words import REMIX, RESIDUAL


def stem_files(model: SeparationModel, *, residual: bool, remix: bool) -> tuple[str, ...]:
    """Names of the files, without suffix, that a separation writes."""
    return (*model.source_names, *([RESIDUAL] if residual else []), *([REMIX] if remix else []))


def folder_name(recording: Path) -> str:
    """What the folder of a recording is called among others: its name without the suffix, never a way out of there."""
    return recording.stem.rstrip(". ") or recording.name  # Windows leaves dots and spaces at the end of a name away


def planned_paths(
    recordings: Sequence[str | Path],
    folder: str | Path,
    names: Sequence[str],
    audio_format: str = "wav",
    *,
    overwrite: bool = False,
) -> list[dict[str, Path]]:
    """Where the stems of recordings go, checked before any work starts.

    One recording goes to ``folder/NAME.wav``, several to ``folder/RECORDING/NAME.wav`` each.

    Returns
    -------
    list of dict
        For every recording the path of each name.

    Raises
    ------
    ConfigError
        If the format is unknown, two recordings have the same name, or a file cannot be called like that.
    AudioError
        If a file exists and ``overwrite`` is false, or a recording would be overwritten.
    """
    if audio_format not in FORMATS:
        raise ConfigError(f"the format must be one of {', '.join(FORMATS)}, got {audio_format!r}")
    suffix = FORMATS[audio_format]
    sources = [Path(recording) for recording in recordings]
    folders = [Path(folder)] if len(sources) == 1 else [Path(folder) / folder_name(source) for source in sources]
    names_of_folders = [folded(path.name) for path in folders] if len(folders) > 1 else []
    for place, name in enumerate(names_of_folders):
        if name in names_of_folders[:place]:
            twice = folders[place].name
            raise ConfigError(f"two recordings are called {twice!r} and would share a folder; separate them one by one")
    plan = [{name: target / f"{name}{suffix}" for name in names} for target in folders]
    resolved = set(map(real, sources))
    for path in (path for paths in plan for path in paths.values()):
        if real(path) in resolved:
            raise AudioError(f"{path} is a recording to be separated and would be overwritten; give another --output")
        check_target(path)
        if path.is_dir() or (path.exists() and not overwrite):
            raise AudioError(f"{path} exists; add --overwrite or give another --output")
        for parent in path.parents:
            if parent.exists():
                if not parent.is_dir():
                    raise AudioError(f"{parent} is a file and not a folder; give another --output")
                break
    return plan
