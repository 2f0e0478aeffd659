"""Many mistakes at once: what is wrong with a file is gathered to its end, not told one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bsep_stream.errors import ConfigError, RackError


class Mistakes:
    """Gathers the sentences of ConfigErrors.

    Attributes
    ----------
    sentences : list of str
        In the order in which they came.
    """

    def __init__(self) -> None:
        self.sentences: list[str] = []

    @contextmanager
    def noted(self) -> Iterator[None]:
        """What is wrong inside is noted, and the rest of the block left out."""
        try:
            yield
        except RackError as error:
            self.sentences += error.mistakes
        except ConfigError as error:
            self.sentences.append(str(error))

    def refuse(self) -> None:
        """RackError if anything was noted."""
        if self.sentences:
            raise RackError(tuple(dict.fromkeys(self.sentences)))
