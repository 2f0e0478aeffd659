"""What comes from elsewhere: files are data, looked at within bounds before anything is made of them.

``shown`` text without control characters; ``textfiles`` JSON, TOML and text of bounded size, depth and numbers;
``records`` JSON objects into dataclasses; ``arrays`` npy and npz; ``onnxgraph`` what an ONNX file says, ``modelrules``
what of that a model may say, ``metadata`` its metadata, ``trial`` one step of it with bounded memory and time;
``plugins`` which native code was allowed; ``fuzz`` tries it all. SECURITY.md says what is promised.
"""
