"""``python -m bsep_stream.fuzz``."""

from bsep_stream.fuzz.fuzzing import main

if __name__ == "__main__":
    main()
