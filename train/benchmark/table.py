"""Tables of the results, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bsep_stream.train.benchmark.ceilings import CEILINGS


def measures_text(values: dict[str, Any]) -> str:
    """Two cells of a table, by stem and the mean, from ``Evaluation.to_dict()``."""
    by_stem = "; ".join(f"{stem['name']} {three(stem)}" for stem in values["stems"])
    return f"{by_stem} | {three(values['mean'])}"


def three(values: dict[str, Any]) -> str:
    """SDR / SIR / SAR; beyond 100 dB there is no interference or no artefact at all."""
    numbers = (values[key] for key in ("sdr_db", "sir_db", "sar_db"))
    return " / ".join("-" if number is None else "inf" if number >= 100 else f"{number:.1f}" for number in numbers)


def ceilings_table(results: Sequence[dict[str, Any]]) -> str:
    """SDR / SIR of every ceiling, mean over the stems."""
    lines = [f"| item | {' | '.join(CEILINGS)} |", "|---" * (len(CEILINGS) + 1) + "|"]
    for result in results:
        means = (result["measures"]["all"][name]["mean"] for name in CEILINGS)
        cells = " | ".join(f"{mean['sdr_db']:.1f} / {mean['sir_db']:.1f}" for mean in means)
        lines.append(f"| {result['item']} | {cells} |")
    return "\n".join(lines) + "\n"
