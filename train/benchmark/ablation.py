"""The preset `policy`, part by part: ``python -m bsep_stream.train.benchmark.ablation DATA_DIR --output DIR``.

Every variant is the preset with one or two things changed, trained on the mixture for the same seconds of processor
time, and judged on the first seconds of the recording. What is finished is kept: the same command goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import BsepError
from bsep_stream.files.atomic import whole_file
from bsep_stream.train.runs.threads import let_threads_sleep

_NO_DIRECT = {"loss.direct_weight": 0.0}
_SAMPLES = {"policy.candidates": (), "batch_size": 12}

VARIANTS: dict[str, dict[str, Any]] = {
    "the preset": {},
    "without the direct term": _NO_DIRECT,
    "- and published start of the dictionary": {**_NO_DIRECT, "start_decays": ()},
    "- and network from random weights": {**_NO_DIRECT, "pretrained": None},
    "- and published step of the dictionary": {**_NO_DIRECT, "optimiser.dictionary_step_size": 1e-4},
    "- and samples, joint return": {**_NO_DIRECT, **_SAMPLES, "loss.credit": "joint"},
    "- and samples, credit by tone": {**_NO_DIRECT, **_SAMPLES},
    "- and silence cheaper in the dictionary term alone": {**_NO_DIRECT, "loss.discount_all": False},
    "- and entropy 1e-4": {**_NO_DIRECT, "loss.entropy": 1e-4},
    "- and temperature 1 alone": {**_NO_DIRECT, "policy.inverse_temperatures": (1.0,)},
}
"""What is changed, by name. Samples cost about as much for 12 frames as candidates for 8."""

_OF_THE_START = {"start_decays", "pretrained"}
"""Only these change what there is before the first iteration."""


def changed(config: Any, changes: Mapping[str, Any]) -> Any:
    """A configuration with some constants changed, named as in ``{"loss.entropy": 0.1}``."""
    for name, value in changes.items():
        part, _, key = name.rpartition(".")
        inner = replace(getattr(config, part), **{key: value}) if part else value
        config = replace(config, **{part or key: inner})
    return config


def run_variant(item: Any, output: Path, changes: Mapping[str, Any], seconds: float, excerpt: float) -> dict[str, Any]:
    """Train a variant on an item for so many seconds of the processor, and judge it; before, too, if it begins anew."""
    import torch

    from bsep_stream.train.benchmark.curve import flops_until
    from bsep_stream.train.benchmark.inmemory import Judge
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.learning.assessment import assess
    from bsep_stream.train.learning.beginnings import choose_beginning
    from bsep_stream.train.learning.learner import Learner
    from bsep_stream.train.learning.stopping import CHECK_FRAMES
    from bsep_stream.train.network.network_file import shipped_network, start_from_network
    from bsep_stream.train.session.frames import FrameSource
    from bsep_stream.train.session.recording import load_session

    config = changed(preset_config("policy", item.names, item.polyphony), changes)
    session = load_session([item.mixture], config.geometry.sample_rate)
    learner = Learner(config, 0)
    if config.pretrained is not None:
        start_from_network(learner.separator, shipped_network(config.pretrained))
    frames = FrameSource(session, config.geometry, config.training_hop_length, 0)
    overview = frames.overview(CHECK_FRAMES)
    if config.start_decays:
        choose_beginning(learner.separator, overview, config.start_decays)
    judge = Judge(item, session, learner.separator, excerpt, output / "truth")
    before = judge.measures(learner.separator) if not changes or _OF_THE_START & set(changes) else None
    began = time.process_time()
    iterations = 0
    while (spent := time.process_time() - began) < seconds:
        learner.set_progress(spent / seconds)
        learner.step(torch.from_numpy(frames.draw(config.batch_size)))
        iterations += 1
    return {
        "iterations": iterations,
        "flops": flops_until(config, iterations),
        "mixture_cost": assess(learner.separator, overview).mixture_cost,
        "before": before,
        "after": judge.measures(learner.separator),
    }


def row_of(result: Mapping[str, Any]) -> str:
    """Cells of one variant on one item."""
    mask, direct, tones = (result["after"][name] for name in ("mask", "direct", "tones"))
    shares = (tones[name] for name in ("right", "wrong_instrument", "octave", "harmonic", "false_tones"))
    errors = ", ".join("-" if share is None else f"{100 * share:.0f}" for share in shares)
    before = result["before"]
    start = "-" if before is None else f"{before['mask']['mean']['sdr_db']:.1f}"
    by_stem = ", ".join(f"{stem['sdr_db']:.1f}" for stem in mask["stems"])
    return (
        f"{start} | {mask['mean']['sdr_db']:.1f} ({by_stem}) "
        f"| {mask['mean']['sir_db']:.1f} | {direct['mean']['sdr_db']:.1f} | {errors} "
        f"| {result['mixture_cost']:.4f} | {result['iterations']}, {result['flops']:.1e}"
    )


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the results.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--seconds", default=25.0, show_default=True, help="Of the processor, for every training.")
@click.option("--excerpt", default=10.0, show_default=True, help="Seconds of the recording that are judged.")
@click.option("--variants", default="", help="Beginnings of their names, with commas (default: all).")
def main(data: Path, output: Path, items: str, seconds: float, excerpt: float, variants: str) -> None:
    """One table: every variant of the preset `policy` on every item, before and after the same seconds."""
    let_threads_sleep()
    import torch

    from bsep_stream.train.benchmark.items import find_items

    torch.set_num_threads(1)
    wanted = tuple(name for name in variants.split(",") if name)
    click.echo("| item | variant | SDR before | SDR (stems) | SIR | SDR direct | tones | cost | iterations, FLOPs |")
    click.echo("|---|---|---|---|---|---|---|---|---|")
    try:
        for item in find_items(data, [name for name in items.split(",") if name]):
            for variant, changes in VARIANTS.items():
                if wanted and not variant.startswith(wanted):
                    continue
                path = output / f"{item.folder.name}-{seconds:g}s-{'-'.join(variant.replace(',', '').split())}.json"
                if not path.exists():
                    result = run_variant(item, output, changes, seconds, excerpt)
                    with whole_file(path) as temporary:
                        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
                kept = json.loads(path.read_text(encoding="utf-8"))
                click.echo(f"| {item.folder.name} | {variant} | {row_of(kept)} |")
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
