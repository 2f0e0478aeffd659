"""``python -m bsep_stream.train.workshop SESSION_FOLDER``: train; with ``--correct``: make stems of corrected notes."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

NICENESS = 5
"""The page, the sound and the live engine go first."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--correct", is_flag=True, help="Wait for corrections of notes, and make stems of them.")
@click.option("--anew", is_flag=True, help="Begin a new run with the corrected notes as given.")
@click.option("--longer", is_flag=True, help="Let a run that has ended learn as long again.")
def main(folder: Path, correct: bool, anew: bool, longer: bool) -> None:
    """Train the session in FOLDER, or go on; orders come from standard input, answers lie in the folder."""
    if hasattr(os, "nice"):
        with suppress(OSError):
            os.nice(0 if correct else NICENESS)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # see let_threads_sleep of `bsep train`
    from bsep_stream.studio.sessionfolder import SessionFolder

    session = SessionFolder(folder)
    if correct:
        from bsep_stream.train.workshop.corrector import correct_notes

        correct_notes(session)
    else:
        from bsep_stream.train.workshop.apprentice import train_session

        sys.exit(train_session(session, anew=anew, longer=longer))


if __name__ == "__main__":
    main()
