"""``bsep devices``: the audio devices and MIDI ports that ``bsep live`` can use."""

from __future__ import annotations

import click

from bsep_stream.trust.terminal import say


@click.command("devices")
@click.option("--midi", is_flag=True, help="List the ports that --midi-out takes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def devices(midi: bool, as_json: bool) -> None:
    """List audio devices: what --input and --output of `bsep live` take, by number or part of a name."""
    import json
    from dataclasses import asdict

    if midi:
        _list_midi_ports(as_json)
        return

    from bsep_stream.live.devices.listing import list_devices, sound_library

    found = list_devices(sound_library())
    if as_json:
        say(json.dumps([asdict(device) for device in found], indent=2), lines=True)
        return
    if not found:
        say(
            "There is no audio device. Plug one in, or start a sound server: the section Live of the README says how "
            "to do without a sound card."
        )
        return
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    from bsep_stream.trust.console import Console

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("", justify="right")
    table.add_column("name", overflow="fold")
    table.add_column("host API", overflow="fold")
    for name in ("inputs", "outputs", "rate"):
        table.add_column(name, justify="right")
    table.add_column("default")
    for device in found:
        default = [name for name, is_it in (("in", device.default_input), ("out", device.default_output)) if is_it]
        counts = (str(device.inputs or "-"), str(device.outputs or "-"), f"{device.sample_rate:.0f}")
        table.add_row(str(device.number), escape(device.name), escape(device.host_api), *counts, " ".join(default))
    Console().print(table)


def _list_midi_ports(as_json: bool) -> None:
    import json

    from bsep_stream.live.devices.midiports import VIRTUAL, list_ports

    names = list_ports()
    if as_json:
        say(json.dumps(names, indent=2), lines=True)
        return
    for number, name in enumerate(names):
        say(f"{number}  {name}")
    if not names:
        say(f"There is no MIDI port. Start what shall play the notes, or make one: --midi-out {VIRTUAL}.")


command = devices
