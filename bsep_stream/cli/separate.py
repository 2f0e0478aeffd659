"""``bsep separate``: recordings in, one file per stem out; or a pipe in, a pipe out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bsep_stream.cli.foreignoption import foreign_option, mask_settings
from bsep_stream.cli.latencyoption import latency_option
from bsep_stream.cli.pluginpermission import plugins_option
from bsep_stream.cli.streamoptions import named_rack

PIPE = Path("-")


@click.command("separate")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recordings", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", "folder", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the stems.")
@click.option(
    "--format",
    "audio_format",
    type=click.Choice(["wav", "flac", "raw"]),
    default="wav",
    show_default=True,
    help="WAV with float32 samples, FLAC with 24 bits, or (only to a pipe) samples without a header.",
)
@click.option("--residual/--no-residual", default=True, help="Also write what belongs to no source (default: yes).")
@click.option(
    "--output-kind",
    type=click.Choice(["direct", "dictionary", "mask"]),
    help="The tones as they lie in the sound, the tones as the dictionary has them, or masks made from them "
    "(default: what the model says).",
)
@click.option(
    "--rack", "rack_file", metavar="FILE", type=click.Path(path_type=Path), help="Effects and gains: also write remix."
)
@plugins_option
@latency_option
@foreign_option
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
@click.option("--resume", is_flag=True, help="Leave out inputs whose files are all there.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, help="So many inputs at once, a core for each.")
@click.option("--scheduler", metavar="ADDRESS", help="Of a Dask cluster that does them instead.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON in the end instead of lines.")
@click.option("--stem", metavar="NAME|remix|all", help="What goes to standard output if INPUT is -.")
@click.option("--raw-rate", type=click.IntRange(min=1), metavar="HZ", help="Standard input has raw samples, no header.")
@click.option("--raw-channels", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--raw-format",
    type=click.Choice(["f32le", "f64le", "s16le", "s24le", "s32le", "u8"]),
    default="f32le",
    show_default=True,
    help="Of raw samples in and out.",
)
@click.pass_context
def separate(
    ctx: click.Context,
    model: Path,
    recordings: tuple[Path, ...],
    folder: Path | None,
    audio_format: str,
    residual: bool,
    output_kind: str | None,
    rack_file: Path | None,
    allow_plugins: bool,
    latency: str,
    foreign: str,
    overwrite: bool,
    resume: bool,
    jobs: int,
    scheduler: str | None,
    as_json: bool,
    stem: str | None,
    raw_rate: int | None,
    raw_channels: int,
    raw_format: str,
) -> int:
    """Separate recordings with MODEL: DIR/NAME.wav for every source, as long as the input.

    Several inputs get a folder each: DIR/INPUT/NAME.wav. One that fails harms no other; the exit code is then 1.

    If INPUT is -, a WAV is read from standard input, and the --stem is written to standard output while it arrives.
    """
    from bsep_stream.errors import ConfigError
    from bsep_stream.files.jobs import require_engine
    from bsep_stream.model.separation_model import SeparationModel
    from bsep_stream.stream.latency import QUALITY, choose_setting

    to_pipe = PIPE in recordings
    _refuse_options_of_the_other_kind(ctx, to_pipe)
    if to_pipe and len(recordings) > 1:
        raise ConfigError("- is standard input and comes alone: separate files in another call")
    if not to_pipe and folder is None:
        raise click.UsageError("Missing option '-o' / '--output'", ctx)
    if folder == PIPE and not to_pipe:
        raise ConfigError("-o takes a folder: give its name, or - as INPUT for stems from pipe to pipe")
    require_engine(jobs, scheduler)
    loaded = SeparationModel(model)
    setting = choose_setting(latency, loaded.geometry)  # one that cannot be is told once, not for every file
    rack = None
    if rack_file is not None:
        rack = named_rack(str(rack_file), allow_plugins)
    kind = output_kind or (loaded.output if setting.name == QUALITY else "mask")
    options: dict[str, Any] = {"output": kind, "latency": latency, "mask": mask_settings(foreign, kind)}

    if to_pipe:
        from bsep_stream.cli.separatepipe import separate_standard_input

        raw_input = None if raw_rate is None else (raw_rate, raw_channels)
        separate_standard_input(
            loaded,
            stem,
            rack=rack,
            raw_input=raw_input,
            raw_format=raw_format,
            write_raw=audio_format == "raw",
            **options,
        )
        return 0
    from bsep_stream.cli.separatefiles import separate_and_tell
    from bsep_stream.files.recordings import separate_files

    assert folder is not None
    return separate_and_tell(
        lambda progress: separate_files(
            loaded,
            recordings,
            folder,
            audio_format=audio_format,
            residual=residual,
            rack=rack,
            overwrite=overwrite,
            resume=resume,
            workers=jobs,
            scheduler=scheduler,
            progress=progress,
            **options,
        ),
        model,
        recordings,
        as_json=as_json,
    )


def _refuse_options_of_the_other_kind(ctx: click.Context, to_pipe: bool) -> None:
    """An option that would do nothing is refused where it was typed; a file of defaults may hold it for other calls."""
    from bsep_stream.errors import ConfigError

    for_files = ("folder", "residual", "overwrite", "resume", "jobs", "scheduler", "as_json")
    for_pipes = ("stem", "raw_rate", "raw_channels", "raw_format")
    wrong_format = "flac" if to_pipe else "raw"
    for parameter in ctx.command.params:
        if ctx.get_parameter_source(parameter.name or "") is not click.core.ParameterSource.COMMANDLINE:
            continue
        if to_pipe and parameter.name in for_files:
            raise ConfigError(f"{parameter.opts[-1]} goes with files: leave it out where INPUT is -")
        if not to_pipe and parameter.name in for_pipes:
            raise ConfigError(f"{parameter.opts[-1]} goes with standard input: give - as INPUT, or leave it out")
        if parameter.name == "audio_format" and ctx.params["audio_format"] == wrong_format:
            place, right = ("a pipe takes", "raw") if to_pipe else ("files take", "flac")
            raise ConfigError(f"{place} --format wav or {right}, got {wrong_format}")


command = separate
