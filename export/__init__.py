"""Export to ONNX: needs the extra `[train]`."""
