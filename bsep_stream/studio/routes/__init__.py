"""Addresses of the server, by what they are about.

session.py  sessions and recordings
learning.py training, stems, notes
desk.py     sound, effects, racks, what one takes home
live.py     the stage
"""
