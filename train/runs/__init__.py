"""Runs.

training.py    `from bsep_stream import train`; run.py: what it gives back; takes.py: audio that is no file;
               watching.py: what it tells meanwhile; threads.py: how torch waits
command.py     `bsep train`, which calls it; progress.py: what it shows; sources.py: how instruments are named
request.py     what a run is asked to be
start.py       beginning and continuing; race.py: several starts, of which the best goes on
each.py        many runs at once; unattended.py: one of them; device.py: where
fuzzcases.py   what the fuzzer tries of a run folder
"""
