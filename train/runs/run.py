"""A training run as an object: what it has learned, and the model that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from bsep_stream.model.strikes import Strike
from bsep_stream.notes.events import Note
from bsep_stream.train.learning.run_folder import RunFolder, read_json
from bsep_stream.train.learning.runinfo import RunInfo

if TYPE_CHECKING:
    from bsep_stream.train.learning.verdict import Verdict


class Run:
    """A training run on the disk; everything is read when it is asked for, also while the run goes on elsewhere.

    Parameters
    ----------
    path : str or Path
        Folder that ``bsep train`` or :func:`~bsep_stream.train.runs.training.train` made.
    remarks : sequence of str
        What the time of the run was too short for, in sentences.

    Raises
    ------
    RunError
        If the folder holds no run; later, if what is asked for is damaged.

    Examples
    --------
    >>> from bsep_stream import train
    >>> run = train("duet.wav", sources=["flute", "oboe"], output="run", iterations=3)
    >>> run
    <Run 'run': flute, oboe, finished>
    >>> beginnings = [note.onset_seconds for note in run.labels["flute"]]
    >>> run = train(output="run", resume=True, iterations=4)
    """

    def __init__(self, path: str | Path, remarks: Sequence[str] = ()) -> None:
        self.path = Path(path)
        self.remarks = tuple(remarks)
        self._folder = RunFolder(self.path)
        if not self._folder.race_path.is_file():
            self._folder.read_info()

    def __repr__(self) -> str:
        if not self._folder.info_path.is_file():
            return f"<Run {str(self.path)!r}: several starts, none chosen yet>"
        info = self.info
        state = "finished" if info.finished else f"{info.iterations} of {info.target_iterations} iterations"
        return f"<Run {str(self.path)!r}: {', '.join(info.source_names)}, {state}>"

    @property
    def info(self) -> RunInfo:
        """How far the run is, and its limits, at its last checkpoint."""
        return self._folder.read_info()

    @property
    def source_names(self) -> tuple[str, ...]:
        """Names of the sources."""
        return self.info.source_names

    @property
    def finished(self) -> bool:
        """Whether the run has reached its end; else ``train(output=run.path, resume=True)`` goes on with it."""
        return self._folder.info_path.is_file() and self.info.finished

    @property
    def verdict(self) -> Verdict | None:
        """How much of the sound is explained, what is not, and what looks wrong; None before the end."""
        if not self._folder.verdict_path.exists():
            return None
        from bsep_stream.train.learning.verdict import Verdict

        return Verdict.from_dict(read_json(self._folder.verdict_path))

    @property
    def labels(self) -> dict[str, list[Note]]:
        """The notes of every source that the search found in the (first) recording, and the network imitates."""
        return self.labels_of(0)

    def labels_of(self, take: int) -> dict[str, list[Note]]:
        """The same in one of several recordings, from 0 on; empty where nothing was searched.

        The search does not measure the level of a note: all have 0 dB.
        """
        from bsep_stream.train.session.labelnotes import label_notes

        config = self._folder.read_config()
        return label_notes(self._folder.labels_path, config, take)

    @property
    def metronome(self) -> tuple[Strike, ...]:
        """What strikes evenly in the recording, if anything."""
        return self._folder.read_metronome(self._folder.read_config().geometry.n_bins)

    def export(
        self, output: str | Path, *, sources: str | Sequence[str] | None = None, overwrite: bool = False
    ) -> Path:
        """Write the model that was learned so far as one ONNX file; its path.

        :func:`bsep_stream.export.cli.export` does the same and also says how well the file agrees with the network.
        """
        # By name, as export stands above training.
        import_module("bsep_stream.export.cli").export(self, output, sources=sources, overwrite=overwrite)
        return Path(output)

    def __fspath__(self) -> str:
        return str(self.path)
