"""Whole recordings through the stream: from an array to stems, from a file to files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bsep_stream.errors import ConfigError, StreamError
from bsep_stream.files.atomic import whole_file
from bsep_stream.files.audiofile import BLOCK_SIZE, Recording, read_recording
from bsep_stream.files.outputlock import locked_folder
from bsep_stream.files.stempaths import planned_paths, stem_files
from bsep_stream.files.stems import Stems
from bsep_stream.files.stemwriter import StemWriter, cannot_write
from bsep_stream.files.suspicions import Suspicions
from bsep_stream.masks.masksettings import MaskSettings
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.latency import QUALITY
from bsep_stream.words import MOST_CHANNELS, REMIX

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack

_FEW_CHANNELS = 8
"""No more are taken for samples, however short the audio."""


class _Late(Protocol):
    """A part of a stream that answers ``latency_samples`` late."""

    @property
    def latency_samples(self) -> int: ...
    def process(self, block: NDArray[np.float32], /) -> NDArray[np.float32]: ...
    def flush(self) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class SeparatedFile:
    """What :func:`separate_file` wrote."""

    paths: dict[str, Path]
    """File of every stem, by its name; with a rack also ``remix``."""
    n_clipped: dict[str, int]
    """Samples beyond full scale that a FLAC file could not hold, by stem; without those that have none."""
    n_samples: int
    """Length of every file."""
    warnings: tuple[str, ...] = ()
    """What is missing of the recording, other than its header says, or probably wrong with it: sentences."""


def separate(
    model: SeparationModel | str | Path,
    audio: str | Path | ArrayLike,
    sample_rate: int | None = None,
    *,
    output: str | None = None,
    residual: bool = True,
    mask: MaskSettings | None = None,
    latency: str | float = QUALITY,
) -> Stems:
    """Separate a whole recording, with the bits that the stream would give.

    Parameters
    ----------
    model : SeparationModel or str or Path
    audio : str, Path, or array_like of shape (channels, n_samples) or (n_samples,), float
        A file in any format that libsndfile reads, or what is in it.
    sample_rate : int, optional
        Samples per second of an array; a file says its own.
    output, residual, mask, latency
        As for :class:`~bsep_stream.separator.StreamingSeparator`.

    Returns
    -------
    Stems, shape (n_stems, channels, n_samples), float32
        The sources in the order of ``model.source_names``, then the residual; aligned with ``audio``. An array that
        also has ``stems["flute"]``, ``stems.items()`` and ``stems.save(folder)``, and which a notebook shows with
        players.

    Raises
    ------
    StreamError
        If the audio has another shape, or samples that are not finite.
    AudioError
        If a file cannot be read.
    ConfigError
        An array without a rate, or a file with one.

    Examples
    --------
    >>> from bsep_stream import separate
    >>> stems = separate("duet.onnx", "duet.wav")
    >>> stems.names
    ('flute', 'oboe', 'residual')
    >>> flute = stems["flute"]  # (channels, samples), aligned with duet.wav
    >>> paths = stems.save("separated")
    """
    if isinstance(audio, str | Path):
        if sample_rate is not None:
            raise ConfigError("a file says its own sample rate: leave sample_rate out")
        audio, sample_rate = read_recording(audio)
    if sample_rate is None:
        raise ConfigError("audio as an array needs its sample_rate in Hz: separate(model, audio, 48_000)")
    audio = np.asarray(audio)
    if audio.ndim == 1:
        audio = audio[None]
    if audio.ndim != 2 or not len(audio):
        raise StreamError(f"audio must have the shape (channels, n_samples), got {audio.shape}")
    n_channels, n_samples = audio.shape
    if n_channels > MOST_CHANNELS or 0 < max(n_samples, _FEW_CHANNELS) < n_channels:
        raise StreamError(
            f"audio must have the shape (channels, n_samples), got {audio.shape}: this looks like (samples, channels), "
            "as soundfile reads it; give its .T"
        )
    separator = StreamingSeparator(
        model,
        sample_rate=sample_rate,
        channels=len(audio),
        output=output,
        residual=residual,
        mask=mask,
        latency=latency,
    )
    stems = np.empty((separator.n_stems, *audio.shape), dtype=np.float32)
    blocks = (audio[:, start : start + BLOCK_SIZE] for start in range(0, audio.shape[1], BLOCK_SIZE))
    done = 0
    for piece in aligned(separator, blocks):
        stems[..., done : done + piece.shape[-1]] = piece
        done += piece.shape[-1]
    return Stems.of(stems, separator.stem_names, separator.sample_rate)


def separate_file(
    model: SeparationModel | str | Path,
    recording: str | Path,
    folder: str | Path,
    *,
    audio_format: str = "wav",
    output: str | None = None,
    residual: bool = True,
    mask: MaskSettings | None = None,
    latency: str | float = QUALITY,
    rack: Rack | None = None,
    overwrite: bool = False,
    progress: Callable[[int], object] | None = None,
) -> SeparatedFile:
    """Separate a recording into one file per stem; the memory needed does not grow with its length.

    Parameters
    ----------
    model : SeparationModel or str or Path
    recording : str or Path
        Any format that libsndfile reads, any sample rate and number of channels.
    folder : str or Path
        Where ``NAME.wav`` of every stem is written, at the rate and with the channels of the
        recording, aligned with it and exactly as long. All of them appear when all are complete.
    audio_format : {"wav", "flac"}
        float32 WAV (RF64 above 4 GB) or FLAC of 24 bits.
    output, residual, mask, latency
        As for :class:`~bsep_stream.separator.StreamingSeparator`.
    rack : Rack, optional
        Effects and gains; the remix is written beside the stems.
    overwrite : bool
        Whether existing files are replaced.
    progress : callable, optional
        Called with the number of samples of every block that is done.

    Raises
    ------
    AudioError
        If the recording cannot be used, a file exists, or the disk is full.
    ConfigError
        If a parameter makes no sense.

    Examples
    --------
    >>> from bsep_stream import separate_file
    >>> written = separate_file("duet.onnx", "duet.wav", "stems", audio_format="flac")
    >>> sorted(written.paths)
    ['flute', 'oboe', 'residual']
    """
    model = model if isinstance(model, SeparationModel) else SeparationModel(model)
    names = stem_files(model, residual=residual, remix=rack is not None)
    planned_paths([recording], folder, names, audio_format, overwrite=overwrite)
    with ExitStack() as stack:
        try:
            stack.enter_context(locked_folder(Path(folder)))
        except OSError as error:
            raise cannot_write(Path(folder), error) from error
        # Once more: whoever held the folder may have written these files.
        paths = planned_paths([recording], folder, names, audio_format, overwrite=overwrite)[0]
        audio = stack.enter_context(Recording(recording))
        separator = StreamingSeparator(
            model,
            sample_rate=audio.sample_rate,
            channels=audio.channels,
            output=output,
            residual=residual or rack is not None,  # the remix may use it though no file is wanted
            mask=mask,
            latency=latency,
        )
        remixer = None if rack is None else rack.mixer(separator.stem_names, audio.sample_rate, audio.channels)
        try:
            return _write(audio, separator, remixer, paths, audio_format, progress)
        except OSError as error:
            raise cannot_write(Path(folder), error) from error


def aligned(late: _Late, blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """Answers to blocks without the latency: together exactly as long as the blocks."""
    skip = late.latency_samples
    for block in blocks:
        answer = late.process(block)
        drop = min(skip, answer.shape[-1])
        skip -= drop
        yield answer[..., drop:]
    yield late.flush()[..., skip:]


def _write(
    audio: Recording,
    separator: StreamingSeparator,
    remixer: _Late | None,
    paths: dict[str, Path],
    audio_format: str,
    progress: Callable[[int], object] | None,
) -> SeparatedFile:
    suspicions = Suspicions(separator.model.n_sources)

    def blocks() -> Iterator[NDArray[np.float32]]:
        for block in audio.blocks():
            suspicions.hear(block)
            yield block
            if progress is not None:
                progress(block.shape[-1])

    n_samples = 0
    with ExitStack() as files:
        # Every writer is closed before the first temporary file is renamed: all stems appear, or none.
        temporary = {name: files.enter_context(whole_file(path)) for name, path in paths.items()}
        with ExitStack() as open_writers:
            writers: dict[str, StemWriter] = {}
            for name, path in temporary.items():
                writers[name] = StemWriter(path, audio_format, audio.sample_rate, audio.channels, audio.n_samples)
                open_writers.callback(writers[name].close)

            def write_stems() -> Iterator[NDArray[np.float32]]:
                nonlocal n_samples
                for stems in aligned(separator, blocks()):
                    n_samples += stems.shape[-1]
                    suspicions.see(stems)
                    for name, stem in zip(separator.stem_names, stems, strict=True):
                        if name in writers:
                            writers[name].write(stem)
                    yield stems

            if remixer is None:
                for _ in write_stems():
                    pass
            else:
                for mix in aligned(remixer, write_stems()):
                    writers[REMIX].write(mix)
    clipped = {name: writer.n_clipped for name, writer in writers.items() if writer.n_clipped}
    suspected = tuple(f"{audio.path} {remark}" for remark in suspicions.remarks())
    return SeparatedFile(paths, clipped, n_samples, (*audio.warnings, *suspected))
