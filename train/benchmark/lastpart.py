"""The last part of a training of `fast`: ``python -m bsep_stream.train.benchmark.lastpart DATA_DIR --output DIR``.

From one and the same imitation, which is kept as a run, every form of the policy gradient goes on for as many
iterations, and so does the imitation itself. The step sizes fall over them as they do in the last quarter of a run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import BsepError
from bsep_stream.train.runs.threads import let_threads_sleep

_SUMS = {"policy.candidates": (4, 4), "batch_size": 8, "loss.direct_weight": 0.0, "loss.policy_weight": 1.0}
_DOUBTFUL = {"loss.policy_weight": 10.0, "imitation.sure_share": 0.5, "imitation.drawn_per_frame": 2}

FORMS: dict[str, dict[str, Any] | None] = {
    "imitation": None,
    "samples, anchored everywhere": {},
    "sums over candidates": _SUMS,
    "sums, return with the timbre": {**_SUMS, "loss.timbre_weight": 10.0},
    "sums, anchored where labels are likely, doubtful frames": {**_SUMS, **_DOUBTFUL},
}
"""What is changed in the preset, by name; the first goes on with the imitation."""

FIRST_SHARE = 0.75
"""Of a run, for the step sizes, where the last part begins."""


def run_forms(item: Any, output: Path, imitated: int, iterations: int, excerpt: float) -> list[str]:
    """Rows of a table: the imitation, and what each form makes of it."""
    import torch

    from bsep_stream.train.benchmark.ablation import changed
    from bsep_stream.train.benchmark.inmemory import Judge
    from bsep_stream.train.config.presets import preset_config
    from bsep_stream.train.learning.assessment import assess
    from bsep_stream.train.learning.checkpoint import load_checkpoint
    from bsep_stream.train.learning.learner import Learner
    from bsep_stream.train.learning.run_folder import RunFolder
    from bsep_stream.train.runs.race import Unwatched
    from bsep_stream.train.runs.start import resume_training, start_training
    from bsep_stream.train.session.frames import FrameSource, Transposition
    from bsep_stream.train.session.labels import Labels
    from bsep_stream.train.session.recording import load_session

    preset = preset_config("fast", item.names, item.polyphony)
    folder = RunFolder(output / f"{item.folder.name}-{imitated}")
    if not folder.config_path.exists():
        start_training([item.mixture], preset, folder.path)
    if folder.read_info().iterations < imitated:
        resume_training(folder.path).run(Unwatched(), (imitated, float("inf")))
    checkpoint = load_checkpoint(folder.checkpoint_path)
    labels = Labels.load(folder.labels_path)
    session = load_session([item.mixture], preset.geometry.sample_rate)
    rows = []
    judge = None
    for name, changes in {"(before)": {}, **FORMS}.items():
        config = changed(preset, changes or {})
        learner = Learner(config, 0)
        learner.load_state_dict(checkpoint.tensors)
        frames = FrameSource(session, config.geometry, config.training_hop_length, 0)
        judge = judge or Judge(item, session, learner.separator, excerpt, output / "truth")
        overview = frames.overview(256)
        frames.restore(checkpoint.frame_state)
        settings, transposition = config.imitation, Transposition.of(config)
        step: Callable[[torch.Tensor, torch.Tensor], object] = learner.imitate if changes is None else learner.step
        size = settings.batch_size if changes is None else config.batch_size * settings.drawn_per_frame
        began = time.process_time()
        count = 0 if name == "(before)" else iterations
        for number in range(count):
            learner.set_progress(FIRST_SHARE + (1.0 - FIRST_SHARE) * number / count)
            drawn = frames.draw_labelled(labels, size, settings.level_db, transposition)
            step(*(torch.from_numpy(values) for values in drawn))
        seconds = time.process_time() - began
        found = assess(learner.separator, overview)
        mask = judge.measures(learner.separator)["mask"]
        by_stem = ", ".join(f"{stem['sdr_db']:.2f}" for stem in mask["stems"])
        rows.append(
            f"| {item.folder.name} | {name} | {mask['mean']['sdr_db']:.2f} ({by_stem}) | {mask['mean']['sir_db']:.1f} "
            f"| {found.mixture_cost:.4f} | {100 * found.explained_share:.1f} | {seconds:.0f} |"
        )
    return rows


@click.command()
@click.argument("data", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the runs.")
@click.option("--items", default="", help="Beginnings of the names of folders, with commas (default: all).")
@click.option("--imitated", default=300, show_default=True, help="Iterations of the imitation before.")
@click.option("--iterations", default=60, show_default=True, help="Of every form of the last part.")
@click.option("--excerpt", default=10.0, show_default=True, help="Seconds of the recording that are judged.")
def main(data: Path, output: Path, items: str, imitated: int, iterations: int, excerpt: float) -> None:
    """One table: SDR and SIR of masks, mixture cost and explained share after every form of the last part."""
    let_threads_sleep()
    import torch

    from bsep_stream.train.benchmark.items import find_items

    torch.set_num_threads(1)
    click.echo("| item | last part | SDR (stems) | SIR | cost | explained, % | seconds of the processor |")
    click.echo("|---|---|---|---|---|---|---|")
    try:
        for item in find_items(data, [name for name in items.split(",") if name]):
            for row in run_forms(item, output, imitated, iterations, excerpt):
                click.echo(row)
    except BsepError as error:
        raise click.UsageError(str(error)) from error


if __name__ == "__main__":
    main()
