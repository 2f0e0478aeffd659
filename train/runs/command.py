"""`bsep train`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.plain import pasteable, path_word
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.learning.runinfo import RunInfo
from bsep_stream.train.runs.request import RunRequest
from bsep_stream.train.runs.run import Run
from bsep_stream.train.runs.sources import parse_sources as parse_sources
from bsep_stream.train.runs.training import train
from bsep_stream.trust.terminal import say


@click.command("train")
@click.argument("mix", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--sources",
    help="Names of the instruments, from the highest to the lowest, such as recorder,violin; of those that play chords "
    "or ring on with the number of tones, such as violin,piano:4.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--preset", help="fast (default); policy, which learns as published; or paper, with its constants.")
@click.option("--iterations", type=click.IntRange(min=1), help="End after so many iterations (default: the preset's).")
@click.option("--minutes", type=float, help="End after so long, everything included.")
@click.option("--seed", type=click.IntRange(min=0), help="Of all that is random (default: 0).")
@click.option("--seeds", type=click.IntRange(1, 64), help="Begin with so many seeds, go on with the best (default: 1).")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or mps.")
@click.option("--resume", is_flag=True, help="Continue the run in --output; limits count from its first beginning.")
@click.option(
    "--init", type=click.Path(path_type=Path), help="Start from the network and the dictionary of another run."
)
@click.option("--solo", "solos", multiple=True, metavar="NAME=FROM-TO", help="One source plays alone: flute=0:00-0:08.")
@click.option(
    "--notes",
    type=click.Path(path_type=Path),
    help="Notes whose sources are right: a table of bsep notes, corrected, or MIDI.",
)
@click.option("--each", is_flag=True, help="Every MIX is a session of its own: a run for each, in folders of --output.")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, help="So many runs or seeds at once, a core for each."
)
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that does them instead.")
@click.option("--verbose", is_flag=True, help="Also tell the terms of the loss.")
@click.pass_context
def command(
    ctx: click.Context,
    mix: tuple[Path, ...],
    sources: str | None,
    output: Path,
    preset: str | None,
    iterations: int | None,
    minutes: float | None,
    seed: int | None,
    seeds: int | None,
    device: str,
    resume: bool,
    init: Path | None,
    solos: tuple[str, ...],
    notes: Path | None,
    each: bool,
    workers: int,
    scheduler: str | None,
    verbose: bool,
) -> None:
    """Learn to separate the instruments of MIX, one or more takes of the same session.

    Needs nothing but the mixture. Ctrl-C saves; --resume goes on, with the same result if the limits stay as they
    were; a later limit also stretches the schedule of the step sizes.
    """
    from bsep_stream.files.jobs import require_engine

    require_engine(workers, scheduler)
    if resume and not each:  # the run remembers; what a file of defaults says is for runs that begin
        sources, preset, iterations, minutes, seed, seeds, init = (
            _typed(ctx, name) for name in ("sources", "preset", "iterations", "minutes", "seed", "seeds", "init")
        )
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes must be more than 0, got {minutes:g}")
    if not mix and (each or not resume):
        raise ConfigError("give at least one recording to learn from: bsep train MIX --sources NAME,NAME --output RUN")
    if (solos or notes) and (resume or each):
        raise ConfigError("--solo and --notes are for the beginning of one run: not with --resume or --each")
    if each:
        if sources is None:
            raise ConfigError("say which instruments play, such as --sources recorder,violin")
        from bsep_stream.train.runs.each import train_each

        names, polyphony = parse_sources(sources)
        request = RunRequest(
            mix, names, output, preset or "fast", iterations, minutes, seed or 0, seeds or 1, device, init, polyphony
        )
        train_each(request, workers=workers, scheduler=scheduler, resume=resume)
        return

    from bsep_stream.train.runs.progress import Shown
    from bsep_stream.trust.console import Console

    with Shown(Console(stderr=True), verbose=verbose) as shown:
        try:
            run = train(
                mix,
                sources=sources,
                output=output,
                preset=preset,
                iterations=iterations,
                minutes=minutes,
                seed=seed,
                seeds=seeds,
                device=device,
                resume=resume,
                init=init,
                workers=workers,
                scheduler=scheduler,
                on_progress=shown,
                solos=solos,
                notes=notes,
            )
        except KeyboardInterrupt:
            shown.close()
            sentence = _how_to_go_on(output)
            if sentence is not None:
                say(sentence, err=True)
            raise
    if shown.has_trained:
        _tell_end(run)
    else:
        say(f"{output} is finished ({run.info.iterations} iterations); --iterations or --minutes let it go on")


def _how_to_go_on(output: Path) -> str | None:
    """What is said after Ctrl-C; None where nothing is left."""
    folder = RunFolder(output)
    on = f"go on with --output {pasteable([path_word(output)])} --resume"
    if folder.race_path.is_file() and not folder.config_path.exists():
        return f"the race of seeds is saved: {on}"
    if folder.info_path.is_file():
        return f"saved at iteration {folder.read_info().iterations}: {on}"
    return None


def _tell_end(run: Run) -> None:
    """What there is, and what comes next."""
    info = run.info
    for remark in run.remarks:
        say(f"Of {_minutes_text(info)}: {remark}.")
    if info.finished and not info.iterations:
        raise RunError(
            f"nothing was trained: {_minutes_text(info)} were over before the first iteration; go on with --output "
            f"{pasteable([path_word(run.path)])} --resume and more --minutes"
        )
    spent = f"{info.seconds / 60:.1f} min" if info.seconds >= 60 else f"{info.seconds:.0f} s"
    for sentence in run.verdict.sentences if run.verdict is not None else ():
        say(sentence)
    if run.metronome:
        from bsep_stream.masks.metronome import periods_text

        periods = periods_text([strike.period_seconds for strike in run.metronome])
        say(f"A metronome {periods}: with masks and the latency quality it stays in the residual.")
    early = ", nothing improved any more" if info.stopped_early else ""
    following = pasteable(["bsep", "export", path_word(run.path), "--output", "MODEL.onnx"])
    say(f"{info.iterations} iterations in {spent}{early}; next: {following}")


def _minutes_text(info: RunInfo) -> str:
    return f"{(info.target_seconds or 0.0) / 60:g} minutes"


def _typed(ctx: click.Context, name: str) -> Any:
    """The value of an option, or None if it comes from ``bsep.toml``."""
    from_file = ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP
    return None if from_file else ctx.params[name]
