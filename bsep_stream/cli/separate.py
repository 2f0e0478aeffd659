"""``bsep separate``: recordings in, one file per stem out."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("separate")
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("recordings", metavar="INPUT...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    "folder",
    metavar="DIR",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the stems.",
)
@click.option(
    "--format",
    "audio_format",
    type=click.Choice(["wav", "flac"]),
    default="wav",
    show_default=True,
    help="WAV with float32 samples, or FLAC with 24 bits.",
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
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def separate(
    model: Path,
    recordings: tuple[Path, ...],
    folder: Path,
    audio_format: str,
    residual: bool,
    output_kind: str | None,
    rack_file: Path | None,
    overwrite: bool,
) -> None:
    """Separate recordings with MODEL: DIR/NAME.wav for every source, as long as the input.

    Several inputs get a folder each: DIR/INPUT/NAME.wav.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from bsep_stream.audiofile import Recording
    from bsep_stream.model import SeparationModel
    from bsep_stream.separation import planned_paths, separate_file, stem_files

    loaded = SeparationModel(model)
    rack = None
    if rack_file is not None:
        from bsep_stream.rack import load_rack
        from bsep_stream.racks import find_rack

        rack = load_rack(find_rack(rack_file))
    # Everything that can be refused is refused before the first minute of work.
    lengths = []
    for path in recordings:
        with Recording(path) as recording:
            lengths.append(recording.n_samples)
    names = stem_files(loaded, residual=residual, remix=rack is not None)
    plan = planned_paths(recordings, folder, names, audio_format, overwrite=overwrite)

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        for path, length, paths in zip(recordings, lengths, plan, strict=True):
            task = bar.add_task(path.name, total=length)
            done = separate_file(
                loaded,
                path,
                next(iter(paths.values())).parent,
                audio_format=audio_format,
                output=output_kind,
                residual=residual,
                rack=rack,
                overwrite=overwrite,
                progress=lambda n, task=task: bar.advance(task, n),  # type: ignore[misc]
            )
            for name, count in done.n_clipped.items():
                console.print(
                    f"{done.paths[name]}: {count} samples beyond full scale were cut off; --format wav keeps them"
                )
            for written in done.paths.values():
                click.echo(written)


command = separate
