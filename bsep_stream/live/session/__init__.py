"""A session on stage.

livesession.py  engine and devices together
status.py       what a person sees meanwhile; typed.py: what is typed; rackwatch.py: a rack that is saved
recorder.py     what is recorded; notesender.py: notes that are sent; losttime.py: sound that never came
"""
