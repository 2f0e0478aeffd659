"""Recordings with true stems, by seed: ``python -m bsep_stream.train.benchmark.sessions DIR --seeds 0-39``.

`seeds.py` says which seeds are for what. A session goes through `scores.py` (the notes: `works.py` from the corpus of
music21, `composer.py` by chance, `casting.py` who rests and who doubles whom; with chords: `accompaniment.py`),
`instruments.py` (who plays), `expression.py` (how), `renderer.py` (FluidSynth) and `rooms.py` (where); `maker.py` does
one, `command.py` all. Everything is drawn by lot from the seed, and the same seed gives the same files.
"""
