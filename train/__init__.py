"""Training, a function and a package; needs the extra `[train]`.

::

    from bsep_stream import train

    run = train("duet.wav", sources=["flute", "oboe"], output="run", minutes=5)
    run.export("duet.onnx")

:func:`bsep_stream.train.runs.training.train` says what else it takes.
"""

import sys
from importlib.util import find_spec

from bsep_stream.callpackage import CallablePackage
from bsep_stream.errors import INSTALL_TRAINING, MissingDependency

if find_spec("torch") is None:
    raise MissingDependency(f"training needs torch, which is not installed: {INSTALL_TRAINING}")

function_home = "bsep_stream.train.runs.training:train"
sys.modules[__name__].__class__ = CallablePackage
