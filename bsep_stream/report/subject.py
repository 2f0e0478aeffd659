"""What a report is about: a training run, a folder of stems, a model, or several of these that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.report.runfiles import RunSummary, is_run, read_run

if TYPE_CHECKING:
    from bsep_stream.model.separation_model import SeparationModel


@dataclass(frozen=True)
class Subject:
    """What there is to be shown; at least one of the three."""

    run: RunSummary | None
    stems: StemFolder | None
    model: SeparationModel | None

    @property
    def source_names(self) -> tuple[str, ...]:
        """Of the model, else of the run, else of the stems."""
        if self.model is not None:
            return self.model.source_names
        if self.run is not None:
            return self.run.source_names
        return tuple(self.stems.source_names) if self.stems is not None else ()

    @property
    def colour_names(self) -> tuple[str, ...]:
        """Names that have a colour of their own: the sources, and stems that are called differently."""
        stems = self.stems.source_names if self.stems is not None else []
        return (*self.source_names, *(name for name in stems if name not in self.source_names))

    @property
    def dictionary(self) -> NDArray[Any] | None:
        """Relative amplitudes of the harmonics, shape (n_sources, n_harmonics), where a model or a run has them."""
        if self.model is not None:
            return self.model.dictionary
        return self.run.dictionary if self.run is not None else None

    def ordered_stems(self) -> list[str]:
        """Names of the stems in the order of the sources, what is no source last."""
        names = list(self.source_names)
        stems = self.stems.names if self.stems is not None else ()
        return sorted(stems, key=lambda name: names.index(name) if name in names else len(names))


def read_subject(paths: str | Path | Sequence[str | Path], model: str | Path | SeparationModel | None) -> Subject:
    """Tell runs, stems and models apart, and open them.

    Raises
    ------
    BsepError
        Nothing, two of a kind, or what is none of the three.
    """
    given = [Path(path) for path in ([paths] if isinstance(paths, str | Path) else paths)]
    models = [path for path in given if path.suffix.lower() == ".onnx" and not path.is_dir()]
    runs = [path for path in given if is_run(path)]
    folders = [path for path in given if path not in models and path not in runs]
    if max(len(runs), len(folders), len(models) + (model is not None)) > 1 or not given:
        raise ConfigError(
            f"a report needs one training run, one folder of stems, one model, or one of each, got {len(runs)} runs, "
            f"{len(models) + (model is not None)} models and {len(folders)} other paths"
        )
    opened = models[0] if models else model
    if isinstance(opened, str | Path):
        from bsep_stream.model.separation_model import SeparationModel

        opened = SeparationModel(opened)
    return Subject(read_run(runs[0]) if runs else None, StemFolder(folders[0]) if folders else None, opened)
