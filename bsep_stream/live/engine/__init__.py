"""The engine: callbacks that only copy, a worker that does the work, and nobody who waits.

liveengine.py   LiveEngine: puts the parts together
history.py      sound by position, written by one thread, read by others
capture.py      the callback of the input; playback.py: that of the output; pace.py: where they are two
worker.py       separates and mixes; rackline.py, line.py: through the rack, aligned
splice.py       bridges without a click; limiter.py: nothing beyond full scale
latency.py      when the cushion grows and shrinks; counters.py: what went wrong, and how often
desk.py         what a hand may move while it plays
"""

from bsep_stream.live.engine.liveengine import LiveEngine as LiveEngine
