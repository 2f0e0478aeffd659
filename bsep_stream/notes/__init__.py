"""Notes: from the tones of single frames to note events, and on to MIDI, tables and scores.

events.py         settings, tones, starts, notes
tracker.py        frames -> notes, causally, frame by frame (for files and for live playing alike)
transcription.py  recording -> frames -> notes and pitch tracks
midi.py           notes <-> MIDI files
tables.py         notes <-> CSV, pitch tracks -> CSV
scores.py         notes against the true ones
pitches.py        pitch over time in a folder of stems; tuning.py: of a recording
"""
