"""What comes from elsewhere is data: looked at within bounds before anything is made of it.

shown.py      text without control characters; terminal.py, console.py: where all that is printed passes
textfiles.py  JSON, TOML and text of bounded size, depth and numbers; mistakes.py: all that is wrong with one
records.py    JSON objects into dataclasses; arrays.py: npy and npz
statefolder.py  where it is kept what was allowed and tried

What a model may be stands in `model/`: `onnxgraph.py` reads what an ONNX file says, `modelrules.py` says what of that
a model may say, `metadata.py` its metadata, `trial.py` one step of it with bounded memory and time, `tryout.py` the
process for that.
`effects/rackmemory.py` bounds racks, `files/plugins.py` knows which native code was allowed; `fuzz/` tries it all.
SECURITY.md says what is promised.
"""
