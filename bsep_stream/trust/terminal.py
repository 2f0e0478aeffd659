"""The one place where text goes out to a terminal: names and messages are shown in it, never obeyed.

Whatever the commands print goes through :func:`say` or the Console beside it (``console.py``; a test holds it), where
control characters become what they are called.
"""

from __future__ import annotations

import sys

import click

from bsep_stream.trust.shown import shown


def say(text: object = "", *, err: bool = False, nl: bool = True, lines: bool = False) -> None:
    """Print a line to standard output, or to standard error; with `lines` a text of ours, or JSON, that has several."""
    click.echo(shown(str(text), lines=lines), err=err, nl=nl)


def say_above_bar(text: object, *, err: bool = False) -> None:
    """The same while a bar is shown: Rich redirects what is printed, but not what click echoes."""
    print(shown(str(text)), file=sys.stderr if err else sys.stdout)
