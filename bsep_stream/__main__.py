"""``python -m bsep_stream``: the command ``bsep``."""

from bsep_stream.cli import main

if __name__ == "__main__":
    main()
