"""Audio through pipes: WAV or raw samples from standard input, a stem or the remix to standard output.

``samples.py`` turns bytes into samples and back, ``wavheader.py`` reads and writes the beginning of a WAV whose length
nobody knows, ``arriving.py`` gives out audio as it comes, ``piping.py`` takes it through the stream.

libsndfile reads few pipes (no WAV with a chunk before its samples, as ffmpeg writes it) and writes none.
"""
