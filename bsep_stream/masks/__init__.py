"""How a frame of the mixture is shared out among the stems.

outputs.py      the network's ear; tones as outputs: direct, dictionary; level.py: how loud it hears
maskoutput.py   the mixture shared out by the timbre of the tones; smoothing.py: over frequency
masksettings.py what can be chosen about that
places.py       in stereo, by where the sources are as well
foreign.py      what no instrument makes, for the residual; metronome.py: strikes that training knows from its recording
stemspectra.py  whose tones share out which frame, by setting and output
"""
