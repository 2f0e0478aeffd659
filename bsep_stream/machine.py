"""The machine that this runs on: what measured speeds and sizes depend on."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any


def peak_memory_mb() -> float:
    """Largest resident memory of this process so far, in 1e6 bytes; NaN where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak if sys.platform == "darwin" else 1024 * peak) / 1e6


def machine() -> dict[str, Any]:
    """Processor, cores, load and versions: what a measured speed depends on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads_used": 1,
        "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        **{name: version(name) for name in ("bsep-stream", "numpy", "onnxruntime")},
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
