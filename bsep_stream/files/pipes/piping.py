"""Audio from one pipe through the stream into another, aligned, while it arrives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import ConfigError
from bsep_stream.files.pipes.arriving import ArrivingAudio
from bsep_stream.files.pipes.samples import SampleFormat
from bsep_stream.files.pipes.wavheader import wav_header
from bsep_stream.files.separation import aligned
from bsep_stream.files.suspicions import Suspicions
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator
from bsep_stream.words import REMIX, RESIDUAL, nearest

ALL = "all"
"""Every stem, one after the other, as channels of one file."""


class Writable(Protocol):
    """A binary file such as ``sys.stdout.buffer``."""

    def write(self, data: bytes, /) -> object: ...
    def flush(self) -> object: ...


def check_choice(model: SeparationModel, choice: str, rack: Rack | None) -> None:
    """Whether there will be such a thing to write.

    Raises
    ------
    ConfigError
        If ``choice`` is neither a stem nor :data:`ALL`, nor the remix of a rack; if the rack names other stems.
    """
    stems = (*model.source_names, RESIDUAL)
    if choice == REMIX and rack is None:
        raise ConfigError("the remix needs a rack: give --rack FILE, or the name of a shipped one")
    if choice not in (*stems, REMIX, ALL):
        raise ConfigError(f"there is no stem {choice!r}{nearest(choice, (*stems, REMIX, ALL))}")
    if rack is not None:
        rack.check(stems)


def means_all(choice: str, stem_names: Sequence[str]) -> bool:
    """Whether every stem is meant, and not a source of that name."""
    return choice == ALL and choice not in stem_names


def separate_pipe(
    arriving: ArrivingAudio,
    out: Writable,
    separator: StreamingSeparator,
    choice: str,
    *,
    rack: Rack | None = None,
    raw: SampleFormat | None = None,
) -> tuple[str, ...]:
    """Separate what arrives and write what was chosen, as long as the input and aligned with it.

    Every block is written as soon as the stream has it, so the delay is the latency of the stream and the memory
    does not grow.

    Parameters
    ----------
    arriving : ArrivingAudio
    out : binary file
    separator : StreamingSeparator
        Of the rate and the channels of what arrives; with a residual.
    choice : str
        A stem, :data:`~bsep_stream.words.REMIX`, or :data:`ALL`: all stems as channels, in their order.
    rack : Rack, optional
        For the remix.
    raw : SampleFormat, optional
        Write samples without a header; else a WAV of float32 samples.

    Returns
    -------
    tuple of str
        What is probably wrong with it: what stands behind its name in a sentence.

    Raises
    ------
    AudioError
        What :class:`~bsep_stream.files.pipes.arriving.ArrivingAudio` raises; if the input broke off, after all of it
        has been written.
    """
    channels = separator.channels * (separator.n_stems if means_all(choice, separator.stem_names) else 1)
    if raw is None:
        out.write(wav_header(separator.sample_rate, channels, arriving.n_samples))
    suspicions = Suspicions(separator.model.n_sources)
    for block in _chosen(arriving, separator, choice, rack, suspicions):
        if block.size:
            out.write(block.T.astype("<f4").tobytes() if raw is None else raw.encode(block))
            out.flush()
    arriving.check_end()
    return suspicions.remarks()


def _chosen(
    arriving: ArrivingAudio, separator: StreamingSeparator, choice: str, rack: Rack | None, suspicions: Suspicions
) -> Iterator[NDArray[np.float32]]:
    def blocks() -> Iterator[NDArray[np.float32]]:
        for block in arriving.blocks():
            suspicions.hear(block)
            yield block

    def seen() -> Iterator[NDArray[np.float32]]:
        for each in aligned(separator, blocks()):
            suspicions.see(each)
            yield each

    stems = seen()
    if choice in separator.stem_names:
        index = separator.stem_names.index(choice)
        return (each[index] for each in stems)
    if means_all(choice, separator.stem_names):
        return (np.concatenate(list(each)) for each in stems)
    assert rack is not None  # check_choice
    return aligned(rack.mixer(separator.stem_names, separator.sample_rate, separator.channels), stems)
