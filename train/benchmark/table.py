"""The results of a benchmark in one summary (JSON) and its tables (Markdown)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from statistics import fmean, pstdev
from typing import Any

from bsep_stream.train.benchmark.ceilings import CEILINGS
from bsep_stream.train.benchmark.diagnostics import ERRORS

KINDS = ("mixture", "mask", "direct", "dictionary")
"""What is judged: the mixture itself in place of every stem, and the three outputs."""

_MEASURES = ("sdr_db", "sir_db", "sar_db")

Result = dict[str, Any]


def measures_text(values: dict[str, Any]) -> str:
    """Two cells of a table, by stem and the mean, from ``Evaluation.to_dict()``."""
    by_stem = "; ".join(f"{stem['name']} {three(stem)}" for stem in values["stems"])
    return f"{by_stem} | {three(values['mean'])}"


def three(values: dict[str, Any]) -> str:
    """SDR / SIR / SAR; beyond 100 dB there is no interference or no artefact at all."""
    return " / ".join(_db(values[key]) for key in _MEASURES)


def summarise(results: Sequence[Result], ceilings: Sequence[Result]) -> dict[str, Any]:
    """Everything that the tables show, as plain values."""
    return {
        "separation": [
            {"item": item, "take": take, "kind": kind, "part": "all" if take == "all" else "second half", "seeds": n}
            | over_seeds(own, "all" if take == "all" else "second half", kind)
            for (item, take), own in _grouped(results, lambda result: (result["item"], result["asked"]["take"]))
            for kind in KINDS
            for n in [len(own)]
        ],
        "seeds": [
            {"item": item, **chosen_seed(own)}
            for (item,), own in _grouped(_of_take(results, "all"), lambda result: (result["item"],))
        ],
        "generalisation": generalisation(results),
        "ceilings": list(ceilings),
        "trials": list(results),
    }


def over_seeds(results: Sequence[Result], part: str, kind: str) -> dict[str, Any]:
    """Mean and standard deviation over seeds of the measures of every stem, and of their mean."""
    evaluations = [result["measures"][part][kind] for result in results]
    stems = [
        {"name": first["name"], **_spread([evaluation["stems"][number] for evaluation in evaluations])}
        for number, first in enumerate(evaluations[0]["stems"])
    ]
    return {"stems": stems, "mean": _spread([evaluation["mean"] for evaluation in evaluations])}


def chosen_seed(results: Sequence[Result], kind: str = "mask") -> dict[str, Any]:
    """The seed of least mixture cost, chosen without truth, and how far it is from the best one.

    Parameters
    ----------
    results : sequence of dict
        Trials of one item.
    """
    sdr = {result["asked"]["seed"]: result["measures"]["all"][kind]["mean"]["sdr_db"] for result in results}
    best = max(sdr, key=lambda seed: -1e9 if sdr[seed] is None else sdr[seed])
    costs = {result["asked"]["seed"]: result["mixture_cost"] for result in results}
    known = all(cost is not None for cost in costs.values())
    chosen = min(costs, key=lambda seed: costs[seed]) if known else None
    distance = None if chosen is None or sdr[chosen] is None else sdr[best] - sdr[chosen]
    return {"sdr_db": sdr, "mixture_cost": costs, "chosen": chosen, "best": best, "below_best_db": distance}


def generalisation(results: Sequence[Result], kind: str = "mask") -> list[dict[str, Any]]:
    """SDR in the second half of an item, of models that have heard it and of models that have not."""
    rows = []
    for (item,), own in _grouped(results, lambda result: (result["item"],)):
        by_take = {
            take: [
                result["measures"]["second half"][kind]["mean"]["sdr_db"]
                for result in own
                if result["asked"]["take"] == take
            ]
            for take in ("all", "first half")
        }
        if by_take["all"] and by_take["first half"]:
            heard, unheard = (fmean(by_take[take]) for take in ("all", "first half"))
            rows.append({"item": item, "all_db": heard, "first_half_db": unheard, "loss_db": heard - unheard})
    return rows


def markdown(summary: dict[str, Any]) -> str:
    """All tables that have something to show."""
    parts = []
    if summary["separation"]:
        parts += ["SDR / SIR / SAR in dB, mean over seeds +- their standard deviation:", _separation_table(summary)]
        parts += ["Seeds (SDR of `mask` in dB), chosen by the mixture alone, and what was needed:", _seeds(summary)]
        parts += ["Tones (of the model, of the search), shares in % of (instrument, frame) pairs:", _tones(summary)]
    if summary["generalisation"]:
        parts += ["Second half, SDR of `mask` in dB, mean over seeds:", _generalisation_table(summary)]
    if summary["ceilings"]:
        parts += ["Ceilings at known pitches, SDR / SIR in dB, mean over stems:", ceilings_table(summary["ceilings"])]
    return "\n\n".join(parts) + "\n"


def ceilings_table(results: Sequence[Result]) -> str:
    """SDR / SIR of every ceiling, mean over the stems."""
    return _table(
        ("item", *CEILINGS),
        (
            (
                result["item"],
                *(
                    f"{_db(mean['sdr_db'])} / {_db(mean['sir_db'])}"
                    for name in CEILINGS
                    for mean in [result["measures"]["all"][name]["mean"]]
                ),
            )
            for result in results
        ),
    )


def curve_table(points: Sequence[Result]) -> str:
    """Iterations, time, FLOPs and SDR of the points of a curve."""
    rows = []
    for point in points:
        sdr = (_db(point["measures"]["all"][kind]["mean"]["sdr_db"]) for kind in ("mask", "direct", "dictionary"))
        rows.append((point["preset"], point["iterations"], f"{point['seconds']:.0f}", f"{point['flops']:.2e}", *sdr))
    head = ("preset", "iterations", "seconds", "FLOPs", "mask, SDR in dB", "direct", "dictionary")
    return _table(head, rows) + "\n"


def _separation_table(summary: dict[str, Any]) -> str:
    reachable = {row["item"]: row["measures"] for row in summary["ceilings"]}
    rows = []
    for row in summary["separation"]:
        stems = "; ".join(f"{stem['name']} {_with_spread(stem)}" for stem in row["stems"])
        ceiling = reachable.get(row["item"], {}).get(row["part"], {}).get("mask of joint peaks")
        gap = "-"
        if ceiling is not None and row["kind"] != "mixture" and row["mean"]["sdr_db"] is not None:
            gap = f"{ceiling['mean']['sdr_db'] - row['mean']['sdr_db']:.1f}"
        name = row["item"] if row["take"] == "all" else f"{row['item']}, second half, trained on the first"
        rows.append((name, row["kind"], row["seeds"], stems, _with_spread(row["mean"]), gap))
    return _table(("item", "output", "seeds", "by stem", "mean", "below mask of joint peaks, dB"), rows)


def _seeds(summary: dict[str, Any]) -> str:
    rows = []
    for row in summary["seeds"]:
        own = [trial for trial in _of_take(summary["trials"], "all") if trial["item"] == row["item"]]
        memory = [trial["peak_memory_mb"] for trial in own if trial["peak_memory_mb"] is not None]
        below = "-" if row["below_best_db"] is None else f"{row['below_best_db']:.1f}"
        rows.append(
            (
                row["item"],
                ", ".join(f"{seed}: {_db(value)}" for seed, value in row["sdr_db"].items()),
                "-" if row["chosen"] is None else row["chosen"],
                row["best"],
                below,
                f"{fmean(trial['iterations'] for trial in own):.0f}",
                f"{fmean(trial['iterations_per_second'] for trial in own):.2f}",
                f"{fmean(trial['seconds'] for trial in own) / 60:.1f}",
                f"{max(memory):.0f}" if memory else "-",
                "/".join(sorted({str(trial["threads"]) for trial in own})),
            )
        )
    head = ("item", "SDR by seed", "chosen", "best", "below best, dB", "iterations", "iterations/s", "minutes")
    return _table((*head, "peak memory, MB", "threads"), rows)


def _tones(summary: dict[str, Any]) -> str:
    rows = []
    for trial in summary["trials"]:
        found = trial["diagnostics"]
        likeness = ", ".join(f"{name} {value:.3f}" for name, value in found["dictionary_similarity"].items())
        name = trial["item"] + ("" if trial["asked"]["take"] == "all" else ", trained on the first half")
        for kind in ("tones", "labels"):
            if found[kind] is not None:
                shares = (_percent(found[kind][error]) for error in (*ERRORS, "false_tones"))
                counts = f"{found[kind]['n_sounding']}, {found[kind]['n_silent']}"
                row = (name, trial["asked"]["seed"], "model" if kind == "tones" else "search", counts, *shares)
                rows.append((*row, likeness if kind == "tones" else ""))
    errors = (error.replace("_", " ") for error in ERRORS)
    return _table(
        ("item", "seed", "of", "sounding, silent pairs", *errors, "false in silence", "dictionary (cosine)"), rows
    )


def _generalisation_table(summary: dict[str, Any]) -> str:
    keys = ("all_db", "first_half_db", "loss_db")
    rows = [(row["item"], *(f"{row[key]:.1f}" for key in keys)) for row in summary["generalisation"]]
    return _table(("item", "trained on all", "on the first half", "loss"), rows)


def _table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    lines = [[*head]]
    lines += [["---"] * len(lines[0]), *([str(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _grouped(
    results: Iterable[Result], key: Callable[[Result], tuple[Any, ...]]
) -> list[tuple[tuple[Any, ...], list[Result]]]:
    groups: dict[tuple[Any, ...], list[Result]] = defaultdict(list)
    for result in results:
        groups[key(result)].append(result)
    return list(groups.items())


def _of_take(results: Iterable[Result], take: str) -> list[Result]:
    return [result for result in results if result["asked"]["take"] == take]


def _spread(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in _MEASURES:
        known = [row[key] for row in rows if row[key] is not None]
        values[key] = fmean(known) if known else None
        values[key.replace("_db", "_spread_db")] = pstdev(known) if known else None
    return values


def _with_spread(values: dict[str, Any]) -> str:
    spreads = [values[key.replace("_db", "_spread_db")] for key in _MEASURES]
    if not any(spreads):  # one seed
        return three(values)
    pairs = zip((values[key] for key in _MEASURES), spreads, strict=True)
    return " / ".join(
        _db(value) if _db(value) in ("-", "inf") else f"{value:.1f} +- {spread:.1f}" for value, spread in pairs
    )


def _db(value: float | None) -> str:
    return "-" if value is None else "inf" if value >= 100 else f"{value:.1f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
