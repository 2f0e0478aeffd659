"""``bsep evaluate --notes``: notes against the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bsep_stream.trust.terminal import say


def evaluate_notes(references: Sequence[Path], estimates: Sequence[Path], as_json: bool) -> None:
    """Read a file of notes each, compare, print a table or JSON."""
    import json

    from bsep_stream.errors import NotesError
    from bsep_stream.notes.scores import read_note_file, score_notes

    if len(references) != 1 or len(estimates) != 1:
        raise NotesError(
            "--notes compares one file with one file (all sources are in it), got "
            f"{len(references)} references and {len(estimates)} estimates"
        )
    import mir_eval  # noqa: F401  whether it is installed is told before any file is

    scores = score_notes(read_note_file(references[0]), read_note_file(estimates[0]))
    if as_json:
        say(json.dumps(scores.to_dict(), indent=2), lines=True)
        return

    from rich.markup import escape
    from rich.table import Table

    from bsep_stream.trust.console import Console

    table = Table(caption="onset within 50 ms, pitch within 50 cents", caption_justify="left")
    table.add_column("source", min_width=12, overflow="fold")
    for heading in ("true", "found", "precision", "recall", "F1", "F1 offset"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, score in {**scores.sources, "": scores.all_sources}.items():
        if not name:
            table.add_section()
        estimate = scores.matched.get(name, name)
        label = (name if estimate == name else f"{name} ({estimate or 'not found'})") or "whoever plays"
        values = (score.precision, score.recall, score.f1, score.f1_with_offset)
        table.add_row(escape(label), str(score.n_true), str(score.n_found), *(f"{value:.3f}" for value in values))
    Console().print(table)
