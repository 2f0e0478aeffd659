"""Export to ONNX: needs the extra `[train]`."""

from importlib.util import find_spec

from bsep_stream.errors import MissingDependency

for _name in ("torch", "onnx"):
    if find_spec(_name) is None:
        raise MissingDependency(f'export needs {_name}, which is not installed: pip install "bsep-stream[train]"')
