"""Pages that other files already hold: sections of the README, help of the commands, tables of the latency.

Each is written once, where it belongs; Sphinx calls :func:`write_all` before it reads the pages, which include them.
"""

from __future__ import annotations

import re
from pathlib import Path

import click

from bsep_stream.cli import COMMANDS, main
from bsep_stream.demo import MODEL
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.latency import LIMITS_MS, QUALITY

RATES = (44_100, 48_000, 96_000)
"""Of streams, in the table of latencies."""


def write_all(folder: Path, readme: Path) -> None:
    """Write the sections of the README by the name of their heading, ``commands.md`` and ``latency.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in readme_sections(readme.read_text(encoding="utf-8")).items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    (folder / "commands.md").write_text(command_help(), encoding="utf-8")
    (folder / "ledger.md").write_text(latency_table(SeparationModel(MODEL)), encoding="utf-8")


def readme_sections(text: str) -> dict[str, str]:
    """Text below every heading of the second level; ``From Python`` is called ``readme-from-python``."""
    parts = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)
    return {
        "readme-" + heading.strip().lower().replace(" ", "-"): body.strip() + "\n"
        for heading, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def command_help() -> str:
    """Help of every command, as it prints it."""
    sections = []
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        sections += _help(command, f"bsep {name}", "##")
    return "\n".join(sections)


def _help(command: click.Command, path: str, heading: str) -> list[str]:
    context = click.Context(command, info_name=path, terminal_width=88)
    sections = [f"{heading} {path}", "", "```text", command.get_help(context).rstrip(), "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            sections += _help(inner, f"{path} {name}", heading + "#")
    return sections


def latency_table(model: SeparationModel) -> str:
    """Latency of the stream and its parts, for every name of a latency and several sample rates of the stream."""
    lines = [
        "| latency | sample rate | algorithmic | adaptation | resampler | sum | |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name in (QUALITY, *LIMITS_MS):
        for rate in RATES:
            ledger = StreamingSeparator(model, sample_rate=rate, latency=name).latency
            parts = ledger.algorithmic_samples, ledger.adaptation_samples, ledger.resampler_samples
            total = ledger.total_samples
            cells = [name, f"{rate} Hz", *map(str, parts), str(total), f"{1000 * total / rate:.1f} ms"]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
