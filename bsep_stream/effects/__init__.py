"""From stems to a remix: racks of effects, made safe for a stream.

catalogue.py  which effects there are, and the ranges of their parameters; vst3.py: plugins by path
rack.py       rack files; racks/: those that are shipped; rackmemory.py: how much one may take
boards.py     one effect chain; fader.py: one gain; impulse.py: responses of rooms
mixer.py      Mixer: stems -> remix; stemmixer.py: StemMixer, mixture -> remix, called like a plugin
"""
