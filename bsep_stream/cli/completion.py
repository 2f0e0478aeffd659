"""``bsep completion``: what a shell needs to complete commands, options and files."""

from __future__ import annotations

import click

from bsep_stream.trust.terminal import say

SHELLS = ("bash", "zsh", "fish")


@click.command("completion", no_args_is_help=True)
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that lets SHELL complete what is typed behind `bsep`.

    bash: bsep completion bash > ~/.local/share/bash-completion/completions/bsep

    zsh: bsep completion zsh > FOLDER/_bsep, with a FOLDER of $fpath

    fish: bsep completion fish > ~/.config/fish/completions/bsep.fish
    """
    from click.shell_completion import get_completion_class

    from bsep_stream.cli import COMPLETION_VARIABLE, main

    kind = get_completion_class(shell)
    assert kind is not None
    say(kind(main, {}, "bsep", COMPLETION_VARIABLE).source(), lines=True)


command = completion
