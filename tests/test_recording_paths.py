"""Where the recordings of a run lie, as its files have it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("name", ["take.wav", "K\udce4se.wav", "a\x1b[2J.wav", "100%.wav", "a?b#c.wav"])
def test_path_of_a_recording_is_kept_whatever_its_name(name: str, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from bsep_stream.train.learning.run_folder import path_of, path_text
    from bsep_stream.trust.shown import has_only_plain

    for path in (tmp_path / name, tmp_path / name / "\x1b.wav"):
        assert has_only_plain(path_text(path))
        assert path_of(path_text(path)) == path.resolve()
