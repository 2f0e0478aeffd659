"""`bsep train`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bsep_stream.errors import ConfigError, RunError

if TYPE_CHECKING:
    from bsep_stream.train.loop import Training
    from bsep_stream.train.request import RunRequest

FEWEST_SOURCES, MOST_SOURCES = 2, 4
POSSIBLE_TONES = ("1", "2", "3", "4")
"""Of a source at once."""
RESERVED = ("residual", "remix", "mix", "mixture")
"""Names of files that stand beside the stems."""


def parse_sources(text: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Names of the sources, and their tones at once, from what stands behind ``--sources``.

    Raises
    ------
    ConfigError
        If they are too few or too many, not different, or cannot be names of files; or if nothing has so many tones.
    """
    parts = [[word.strip() for word in part.partition(":")] for part in text.split(",")]
    names = tuple(name for name, _, _ in parts)
    if not FEWEST_SOURCES <= len(names) <= MOST_SOURCES:
        raise ConfigError(
            f"--sources takes {FEWEST_SOURCES} to {MOST_SOURCES} names with commas between them, "
            f"such as recorder,violin; got {len(names)}"
        )
    for name in names:
        if not re.fullmatch(r"\w[\w-]{0,39}", name):
            raise ConfigError(
                f"a source is named by 1 to 40 letters, digits, - or _ (its stem gets the same name), got {name!r}"
            )
        if name.lower() in RESERVED:
            raise ConfigError(f"a source cannot be called {name}: a file of that name stands beside the stems")
    if len({name.lower() for name in names}) != len(names):
        raise ConfigError(f"--sources must be different names, got {', '.join(names)}")
    for name, colon, most in parts:
        if colon and most not in POSSIBLE_TONES:
            raise ConfigError(
                f"behind the colon stands how many tones {name} plays at once at most, 1 to {POSSIBLE_TONES[-1]}, "
                f"such as {name}:{POSSIBLE_TONES[-1]}; got {most!r}"
            )
    return names, tuple(int(most) if colon else 1 for _, colon, most in parts)


def sources_text(names: Sequence[str], polyphony: Sequence[int]) -> str:
    """Inverse of :func:`parse_sources`."""
    pairs = zip(names, polyphony, strict=True)
    return ",".join(name if most == 1 else f"{name}:{most}" for name, most in pairs)


@click.command("train")
@click.argument("mix", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--sources",
    help="Names of the instruments, from the highest to the lowest, such as recorder,violin; of those that play chords "
    "or ring on with the number of tones, such as violin,piano:4.",
)
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--preset", help="fast (default) or paper, the published method.")
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
) -> None:
    """Learn to separate the instruments of MIX, one or more takes of the same session.

    Needs nothing but the mixture. Ctrl-C saves; --resume goes on, with the same result if the limits stay as they
    were; a later limit also stretches the schedule of the step sizes.
    """
    from bsep_stream.jobs import require_engine

    require_engine(workers, scheduler)
    if resume and not each:  # the run remembers; what a file of defaults says is for runs that begin
        sources, preset, iterations, minutes, seed, seeds, init = (
            _typed(ctx, name) for name in ("sources", "preset", "iterations", "minutes", "seed", "seeds", "init")
        )
    names, polyphony = parse_sources(sources) if sources is not None else (None, ())
    if minutes is not None and not 0 < minutes < float("inf"):
        raise ConfigError(f"--minutes must be more than 0, got {minutes:g}")
    if (solos or notes) and (resume or each):
        raise ConfigError("--solo and --notes are for the beginning of one run: not with --resume or --each")
    if resume and not each:
        if seeds is not None:
            raise ConfigError("--seeds is for the beginning of a run: leave it out with --resume")
        _resume(mix, names, polyphony, output, preset, iterations, minutes, seed, device, init, workers, scheduler)
        return
    if not mix:
        raise ConfigError("give at least one recording to learn from: bsep train MIX --sources NAME,NAME --output RUN")
    if names is None:
        raise ConfigError("say which instruments play, such as --sources recorder,violin")

    from bsep_stream.train.hints import read_hints
    from bsep_stream.train.request import RunRequest

    hints = read_hints(solos, notes, names)
    request = RunRequest(
        mix, names, output, preset or "fast", iterations, minutes, seed or 0, seeds or 1, device, init, polyphony, hints
    )
    if each:
        from bsep_stream.train.each import train_each

        train_each(request, workers=workers, scheduler=scheduler, resume=resume)
    else:
        train_run(request, workers=workers, scheduler=scheduler)


def train_run(request: RunRequest, *, workers: int = 1, scheduler: str | None = None) -> None:
    """Begin a run and train it with a progress bar; workers and scheduler are for a race of seeds."""
    let_threads_sleep()
    from rich.console import Console

    from bsep_stream.train.progress import listening

    with listening(Console(stderr=True)) as on_search:
        training = request.begin(on_search)
    if training is None:
        _finish_race(request.output, workers, scheduler)
        _resume((), None, (), request.output, None, None, None, None, request.device, None)
    else:
        run_training(training)


def _resume(
    mix: tuple[Path, ...],
    names: tuple[str, ...] | None,
    polyphony: tuple[int, ...],
    output: Path,
    preset: str | None,
    iterations: int | None,
    minutes: float | None,
    seed: int | None,
    device: str,
    init: Path | None,
    workers: int = 1,
    scheduler: str | None = None,
) -> None:
    let_threads_sleep()
    from bsep_stream.train.device import resolve_device
    from bsep_stream.train.presets import preset_config
    from bsep_stream.train.race import race_is_open
    from bsep_stream.train.run_folder import RunFolder
    from bsep_stream.train.start import resume_training

    if init is not None:
        raise ConfigError("--resume continues a run and --init starts one: give one of them")
    if race_is_open(output):
        _finish_race(output, workers, scheduler)
    info = RunFolder(output).read_info()
    sources = None if names is None else sources_text(names, polyphony)
    there_sources = sources_text(info.source_names, RunFolder(output).read_config().polyphony)
    asked = {"--sources": (sources, there_sources), "--preset": (preset, info.preset), "--seed": (seed, info.seed)}
    for option, (value, there) in asked.items():
        if value is not None and value != there:
            raise RunError(f"{output} was begun with {option} {there}, not {value}: leave it out")
    if info.finished and iterations is None and minutes is None:
        click.echo(f"{output} is finished ({info.iterations} iterations); --iterations or --minutes let it go on")
        return
    if minutes is not None and iterations is None:  # so many minutes are asked for, not the iterations of before
        iterations = preset_config(info.preset, info.source_names).iterations
    training = resume_training(
        output,
        recordings=mix,
        target_iterations=iterations,
        target_seconds=None if minutes is None else 60 * minutes,
        device=resolve_device(device),
    )
    run_training(training)


def _finish_race(output: Path, workers: int, scheduler: str | None) -> None:
    from rich.console import Console

    from bsep_stream.train.progress import listening
    from bsep_stream.train.race import finish_race

    def say(seed: int, cost: float) -> None:
        click.echo(f"start with seed {seed}: cost {cost:.4f} (lower is better)", err=True)

    try:
        with listening(Console(stderr=True)) as on_search:
            finish_race(output, workers=workers, scheduler=scheduler, on_search=on_search, on_start=say)
    except KeyboardInterrupt:
        click.echo(f"the race of seeds is saved: go on with --output {output} --resume", err=True)
        raise


def let_threads_sleep() -> None:
    """Let the threads of torch sleep while they wait; to be called before torch is imported, which reads it once.

    By default a thread that has done its part of an operation spins until the others have done theirs. Where another
    process has one of the cores, the others spin for a whole time slice, at every operation, and a training on two
    cores becomes several times slower than on one. Whoever sets OMP_WAIT_POLICY himself is obeyed.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_training(training: Training) -> None:
    """Train with a progress bar, and say in the end what there is and what comes next."""
    from rich.console import Console

    from bsep_stream.metronome import periods_text
    from bsep_stream.train.progress import ProgressBar

    folder = training.folder.path
    try:
        with ProgressBar(training.info, Console(stderr=True)) as bar:
            info = training.run(bar)
    except KeyboardInterrupt:
        click.echo(f"saved at iteration {training.info.iterations}: go on with --output {folder} --resume", err=True)
        raise
    spent = f"{info.seconds / 60:.1f} min" if info.seconds >= 60 else f"{info.seconds:.0f} s"
    for sentence in training.folder.read_sentences():
        click.echo(sentence)
    strikes = training.folder.read_metronome(training.config.geometry.n_bins)
    if strikes:
        periods = periods_text([strike.period_seconds for strike in strikes])
        click.echo(f"A metronome {periods}: with masks and the latency quality it stays in the residual.")
    early = ", nothing improved any more" if info.stopped_early else ""
    click.echo(f"{info.iterations} iterations in {spent}{early}; next: bsep export {folder} --output MODEL.onnx")


def _typed(ctx: click.Context, name: str) -> Any:
    """The value of an option, or None if it comes from ``bsep.toml``."""
    from_file = ctx.get_parameter_source(name) is click.core.ParameterSource.DEFAULT_MAP
    return None if from_file else ctx.params[name]
