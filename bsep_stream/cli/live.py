"""``bsep live``: from an audio device through a model and a rack to an audio device."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from bsep_stream.cli.foreignoption import foreign_option, mask_settings
from bsep_stream.cli.latencyoption import latency_option
from bsep_stream.cli.pluginpermission import permitted, plugins_option

if TYPE_CHECKING:
    from bsep_stream.live.engine.counters import Event
    from bsep_stream.live.engine.liveengine import LiveEngine
    from bsep_stream.live.session.livesession import LiveSession
    from bsep_stream.live.session.rackwatch import RackWatch
    from bsep_stream.trust.console import Console

_POLL_SECONDS = 0.1
_SPINNER_COLUMNS = 3
_WARNING_SHARE = 0.7
"""Of the time of a hop: a model that takes more will miss deadlines whenever the machine does something else."""


@click.command("live")
@click.argument("model", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option("--input", "input_name", metavar="DEV", help="Number or part of the name; if left out, the default.")
@click.option("--output", "output_name", metavar="DEV", help="Number or part of the name; if left out, the default.")
@click.option(
    "--rack", "rack_name", metavar="FILE", help="Effects and levels, or name of a shipped rack; reloaded when saved."
)
@plugins_option
@click.option("--record", metavar="DIR", type=click.Path(path_type=Path), help="Write input, stems and mix.")
@click.option("--overwrite", is_flag=True, help="Replace existing files in the folder of --record.")
@click.option(
    "--midi-out", metavar="PORT", help="Send notes: number or part of the name of a MIDI port; 'virtual' makes one."
)
@click.option("--sample-rate", type=int, metavar="HZ", help="Of the devices; the input's own if not given.")
@click.option("--channels", type=int, help="Of the input; up to two if not given.")
@click.option("--block-size", type=int, default=0, metavar="N", help="Samples per block; else the device chooses.")
@click.option(
    "--device-latency",
    type=click.Choice(["low", "high"]),
    default="low",
    show_default=True,
    help="Buffers of the devices; PulseAudio needs high.",
)
@latency_option
@foreign_option
@click.option("--cushion", "cushion_ms", type=float, metavar="MS", help="Time that the worker may be late.")
@click.option("--dry-wet", type=float, default=1.0, show_default=True, help="0: the input, 1: the remix.")
@click.option("--seconds", type=float, help="Stop after so long; else Ctrl-C stops.")
@click.option("--summary", metavar="FILE", type=click.Path(path_type=Path), help="Write counters and events as JSON.")
def live(
    model: Path,
    input_name: str | None,
    output_name: str | None,
    rack_name: str | None,
    allow_plugins: bool,
    record: Path | None,
    overwrite: bool,
    midi_out: str | None,
    sample_rate: int | None,
    channels: int | None,
    block_size: int,
    device_latency: str,
    latency: str,
    foreign: str,
    cushion_ms: float | None,
    dry_wet: float,
    seconds: float | None,
    summary: Path | None,
) -> None:
    """Separate live: from an input device through MODEL.onnx and a rack to an output device.

    Whatever was not ready in time is bridged with the input, and counted. Lines typed while it plays move the desk:
    `mute flute`, `gain oboe -6`, `bypass`; `help` lists them. Ctrl-C ends with a summary.
    """
    import json
    from contextlib import ExitStack
    from functools import partial

    from bsep_stream.effects.rack import load_rack
    from bsep_stream.effects.racks import find_rack
    from bsep_stream.files.atomic import whole_file
    from bsep_stream.files.outputlock import locked_file
    from bsep_stream.live.devices.listing import sound_library
    from bsep_stream.live.devices.midiports import open_port
    from bsep_stream.live.devices.priority import real_time_priority
    from bsep_stream.live.devices.streams import Connector
    from bsep_stream.live.devices.wakefulness import wakeful_processors
    from bsep_stream.live.devices.wiring import plan
    from bsep_stream.live.engine.counters import Event
    from bsep_stream.live.engine.liveengine import LiveEngine
    from bsep_stream.live.session.livesession import LiveSession
    from bsep_stream.live.session.notesender import NoteSender
    from bsep_stream.live.session.rackwatch import RackWatch
    from bsep_stream.live.session.recorder import Recorder
    from bsep_stream.live.session.status import latency_line, summary_dict, summary_lines
    from bsep_stream.separator import StreamingSeparator
    from bsep_stream.stream.ledger import USUAL_BLOCK
    from bsep_stream.trust.console import Console

    if summary is not None:
        click.get_current_context().with_resource(locked_file(summary))
    console = Console(stderr=True, highlight=False)
    rack_file = None if rack_name is None else find_rack(rack_name)
    rack = None if rack_file is None else permitted(load_rack(rack_file), allow_plugins)
    library = sound_library()
    wiring = plan(
        library,
        input_name,
        output_name,
        sample_rate=sample_rate,
        channels=channels,
        block_size=block_size,
        device_latency=device_latency,
    )
    separator = StreamingSeparator(
        model,
        sample_rate=wiring.sample_rate,
        channels=wiring.input_channels,
        output="mask" if foreign != "residual" else None,
        mask=mask_settings(foreign, "mask"),
        latency=latency,
    )
    engine = LiveEngine(
        separator,
        rack=rack,
        cushion_ms=cushion_ms,
        two_clocks=wiring.two_clocks,
        record=record is not None,
        block_size=block_size or USUAL_BLOCK,
    )
    engine.desk.set_dry_wet(dry_wet)
    _check_speed(engine, console)
    while_it_plays = partial(permitted, allow_plugins=allow_plugins, may_ask=False)
    watch = None if rack_file is None else RackWatch(engine, rack_file, permitted=while_it_plays)
    session = LiveSession(engine, Connector(library, wiring, engine))
    recorder, log, played = None, list[Event](), False
    try:
        with ExitStack() as stack:
            if midi_out is not None:
                port = open_port(midi_out)
                stack.enter_context(NoteSender(engine, port))
                console.print(f"notes go to the MIDI port {port.name}", markup=False, soft_wrap=True)
            if record is not None:
                recorder = stack.enter_context(Recorder(engine, record, overwrite=overwrite))
            if not stack.enter_context(real_time_priority()):
                console.print("no real-time priority: a busy machine may cost sound (ulimit -r)")
            stack.enter_context(wakeful_processors())
            stack.callback(session.close)
            session.open()
            played = True
            console.print(f"{wiring.input} to {wiring.output}; Ctrl-C ends, help helps", markup=False, soft_wrap=True)
            console.print(latency_line(engine, session.device_samples), soft_wrap=True)
            _run(session, watch, engine, seconds, console, log)
    finally:
        _print_events(engine, log, console)
        for path in recorder.paths if recorder is not None else []:
            console.print(f"recorded {path}", markup=False, soft_wrap=True)
        if played:
            for line in summary_lines(engine, session.device_samples):
                console.print(line, markup=False, soft_wrap=True)
        if played and summary is not None:
            with whole_file(summary) as temporary:
                temporary.write_text(json.dumps(summary_dict(engine, session.device_samples, log), indent=2))


def _check_speed(engine: LiveEngine, console: Console) -> None:
    from bsep_stream.errors import ConfigError

    needed, given = engine.warm_up(), engine.hop_samples / engine.sample_rate
    if needed > given:
        raise ConfigError(
            f"this machine is too slow for this model: a hop takes {1000 * needed:.1f} ms and lasts "
            f"{1000 * given:.1f} ms; use fewer effects, a model with a larger hop, or a smaller one"
        )
    if needed > _WARNING_SHARE * given:
        console.print(f"A hop takes {100 * needed / given:.0f} % of its time: expect misses, and close other programs.")


def _run(
    session: LiveSession,
    watch: RackWatch | None,
    engine: LiveEngine,
    seconds: float | None,
    console: Console,
    log: list[Event],
) -> None:
    """Until Ctrl-C, or for so many seconds; what happens is told and kept in ``log``."""
    import time

    from rich.text import Text

    from bsep_stream.live.session.status import status_line
    from bsep_stream.live.session.typed import TypedLines

    end = None if seconds is None else time.monotonic() + seconds
    typed = TypedLines()
    try:
        with console.status("", spinner="line", refresh_per_second=4) as status:
            while end is None or time.monotonic() < end:
                session.poll()
                if watch is not None:
                    watch.poll()
                for answer in typed.poll(engine.desk):
                    console.print(answer, markup=False, soft_wrap=True)
                _print_events(engine, log, console)
                line = status_line(engine, session.device_samples, console.width - _SPINNER_COLUMNS)
                status.update(Text(line, no_wrap=True, overflow="ellipsis"))
                time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        pass
    finally:
        _print_events(engine, log, console)


def _print_events(engine: LiveEngine, log: list[Event], console: Console) -> None:
    """Tell what has happened since the last time, and keep it."""
    from bsep_stream.live.session.status import event_line

    events = engine.counters.events
    while events:
        event = events.popleft()
        log.append(event)
        where = f"{event.position / engine.sample_rate:9.3f} s"
        console.print(f"{where}  {event_line(event, engine.sample_rate)}", markup=False, soft_wrap=True)


command = live
