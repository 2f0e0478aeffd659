"""``bsep studio``: the whole session in a browser."""

from __future__ import annotations

from pathlib import Path

import click

from bsep_stream.trust.terminal import say


@click.command("studio")
@click.argument("folder", metavar="[FOLDER]", type=click.Path(path_type=Path), default=Path("~/bsep"))
@click.option("--port", type=click.IntRange(1, 65535), help="Of the server (default: 8642, or any that is free).")
@click.option("--no-browser", is_flag=True, help="Only print the link.")
@click.option("--share", is_flag=True, help="Also for a phone in the same room: address and QR code.")
def command(folder: Path, port: int | None, no_browser: bool, share: bool) -> None:
    """Separate, listen, correct, mix, take home, play live in a browser; sessions lie in FOLDER (default: ~/bsep).

    The server answers on this machine only, and only whoever has the link. Ctrl-C saves trainings and ends.
    """
    import webbrowser
    from contextlib import suppress

    from bsep_stream.errors import BusyError
    from bsep_stream.files.outputlock import locked_folder
    from bsep_stream.studio.guard import new_token
    from bsep_stream.studio.house import House
    from bsep_stream.studio.server import HERE, listening_socket, make_app, own_address, serve

    folder = folder.expanduser()
    try:
        click.get_current_context().with_resource(locked_folder(folder))
    except BusyError as error:  # two would write over each other's notes and racks
        raise BusyError(
            f"{folder} is open in another studio: go on there, or close it, or give another FOLDER"
        ) from error
    house = House.at(folder)
    address = own_address() if share else None
    listening = listening_socket(port, share)
    number = listening.getsockname()[1]
    token = new_token()
    hosts = [f"{name}:{number}" for name in (HERE, "localhost", *([address] if address else []))]
    link = f"http://{HERE}:{number}/?token={token}"

    def started() -> None:
        say(f"The studio is open, its sessions lie in {house.sessions.folder}; Ctrl-C closes it.")
        say(f"  {link}")
        if address is not None:
            _invite(f"http://{address}:{number}/?token={token}")
        if not no_browser:
            webbrowser.open(link)

    with suppress(KeyboardInterrupt):
        serve(make_app(house, token, hosts), listening, started)
    say("The studio is closed; nothing is lost.")


def _invite(link: str) -> None:
    """Address and QR code for others in the same network."""
    import segno

    say("In the same network, whoever has this link may do everything here; it is not encrypted:")
    say(f"  {link}")
    segno.make(link, error="l").terminal(compact=True)
