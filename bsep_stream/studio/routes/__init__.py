"""Addresses of the server, by what they are about.

session.py  sessions and recordings
learning.py training, notes, who plays alone where
desk.py     sound, effects, racks, what one takes home
live.py     the stage
"""
