"""``python -m bsep_stream.train.pretraining --output FILE``: make the network that the preset `fast` starts from."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import click

from bsep_stream.errors import BsepError
from bsep_stream.train.runs.threads import let_threads_sleep
from bsep_stream.trust.terminal import say

REPORT_EVERY = 100
SAVE_SECONDS = 120.0


@click.command()
@click.option("--output", required=True, type=click.Path(path_type=Path), help="File of the network, .safetensors.")
@click.option("--preset", default="fast", show_default=True, help="Whose network it is.")
@click.option("--n-sources", type=click.IntRange(2, 4), default=2, show_default=True)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), default=40.0, show_default=True)
@click.option("--step-size", type=click.FloatRange(min=0, min_open=True), default=1e-3, show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--start", type=click.Path(path_type=Path), help="A network to begin with.")
def main(
    output: Path, preset: str, n_sources: int, minutes: float, step_size: float, seed: int, start: Path | None
) -> None:
    """Pretrain a network on synthetic tones; it is saved every two minutes."""
    let_threads_sleep()
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.network.network_file import save_network, start_from_network
    from bsep_stream.train.pretraining.learning import Pretraining

    try:
        config = preset_config(preset, [f"source{number + 1}" for number in range(n_sources)])
        config = replace(config, optimiser=replace(config.optimiser, step_size=step_size))
        pretraining = Pretraining(config, seed)
        if start is not None:
            start_from_network(pretraining.separator, start)
    except BsepError as error:
        raise click.UsageError(str(error)) from error
    began = saved = time.monotonic()
    sums = dict.fromkeys(("imitation", "spectra"), 0.0)
    iterations = 0
    while (share_done := (time.monotonic() - began) / (60 * minutes)) < 1 or not iterations:
        losses = pretraining.step(min(1.0, share_done))
        iterations += 1
        sums = {name: sums[name] + value for name, value in losses.items()}
        if iterations % REPORT_EVERY == 0:
            means = ", ".join(f"{name} {value / REPORT_EVERY:.5g}" for name, value in sums.items())
            say(f"{iterations} iterations, {(time.monotonic() - began) / 60:.1f} min: {means}")
            sums = dict.fromkeys(sums, 0.0)
        if time.monotonic() - saved > SAVE_SECONDS:
            save_network(output, pretraining.separator, _origin(preset, seed, iterations, began))
            saved = time.monotonic()
    save_network(output, pretraining.separator, _origin(preset, seed, iterations, began))


def _origin(preset: str, seed: int, iterations: int, began: float) -> dict[str, str | int | float]:
    return {
        "version": version("bsep-stream"),
        "preset": preset,
        "seed": seed,
        "iterations": iterations,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    main()
