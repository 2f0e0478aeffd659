"""A model file of format 1 in format 2: ``python -m bsep_stream.export.renewal OLD.onnx NEW.onnx``.

Format 1 had a value for the switch ``spectra`` in the graph, so that it could be left out. ONNX Runtime warns of that,
and hosts that list only true inputs cannot switch. Nothing else differs: both files give the same bits.
"""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from bsep_stream.errors import ModelError
from bsep_stream.export.onnx_file import FORMAT_VERSION, METADATA_KEY
from bsep_stream.export.rewriting import rewriting
from bsep_stream.files.atomic import whole_file
from bsep_stream.model.step import SPECTRA_SWITCH


def renew(old: Path, new: Path) -> None:
    """Write a model in the newest format.

    Parameters
    ----------
    old, new : Path
        May be the same.

    Raises
    ------
    ModelError
        If the file is no model of this package.
    """
    try:
        model = onnx.load(str(old))
    except Exception as error:  # what onnx raises shares no base
        raise ModelError(f"{old} cannot be loaded as an ONNX model; give one made by 'bsep export'") from error
    entries = {entry.key: entry for entry in model.metadata_props}
    if METADATA_KEY not in entries:
        raise ModelError(f"{old} is an ONNX file of another program; give one made by 'bsep export'")
    kept = [value for value in model.graph.initializer if value.name != SPECTRA_SWITCH]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    entry = entries[METADATA_KEY]
    entry.value = json.dumps({**json.loads(entry.value), "format_version": FORMAT_VERSION})
    onnx.checker.check_model(model, full_check=True)
    with whole_file(new) as temporary:
        onnx.save(model, str(temporary))


if __name__ == "__main__":
    rewriting(renew)()
