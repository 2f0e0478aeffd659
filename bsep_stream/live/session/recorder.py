"""Recording while it plays: input, stems and mix, aligned, in a thread of its own."""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

import numpy as np

from bsep_stream.errors import AudioError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.outputlock import locked_folder
from bsep_stream.files.stemwriter import StemWriter, cannot_write, wav_container
from bsep_stream.live.engine.history import Audio, History
from bsep_stream.live.engine.liveengine import LiveEngine

INPUT, MIX = "input", "mix"

_STEP_SECONDS = 0.1
_BLOCK = 4096


class Recorder:
    """Writes what an engine takes in and makes, to the sample at the same place in every file.

    Where the worker gave up sound that was too late, the stems are silent and the mix is the input. When a file would
    grow beyond what a WAV can hold, the next part begins: ``mix.2.wav``.

    Parameters
    ----------
    engine : LiveEngine
        Made with ``record=True``.
    folder : Path
    overwrite : bool

    Raises
    ------
    AudioError
        If files would be overwritten, or cannot be written.
    """

    def __init__(self, engine: LiveEngine, folder: Path, *, overwrite: bool = False) -> None:
        assert engine.stems is not None, "make the engine with record=True"
        self._engine = engine
        self._folder = folder
        self._names = (INPUT, *engine.stem_names, MIX)
        self._lock = ExitStack()
        try:
            self._lock.enter_context(locked_folder(folder))
        except OSError as error:
            raise AudioError(f"cannot write to {folder} ({error.strerror}); give another folder") from error
        if not overwrite:
            for name in self._names:
                if (folder / f"{name}.wav").exists():
                    self._lock.close()
                    raise AudioError(f"{folder / f'{name}.wav'} exists; give another --record folder, or --overwrite")
        channels = engine.channels
        self._input: Audio = np.zeros((channels, _BLOCK), dtype=np.float32)
        self._mix: Audio = np.zeros((channels, _BLOCK), dtype=np.float32)
        self._stems: Audio = np.zeros((len(engine.stem_names) * channels, _BLOCK), dtype=np.float32)
        self.paths: list[Path] = []
        """Finished files."""
        self._position = 0
        self._part, self._part_samples = 0, 0
        self._files: dict[Path, ExitStack] = {}
        self._writers: dict[str, StemWriter] = {}
        self._failure: AudioError | None = None
        try:
            self._next_part()
        except BaseException:
            self._lock.close()
            raise
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def n_samples(self) -> int:
        """Written so far."""
        return self._position

    def start(self) -> None:
        """Write from a thread until :meth:`stop`."""
        self._thread = threading.Thread(target=self._work, name="bsep recorder", daemon=True)
        self._thread.start()

    def step(self, end: int | None = None) -> None:
        """Write what is ready; up to a position of the input if one is given, ready or not."""
        engine = self._engine
        assert engine.stems is not None
        ready = min(engine.wet.end, engine.stems.end) if end is None else end
        while self._position < ready:
            n = min(_BLOCK, ready - self._position)
            sound, mix, stems = self._input[:, :n], self._mix[:, :n], self._stems[:, :n]
            if not engine.input.read(self._position, sound):
                sound[...] = 0.0
                engine.counters.unrecorded_samples += n
            missing = self._read(engine.wet, mix)
            mix[:, :missing] = sound[:, :missing]
            stems[:, : self._read(engine.stems, stems)] = 0.0
            self._write(sound, stems, mix)

    def stop(self) -> None:
        """Finish the files: they are as long as the input.

        Raises
        ------
        AudioError
            If the disk became full; what was recorded until then is kept.
        """
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._failure is None:
                try:
                    self.step(self._engine.input.end)
                    self._finish_part()
                except AudioError as error:
                    self._fail(error)
            if self._failure is not None:
                raise self._failure
        finally:
            self._lock.close()

    def __enter__(self) -> Recorder:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self, history: History, out: Audio) -> int:
        """Read a block, or what of it lies behind a hole; the number of samples that are missing before that."""
        n = out.shape[1]
        missing: int = min(max(history.span[0] - self._position, 0), n)
        return missing if history.read(self._position + missing, out[:, missing:]) else n

    def _write(self, sound: Audio, stems: Audio, mix: Audio) -> None:
        n = sound.shape[1]
        if wav_container(self._part_samples + n, self._engine.channels) != "WAV":
            self._finish_part()
            self._next_part()
        each = stems.reshape(len(self._engine.stem_names), self._engine.channels, n)
        for name, block in zip(self._names, (sound, *each, mix), strict=True):
            self._writers[name].write(block)
        self._position += n
        self._part_samples += n

    def _next_part(self) -> None:
        self._part, self._part_samples = self._part + 1, 0
        suffix = ".wav" if self._part == 1 else f".{self._part}.wav"
        engine = self._engine
        try:
            for name in self._names:
                path = self._folder / f"{name}{suffix}"
                with ExitStack() as stack:
                    temporary = stack.enter_context(whole_file(path))
                    self._writers[name] = StemWriter(temporary, "wav", engine.sample_rate, engine.channels, 0)
                    stack.callback(self._writers[name].close)
                    self._files[path] = stack.pop_all()
        except (OSError, AudioError) as error:
            self._give_up(error)
            if isinstance(error, AudioError):
                raise
            raise AudioError(f"cannot write to {self._folder} ({error.strerror}); give another folder") from error

    def _finish_part(self) -> None:
        """Let the files appear; what is wrong with one does not cost the others."""
        failure: OSError | AudioError | None = None
        for path, file in self._files.items():
            try:
                file.close()
            except (OSError, AudioError) as error:
                failure = failure or error
            else:
                self.paths.append(path)
        self._files = {}
        if isinstance(failure, OSError):
            raise cannot_write(self._folder, failure) from failure
        if failure is not None:
            raise failure

    def _work(self) -> None:
        while not self._stopping.wait(_STEP_SECONDS):
            try:
                self.step()
            except AudioError as error:
                self._fail(error)
                return

    def _fail(self, error: AudioError) -> None:
        """The music goes on; the recording ends, and what has been written of it is kept."""
        files, kept = self._files, self._part_samples
        if files and kept:
            for writer in self._writers.values():
                writer.keep(kept)
            with suppress(AudioError):
                self._finish_part()
        else:
            self._give_up(error)
        seconds = self._position / self._engine.sample_rate
        told = f"; the {seconds:.1f} s before are kept" if self.paths else ""
        self._failure = AudioError(f"{error}{told}")
        self._engine.counters.report("record", self._position, 0, f"the recording has ended: {self._failure}")

    def _give_up(self, error: Exception) -> None:
        for file in self._files.values():
            with suppress(AudioError, OSError):  # of closing, on a full disk
                file.__exit__(type(error), error, None)
        self._files = {}
