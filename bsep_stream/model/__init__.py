"""The model: one ONNX file, what its metadata says, the geometry of its frames, and one step of it.

geometry.py          samples <-> bins of one frame
strikes.py           what a metronome strikes like, as the metadata has it
step.py              a frame in, its tones out
separation_model.py  the file, read and checked: onnxgraph.py, modelrules.py, tryout.py with stepcheck.py and
                     trial.py (see `trust/`)
"""
