"""The recording, the model and the rack that are shipped with the package.

The recording: recorder and English horn, J. S. Bach, Invention 1 (BWV 772), bars 1 to 7, rendered with
FluidR3_GM (MIT); public domain. ``meta.json`` has its notes and sources. The model was trained on ``mix.flac``
alone.

showcase.py   what `bsep demo` shows
reference.py  a frame and its answer, by which a host in another language is checked
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
MIX = FOLDER / "mix.flac"
MODEL = FOLDER / "model.onnx"
RACK = FOLDER / "rack.toml"
SOURCE_NAMES = ("recorder", "english_horn")
TRUE_STEMS = tuple(FOLDER / f"{name}.flac" for name in SOURCE_NAMES)

TRAINING_SEED = 0
"""Of `bsep demo --train` and of the shipped model, which is what these commands make:

    bsep train bsep_stream/demo/mix.flac --sources recorder,english_horn --output RUN --seed 0
    bsep export RUN --output bsep_stream/demo/model.onnx
"""
