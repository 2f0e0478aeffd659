"""The benchmark, ``python -m bsep_stream.train.benchmark``: train, separate, judge, where the true stems are known.

cli.py       what is asked for; trial.py: one training, judged; training.py: in a process of its own; table.py: all
items.py     recordings with true stems; newitem.py writes one; truth.py: their pitches; diagnostics.py: wrong tones
chords.py    mixtures with chords, of chordscores.py; sessions/: by seed; revoiced.py: other instruments;
             unrelated.py: duets of strangers; synthesizer.py plays them all
ceilings.py  what masks and tones could reach; truetones.py: in a stream
judge.py     the search alone, of maskedstems.py; lonenotes.py: notes that sound alone; errorcosts.py: what its errors
             cost, as mending.py mends them
melodies.py  what the search knows of melodies, unisons.py: of notes that two have, links.py: of notes together,
             learned from made sessions by keptnotes.py and logistic.py
trained.py   models that the benchmark has trained, judged: latencies.py, masksettings.py, steadiness.py,
             disturbances.py (foreignsounds.py), stereo.py (stereoimages.py)
curve.py     quality against compute; ablation.py, lastpart.py, startingpoints.py: parts of a training; profile.py: what
             an iteration costs; inmemory.py: a separator that was not exported, by resynthesis.py
"""

from bsep_stream.train.benchmark.items import Item as Item
from bsep_stream.train.benchmark.items import find_items as find_items
from bsep_stream.train.benchmark.truth import true_f0 as true_f0
