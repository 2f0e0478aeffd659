"""What a file of sound really holds, whatever its header claims.

Programs that record or stream write a header before they know the length: some come back to it, some crash before, some
have only 32 bits for it. libsndfile believes the header. So the bytes are looked at first (``contents.py``):
``chunks.py`` for WAV, AIFF and their kin, ``flacframes.py``, ``mp3frames.py``, ``oggpages.py``, ``oggflac.py``;
where header and bytes differ, libsndfile is shown a ``byteview.py`` of the file with the header that it should have.
"""
