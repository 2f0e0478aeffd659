"""Runs.

command.py     `bsep train`; progress.py: what it shows; request.py: what a run is asked to be
start.py       beginning and continuing; race.py: several starts, of which the best goes on
each.py        many runs at once; unattended.py: one of them; device.py: where
"""
