"""The benchmark, ``python -m bsep_stream.train.benchmark``: train, separate, judge, where the true stems are known."""

from bsep_stream.train.benchmark.items import Item as Item
from bsep_stream.train.benchmark.items import find_items as find_items
from bsep_stream.train.benchmark.truth import true_f0 as true_f0
