"""Command line: one module per command, loaded only when its command is called.

defaults.py         defaults of options from `bsep.toml`
standardstreams.py  standard streams that are closed, or cannot say every letter
*option.py, *options.py, pluginpermission.py   options that several commands have
separatefiles.py, separatepipe.py, notescores.py   halves of `separate` and `evaluate`
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import click
from click.shell_completion import CompletionItem

from bsep_stream.cli.defaults import CONFIG, config_option, default_map
from bsep_stream.cli.standardstreams import steady_streams
from bsep_stream.endings import end_like_ctrl_c
from bsep_stream.errors import BsepError, MissingDependency
from bsep_stream.spoken import speak_warnings
from bsep_stream.trust.terminal import say

INTERRUPTED = 130  # what a shell expects after Ctrl-C
COMPLETION_VARIABLE = "_BSEP_COMPLETE"
MENDABLE = 2  # the user can mend it: bad input, bad option, full disk

COMMANDS = {  # name: (module that holds the click command under the name `command`, one line of help)
    "train": ("bsep_stream.train.runs.command", "Learn to separate the instruments of a recording."),
    "export": ("bsep_stream.export.cli", "Turn a training run into a model file (ONNX)."),
    "separate": ("bsep_stream.cli.separate", "Stream recordings through a model: stems and remix."),
    "notes": ("bsep_stream.cli.notes", "Write down the notes of a recording: MIDI, tables."),
    "studio": ("bsep_stream.cli.studio", "Do all of it in a browser: train, listen, correct, mix."),
    "live": ("bsep_stream.cli.live", "Separate live, from an audio device to an audio device."),
    "devices": ("bsep_stream.cli.devices", "List audio devices."),
    "rack": ("bsep_stream.cli.rack", "Check rack files, list the effects, show the shipped racks."),
    "evaluate": ("bsep_stream.cli.evaluate", "Compare stems with the true ones: SDR, SIR, SAR."),
    "info": ("bsep_stream.cli.info", "Show what a model or a training run holds."),
    "bench": ("bsep_stream.cli.bench", "Measure speed, latency and memory of a model."),
    "report": ("bsep_stream.cli.report", "Show a run, stems or a model: a page to listen to, a picture."),
    "demo": ("bsep_stream.cli.demo", "Separate, remix and judge the recording that is shipped."),
    "completion": ("bsep_stream.cli.completion", "Print what bash, zsh or fish need to complete commands."),
}

EXTRAS = {  # importable name: extra of the distribution that brings it
    "torch": "train",
    "onnx": "train",
    "safetensors": "train",
    "matplotlib": "pictures",
    "scipy": "benchmark",
    "sounddevice": "live",
    "rtmidi2": "midi",
    "jack": "midi",
    "mido": "notes",
    "mir_eval": "notes",
    "starlette": "studio",
    "uvicorn": "studio",
    "segno": "studio",
    "tomli_w": "studio",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name and imports one only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        if all(parameter.name != CONFIG for parameter in command.params):
            command.params.append(config_option())
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, and the defaults of its options in ``bsep.toml``."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None and not ctx.resilient_parsing:  # that is completion
            ctx.default_map = default_map(ctx, name, command, rest, COMMANDS)
        return name, command, rest

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Commands by their names: none is imported for its help."""
        names = [CompletionItem(name, help=text) for name, (_, text) in COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; what the user can mend becomes one sentence and exit code 2."""
        if COMPLETION_VARIABLE in os.environ:  # a shell asks, and has no place for sentences
            with suppress(BsepError, ImportError):
                super().main(args, "bsep", COMPLETION_VARIABLE, **extra)
            sys.exit(1)
        steady_streams()
        speak_warnings()
        end_like_ctrl_c()  # so that every command takes back what it has half done
        try:
            return _exit_with_sentence(
                lambda: super(LazyGroup, self).main(
                    args, prog_name or "bsep", complete_var, standalone_mode=False, **extra
                )
            )
        except KeyboardInterrupt:  # while the last sentence was said
            _leave(INTERRUPTED)


def _exit_with_sentence(run: Callable[[], Any]) -> Any:
    """Run, and leave the process with an exit code and at most one sentence."""
    try:
        code = run()
        _leave(code if isinstance(code, int) else 0)
    except (KeyboardInterrupt, click.Abort):
        _leave(INTERRUPTED)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(error.exit_code)
    except click.ClickException as error:
        hint = ""
        if isinstance(error, click.UsageError) and error.ctx is not None:
            hint = f" (see `{error.ctx.command_path} --help`)"
        sentence = error.format_message()
        if isinstance(error, click.MissingParameter):  # which lists the choices in lines
            sentence = " ".join(sentence.split())
        _complain(sentence.rstrip(".") + hint)
        sys.exit(error.exit_code)
    except BsepError as error:
        _complain(str(error))
        _leave(MENDABLE)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS:
            raise
        _complain(str(_missing_dependency(missing)))
        sys.exit(MENDABLE)
    except MemoryError:
        _complain("this needs more memory than there is; give shorter files, or fewer at once")
        sys.exit(MENDABLE)
    except OSError as error:
        if error.errno == errno.EPIPE:  # `bsep ... | head`: the reader has seen enough
            sys.stderr.close()
            sys.exit(1)
        if error.errno is None:
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):  # of a write, which does not say to what
            _complain("the disk is full, or the quota is used up; make room, or give another --output")
            sys.exit(MENDABLE)
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            _complain(f"{error.strerror}: {error.filename or 'the output'}; give a place where you may write, or read")
            sys.exit(MENDABLE)
        _complain(f"{error.strerror}: {error.filename}" if error.filename else str(error.strerror))
        sys.exit(MENDABLE)


def _leave(code: int) -> None:
    """Exit; at once where devices were abandoned, whose threads would crash while Python unloads itself."""
    streams = sys.modules.get("bsep_stream.live.devices.streams")
    if streams is not None and streams.abandoned.is_set():
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _missing_dependency(module: str) -> MissingDependency:
    """Error that says how to install the extra that brings a module."""
    return MissingDependency(
        f'this needs {module}, which is not installed: pip install "bsep-stream[{EXTRAS[module]}]"'
    )


def _complain(sentence: str) -> None:
    say(f"bsep: {sentence}", err=True)


def _print_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        say(f"bsep {version('bsep-stream')}")
        ctx.exit()


@click.group("bsep", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def main() -> None:
    """Learn to pull the instruments of a recording apart from that recording alone, and stream them."""
