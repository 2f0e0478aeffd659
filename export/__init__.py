"""Export to ONNX, a function and a package; needs the extra `[train]`.

::

    from bsep_stream import export

    export("run", "duet.onnx")

:func:`bsep_stream.export.cli.export` says what else it takes.
"""

import sys
from importlib.util import find_spec

from bsep_stream.callpackage import CallablePackage
from bsep_stream.errors import INSTALL_TRAINING, MissingDependency

for _name in ("torch", "onnx"):
    if find_spec(_name) is None:
        raise MissingDependency(f"export needs {_name}, which is not installed: {INSTALL_TRAINING}")

function_home = "bsep_stream.export.cli:export"
sys.modules[__name__].__class__ = CallablePackage
