"""What the machine gives.

listing.py      audio devices; wiring.py: which of them, and how; streams.py: opened; xruns.py: whose an xrun was
midiports.py    MIDI ports; jackmidi.py: those of JACK
priority.py     asks for real time; wakefulness.py: for processors that stay awake
"""
