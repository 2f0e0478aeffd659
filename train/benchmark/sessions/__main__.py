"""``python -m bsep_stream.train.benchmark.sessions``."""

from bsep_stream.train.benchmark.sessions.command import main

main()
