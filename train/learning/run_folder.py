"""The folder of a training run: what it is, how far it got, and what it learned."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import BsepError, ConfigError, RunError
from bsep_stream.filenames import real
from bsep_stream.files.atomic import check_target, is_left_behind, whole_file
from bsep_stream.model.metadata import MOST_STRIKES, check_source_names
from bsep_stream.model.strikes import Strike
from bsep_stream.report.runfiles import read_verdict, refuse_ways_out
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.runinfo import RecordingInfo as RecordingInfo
from bsep_stream.train.learning.runinfo import RunInfo, check_progress
from bsep_stream.trust.arrays import read_npy
from bsep_stream.trust.records import record
from bsep_stream.trust.shown import has_only_plain
from bsep_stream.trust.textfiles import Fail
from bsep_stream.trust.textfiles import read_json as read_plain

if TYPE_CHECKING:
    from bsep_stream.train.learning.verdict import Verdict  # would import torch


@dataclass(frozen=True)
class _Strikes:
    """What ``metronome.json`` holds."""

    strikes: tuple[dict[str, Any], ...]


class RunFolder:
    """Paths, and reading and writing of the small files of a run.

    Parameters
    ----------
    path : Path
        Of the folder; nothing is read or made yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.info_path = self.path / "run.json"
        self.log_path = self.path / "log.csv"
        self.dictionary_path = self.path / "dictionary.json"
        self.checkpoint_path = self.path / "checkpoint.safetensors"
        self.parity_path = self.path / "parity_frames.npy"
        self.labels_path = self.path / "labels.npz"
        self.metronome_path = self.path / "metronome.json"
        self.verdict_path = self.path / "verdict.json"
        self.race_path = self.path / "race.json"
        self.starts_path = self.path / "starts"
        self.events_path = self.path / "events"
        self.takes_path = self.path / "takes"
        self.beginning_path = self.path / ".beginning"

    def refuse_existing(self) -> None:
        """RunError if something is there that a new run would overwrite."""
        if self.config_path.exists() or self.race_path.exists():
            raise RunError(f"{self.path} holds a training run: continue it with --resume, or choose another --output")
        check_target(self.checkpoint_path)
        if self.beginning_path.exists() and not self.config_path.exists():
            return  # of a run that broke off before it was one
        if self.path.exists() and (
            not self.path.is_dir()
            or not all(entry == self.takes_path or is_left_behind(entry) for entry in self.path.iterdir())
        ):
            raise RunError(f"{self.path} exists and is not an empty folder: choose another --output")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Turn what goes wrong on the disk into a RunError; whatever was whole before stays so."""
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self.path} cannot be written to ({error.strerror or error}): make room there or choose another "
                "--output; a checkpoint that was there is kept"
            ) from error

    def begin(self) -> None:
        """Mark the folder as one whose run is being made: what is in it until :meth:`begun` may be thrown away."""
        self.path.mkdir(parents=True, exist_ok=True)
        if self.beginning_path.exists():
            self._remove_files()
        self.beginning_path.touch()

    def begun(self) -> None:
        """The run is whole: from now on it can be continued."""
        self.beginning_path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the files of a run that did not begin, and the folder if nothing else is in it."""
        self._remove_files()
        self.begun()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()

    def _remove_files(self) -> None:
        for name in ("config", "info", "log", "dictionary", "checkpoint", "parity", "labels", "metronome"):
            path: Path = getattr(self, f"{name}_path")
            path.unlink(missing_ok=True)

    def remove_takes(self, *, written: bool) -> None:
        """Delete the recordings of a run that did not begin, if it has written them."""
        if written:
            shutil.rmtree(self.takes_path, ignore_errors=True)
            if self.path.is_dir() and not any(self.path.iterdir()):
                self.path.rmdir()

    def write_config(self, config: TrainConfig) -> None:
        """Store the configuration; this makes the folder a run."""
        write_json(self.config_path, config.to_dict())

    def read_config(self) -> TrainConfig:
        """Configuration of the run; RunError if the folder holds none or a damaged one."""
        if self.beginning_path.exists() and not self.config_path.is_file():
            raise RunError(f"the run in {self.path} broke off before it had begun: train anew, without --resume")
        if not self.config_path.is_file():
            raise RunError(f"{self.path} is not a training run: it has no {self.config_path.name}")
        refuse_ways_out(self.path)
        try:
            return TrainConfig.from_dict(read_json(self.config_path))
        except (BsepError, TypeError) as error:
            raise RunError(f"{self.config_path} cannot be used: {error}") from error

    def write_metronome(self, strikes: Sequence[Strike]) -> None:
        """Store what strikes evenly in the recording, if anything."""
        if strikes:
            write_json(self.metronome_path, {"strikes": [strike.to_dict() for strike in strikes]})

    def read_metronome(self, n_bins: int) -> tuple[Strike, ...]:
        """What strikes evenly in the recording; RunError if it cannot be read."""
        if not self.metronome_path.exists():
            return ()
        values = read_json(self.metronome_path)
        try:
            strikes = record(_Strikes, values, "the metronome").strikes
            if len(strikes) > MOST_STRIKES:
                raise ConfigError(f"a metronome has at most {MOST_STRIKES} sounds, got {len(strikes)}")
            return tuple(Strike.from_dict(each, n_bins) for each in strikes)
        except BsepError as error:
            raise RunError(f"{self.metronome_path} cannot be used ({error}); restore it, or remove it") from error

    def write_verdict(self, verdict: Verdict) -> None:
        """Store what was learned, in numbers and in words."""
        write_json(self.verdict_path, verdict.to_dict())

    def read_sentences(self) -> list[str]:
        """What was learned, in words; empty if the run has not ended yet."""
        return list(read_verdict(self.path)["sentences"]) if self.verdict_path.exists() else []

    def write_info(self, info: RunInfo) -> None:
        """Store how far the run got."""
        write_json(self.info_path, asdict(info))

    def read_info(self) -> RunInfo:
        """How far the run got; RunError if that cannot be read."""
        if not self.info_path.is_file():
            raise RunError(f"{self.path} is not a training run: it has no {self.info_path.name}")
        values = read_json(self.info_path)
        try:
            info = record(RunInfo, values, "run.json")
            check_source_names(info.source_names)
            check_progress(info)
            return info
        except BsepError as error:
            raise RunError(f"{self.info_path} cannot be used ({error}); restore it or train anew") from error

    def write_dictionary(self, source_names: Sequence[str], relative_amplitudes: NDArray[np.float32]) -> None:
        """Store the dictionary, shape (n_sources, n_harmonics), for people to look at."""
        rows = [[float(f"{value:.6g}") for value in row] for row in relative_amplitudes]
        write_json(self.dictionary_path, {"source_names": list(source_names), "relative_amplitudes": rows})

    def write_parity_frames(self, frames: NDArray[np.complex64]) -> None:
        """Store frames, shape (n, n_bins), complex64, for the comparison at export."""
        content = io.BytesIO()  # np.save into a file does not say why it fails
        np.save(content, frames)
        with whole_file(self.parity_path) as temporary:
            temporary.write_bytes(content.getbuffer())

    def read_parity_frames(self) -> NDArray[np.complex64]:
        """Frames for the comparison at export; RunError if they are missing or damaged."""
        fail = Fail(RunError, str(self.parity_path), ": it is missing or damaged, continue the run with --resume")
        frames = read_npy(self.parity_path, "complex64", (None, None), fail).astype(np.complex64, copy=False)
        if not np.isfinite(frames).all():
            raise fail("holds frames that are not finite")
        return frames


def path_text(path: Path) -> str:
    """A path as it stands in a file of the run: a ``file:`` address where it has characters that are no text."""
    text = str(real(path))
    return text if has_only_plain(text) else real(path).as_uri()


def path_of(text: str) -> Path:
    """Inverse of :func:`path_text`."""
    if not text.startswith("file://"):
        return Path(text)
    return Path(unquote(urlsplit(text).path, errors="surrogateescape"))


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write a file of the run, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of the run; RunError if it is damaged."""
    return read_plain(path, Fail(RunError, f"{path} is damaged: it", "; restore it or train anew"))
