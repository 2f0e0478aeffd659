"""Warnings about recordings as a command says them: the sentence, without the line of code that gave it."""

from __future__ import annotations

import sys
import warnings
from typing import Any, TextIO

from bsep_stream.plain import shown


class AudioWarning(UserWarning):
    """A recording of which something is missing, or other than its header says; what is there was taken."""

    def __str__(self) -> str:
        return shown(super().__str__())  # the name of the recording is anything


def speak_warnings() -> None:
    """From now on, in this process, say every warning about a recording in one line on standard error."""
    usual = warnings.showwarning

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if issubclass(category, AudioWarning) and file is None:
            if sys.stderr is not None:
                print(f"bsep: {message}", file=sys.stderr)
        else:
            usual(message, category, filename, lineno, file, line)

    warnings.simplefilter("always", AudioWarning)
    module: Any = warnings
    module.showwarning = show
