"""Pretraining: the network learns what pitch is from synthetic tones, before it hears any recording.

instruments.py  random registers and timbres; notes.py: random notes; sessions.py: frames of both, with their labels
learning.py     imitation, with new instruments at every step
"""
