"""The recordings of a session, as the training sees them.

recording.py  takes, at one level; frames.py: batches of frames; noise.py: without the noise of the recording
labels.py     tones of frames as a file; labelnotes.py: their notes; metronome.py: strikes that no player makes
ringing.py    how long the tones of every source ring on after their end
"""
