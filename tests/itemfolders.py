"""Recordings with true stems, as folders that the benchmark reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import soundfile

from bsep_stream.train.benchmark.items import Item, find_items

RATE = 48_000
NAMES = ("flute", "oboe")


def write_item(folder: Path, stems: Any) -> Item:
    """Stems of shape (n_sources, channels, samples) as a folder of recordings."""
    folder.mkdir()
    for name, samples in (("mix", sum(stems)), *zip(NAMES, stems, strict=True)):
        soundfile.write(folder / f"{name}.flac", samples.T, RATE)
    (folder / "meta.json").write_text(json.dumps({"instruments": [{"name": name} for name in NAMES]}))
    return find_items(folder.parent)[0]
