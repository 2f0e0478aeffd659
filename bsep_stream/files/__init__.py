"""Recordings on disk, and whole recordings through the stream.

atomic.py       files that appear whole or not at all; outputlock.py: one writer for one folder
audiofile.py    reading recordings block by block; stemwriter.py: writing; libsndfile.py: what both ask of it
containers/     what a file of sound really holds, whatever its header says
stemfolder.py   a folder of stems; spectrogram.py: its spectra
separation.py   a whole recording through the stream; stempaths.py: where its stems go; stems.py: what comes out
suspicions.py   what is probably wrong with a recording that was separated
recordings.py   many recordings, each a job; jobs.py, processes.py: many jobs at once, here or on a cluster
pipes/          WAV or raw samples from standard input, a stem to standard output, while it arrives
plugins.py      which plugins a person has allowed
"""
