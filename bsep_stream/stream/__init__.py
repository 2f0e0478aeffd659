"""The stream: samples -> hops -> frames -> samples, and how late. It does not know how stems are made.

latency.py       how late, how long the hops, when the network hears what; ledger.py: the parts of a latency
windows.py       windows of a setting
transform.py     samples -> bins -> samples without allocating
spectramaker.py  what the stream asks of whoever makes the spectra of the stems
hops.py          a hop of the mixture in, a hop of every source out
resampling.py    streaming sample rate conversion
samplequeue.py   first in, first out: delay lines, adapter between block sizes
"""
