"""Damaged files for every reader: ``python -m bsep_stream.fuzz --seconds 60``.

fuzzing.py    tries cases and says what failed
cases.py      readers, and good files for each
mutations.py  damages them
onnxwriter.py writes models, sounds.py recordings
"""
