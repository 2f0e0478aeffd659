"""Training: needs the extra `[train]`."""

from importlib.util import find_spec

from bsep_stream.errors import MissingDependency

if find_spec("torch") is None:
    raise MissingDependency('training needs torch, which is not installed: pip install "bsep-stream[train]"')
