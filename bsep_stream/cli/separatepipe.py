"""``bsep separate MODEL -``: from standard input to standard output."""

from __future__ import annotations

import sys
from io import BufferedIOBase
from typing import TYPE_CHECKING, Any, cast

from bsep_stream.errors import ConfigError
from bsep_stream.trust.terminal import say

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack
    from bsep_stream.model.separation_model import SeparationModel


def separate_standard_input(
    model: SeparationModel,
    stem: str | None,
    *,
    rack: Rack | None,
    raw_input: tuple[int, int] | None,
    raw_format: str,
    write_raw: bool,
    **options: Any,
) -> None:
    """Separate while it arrives; nothing but audio goes to standard output.

    Parameters
    ----------
    model : SeparationModel
    stem : str or None
        What is written; with a rack the remix if left out.
    rack : Rack or None
    raw_input : (int, int) or None
        Rate in Hz and channels of samples without a header.
    raw_format : str
        A name of :data:`~bsep_stream.files.pipes.samples.SAMPLE_FORMATS`.
    write_raw : bool
    **options
        Of :class:`~bsep_stream.separator.StreamingSeparator`.
    """
    from bsep_stream.files.pipes.arriving import ArrivingAudio
    from bsep_stream.files.pipes.piping import ALL, check_choice, means_all, separate_pipe
    from bsep_stream.files.pipes.samples import SAMPLE_FORMATS
    from bsep_stream.files.pipes.wavheader import PipeFormat
    from bsep_stream.separator import StreamingSeparator
    from bsep_stream.words import RESIDUAL

    if stem is None and rack is None:
        names = ", ".join((*model.source_names, RESIDUAL, ALL))
        raise ConfigError(f"say what goes to standard output: --stem with one of {names}; or --rack FILE for a remix")
    choice = stem or "remix"
    check_choice(model, choice, rack)
    for what, is_terminal in {"input": sys.stdin.isatty(), "output": sys.stdout.isatty()}.items():
        if is_terminal:
            raise ConfigError(
                f"standard {what} is a terminal, which is no place for audio: use a pipe, such as "
                "`ffmpeg -i FILE -f wav - | bsep separate MODEL.onnx - --stem NAME | ffmpeg -i - OUT.flac`"
            )
    samples = SAMPLE_FORMATS[raw_format]
    raw = None if raw_input is None else PipeFormat(*raw_input, samples)
    arriving = ArrivingAudio(cast(BufferedIOBase, sys.stdin.buffer), raw)
    separator = StreamingSeparator(
        model, sample_rate=arriving.format.sample_rate, channels=arriving.format.channels, **options
    )
    if means_all(choice, separator.stem_names):
        per_stem = f" with {separator.channels} channels each" if separator.channels > 1 else ""
        say(f"channels: {', '.join(separator.stem_names)}{per_stem}", err=True)
    written = samples if write_raw else None
    for remark in separate_pipe(arriving, sys.stdout.buffer, separator, choice, rack=rack, raw=written):
        say(f"standard input {remark}", err=True)
