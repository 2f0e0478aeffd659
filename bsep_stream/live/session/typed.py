"""The desk by keyboard: lines like `mute flute`, `gain oboe -6`, `wet 0.5`, typed while it plays."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from queue import Empty, Queue
from typing import TextIO

from bsep_stream.errors import ConfigError
from bsep_stream.live.engine.desk import Desk
from bsep_stream.trust.shown import brief
from bsep_stream.words import nearest

_LONGEST_LINE = 1_000  # characters
_MOST_WAITING = 20  # lines: a program that writes without end shall wait, not fill the memory

USAGE = "mute STEM, unmute STEM, solo STEM, unsolo STEM, gain STEM|master DB, wet 0..1, bypass, unbypass"


def obey(desk: Desk, line: str) -> str:
    """Do what a line says.

    Returns
    -------
    str
        What was done, or the usage.

    Raises
    ------
    ConfigError
        A line that makes no sense.
    """
    word, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if word in ("mute", "unmute"):
        desk.set_mute(rest, word == "mute")
    elif word in ("solo", "unsolo"):
        desk.set_solo(rest, word == "solo")
    elif word == "gain":
        name, _, gain_db = rest.rpartition(" ")
        desk.set_gain_db(name.strip(), _number(gain_db, "a gain in dB"))
    elif word == "wet":
        desk.set_dry_wet(_number(rest, "a number from 0 to 1"))
    elif word in ("bypass", "unbypass"):
        desk.set_bypass(word == "bypass")
    elif word in ("", "help", "?"):
        return USAGE
    else:
        words = [each.strip().partition(" ")[0] for each in USAGE.split(",")]
        raise ConfigError(f"there is no command {brief(word)}{nearest(word, words)}")
    return f"{line.strip()}: done"


class TypedLines:
    """Lines that somebody types, read by a thread of its own.

    Parameters
    ----------
    source : file, optional
        Standard input if not given, unless this is a job in the background: reading would stop it.
    """

    def __init__(self, source: TextIO | None = None) -> None:
        self._lines: Queue[str] = Queue(_MOST_WAITING)
        if source is None:
            source = sys.stdin if _may_read(sys.stdin) else None
        self._source = source
        if source is not None:
            threading.Thread(target=self._read, name="bsep keyboard", daemon=True).start()

    def poll(self, desk: Desk) -> list[str]:
        """Obey what was typed since the last time; the answers."""
        answers: list[str] = []
        while len(answers) < _MOST_WAITING:  # the rest next time: the show goes on meanwhile
            try:
                line = self._lines.get_nowait()
            except Empty:
                break
            try:
                answers.append(obey(desk, line))
            except ConfigError as error:
                answers.append(str(error))
            except Exception as error:  # no line ends the show
                answers.append(f"{brief(line)} cannot be done ({type(error).__name__}: {error})")
        return answers

    def _read(self) -> None:
        assert self._source is not None
        with suppress(OSError, ValueError):  # the terminal has gone: nothing more will be typed
            while line := self._source.readline(_LONGEST_LINE):
                self._lines.put(line)
                while len(line) == _LONGEST_LINE and not line.endswith("\n"):  # the rest of it is nothing
                    line = self._source.readline(_LONGEST_LINE)


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise ConfigError(f"expected {what}, got {brief(text)}") from error


def _may_read(stream: TextIO) -> bool:
    """Whether reading does no harm: a job in the background that reads from its terminal is stopped."""
    if not hasattr(os, "tcgetpgrp"):  # Windows has no such jobs
        return True
    try:
        return not stream.isatty() or os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # closed, or the terminal of somebody else
        return False
