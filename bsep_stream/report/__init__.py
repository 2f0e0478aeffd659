"""What was made, shown and judged.

measures.py    SDR, SIR, SAR, permutation; filters.py: what filters of the true stems explain
info.py        what a model or a run holds; runfiles.py: the plain files of a run; bench.py: how fast it is
subject.py     what a report is about: a run, stems, a model
overview.py    one picture or page of it; pictures.py draws, page/ is the page
notebook.py    the same in a notebook
"""
