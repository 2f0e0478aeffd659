"""Trainings for the studio, each in a process of its own: ``python -m bsep_stream.train.workshop SESSION_FOLDER``.

apprentice.py  search, first stems, network, model, better stems: a session from its recordings to its end
corrector.py   notes that the user gave to another player: labels, and stems at once
firststems.py  stems by masks from labels and timbre, before there is a network
notesheet.py   labels to notes, and corrected notes to labels
journal.py     how far it is, in a file
orders.py      what the studio says meanwhile, on standard input
longsession.py made players of five minutes, for the page to bear
stopwatch.py   how long it takes to first stems; smoothness.py: how smooth the page is meanwhile
"""
