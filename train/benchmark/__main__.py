"""``python -m bsep_stream.train.benchmark``."""

from bsep_stream.train.benchmark.cli import main

main()
