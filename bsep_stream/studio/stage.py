"""Live: an engine on the devices of this machine, driven from the page; the same counters as ``bsep live``."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bsep_stream.effects.rack import Rack
from bsep_stream.errors import BsepError, ConfigError
from bsep_stream.separator import StreamingSeparator
from bsep_stream.stream.latency import LIMITS_MS, QUALITY

if TYPE_CHECKING:
    from bsep_stream.live.engine.history import History
    from bsep_stream.live.engine.liveengine import LiveEngine
    from bsep_stream.live.session.recorder import Recorder

POLL_SECONDS = 0.1
METER_SECONDS = 0.1
KEPT_EVENTS = 50

LATENCIES = (*LIMITS_MS, QUALITY)


def list_sound_devices() -> list[dict[str, Any]]:
    """Devices of this machine for a menu; DeviceError or MissingDependency where there can be none."""
    from bsep_stream.live.devices.listing import list_devices, sound_library

    return [
        {
            "number": device.number,
            "name": f"{device.name} ({device.host_api})",
            "inputs": device.inputs,
            "outputs": device.outputs,
            "default_input": device.default_input,
            "default_output": device.default_output,
        }
        for device in list_devices(sound_library())
    ]


class Stage:
    """At most one engine at a time: a sound card has one owner.

    Parameters
    ----------
    library : callable, optional
        Gives the module ``sounddevice``.
    """

    def __init__(self, library: Callable[[], Any] | None = None) -> None:
        self._library = library
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._engine: LiveEngine | None = None
        self._session: Any = None
        self._recorder: Recorder | None = None
        self._recordings: ExitStack | None = None
        self._events: deque[str] = deque(maxlen=KEPT_EVENTS)
        self._failure: str | None = None
        self._owner: str | None = None

    @property
    def owner(self) -> str | None:
        """Session whose model plays; None if nothing does."""
        return self._owner if self._thread is not None and self._thread.is_alive() else None

    def start(self, owner: str, model: Path, rack: Rack, wishes: Mapping[str, Any]) -> None:
        """Open devices and play.

        Parameters
        ----------
        owner : str
            Name of the session.
        model : Path
        rack : Rack
        wishes : mapping
            ``input, output`` (numbers or None), ``latency`` (a name or milliseconds), ``device_latency`` (``low`` or
            ``high``).

        Raises
        ------
        BsepError
            Devices, latencies or models that do not play; nothing runs then.
        """
        with self._lock:
            if self.owner is not None:
                raise ConfigError(f"{self.owner} is playing live already; stop it first")
            self._open(model, rack, wishes)
            self._owner, self._failure = owner, None
            self._stopping.clear()
            self._thread = threading.Thread(target=self._watch, name="bsep stage", daemon=True)
            self._thread.start()

    def stop(self) -> dict[str, Any]:
        """Stop, and say how it was."""
        with self._lock:
            thread, self._thread = self._thread, None
            self._stopping.set()
            if thread is not None:
                thread.join()
            status = self.status()
            self._owner = None
            return {**status, "playing": False}

    def move(self, orders: Mapping[str, Any]) -> None:
        """Move the desk: ``{"gain": [name, dB]}``, ``mute``, ``solo`` (name, flag), ``wet`` (0 to 1), ``bypass``."""
        engine = self._engine
        if engine is None or self.owner is None:
            raise ConfigError("nothing plays live; start it first")
        desk = engine.desk
        moves: dict[str, Callable[..., None]] = {
            "gain": lambda name, value: desk.set_gain_db(str(name), float(value)),
            "mute": lambda name, value: desk.set_mute(str(name), bool(value)),
            "solo": lambda name, value: desk.set_solo(str(name), bool(value)),
            "wet": lambda value: desk.set_dry_wet(float(value)),
            "bypass": lambda value: desk.set_bypass(bool(value)),
        }
        for verb, values in orders.items():
            if verb not in moves:
                raise ConfigError(f"the desk has no {verb!r}")
            try:
                moves[verb](*(values if isinstance(values, list) else [values]))
            except (TypeError, ValueError) as error:
                if isinstance(error, BsepError):
                    raise
                raise ConfigError(f"{verb} is not moved like that") from error

    def load(self, rack: Rack) -> None:
        """Another rack, with a crossfade; nothing if nothing plays."""
        if self._engine is not None and self.owner is not None:
            self._engine.desk.load(rack)

    def record(self, folder: Path | None) -> None:
        """Record into a new folder; None ends the recording."""
        from bsep_stream.live.session.recorder import Recorder

        engine = self._engine
        if engine is None or self.owner is None:
            raise ConfigError("nothing plays live; start it first")
        if self._recordings is not None:
            recordings, self._recordings, self._recorder = self._recordings, None, None
            recordings.close()
        if folder is not None:
            self._recordings = ExitStack()
            self._recorder = self._recordings.enter_context(Recorder(engine, folder))

    def status(self) -> dict[str, Any]:
        """Everything that meters and counters show."""
        engine = self._engine
        if engine is None:
            return {"playing": False, "failure": self._failure, "events": list(self._events)}
        from bsep_stream.live.session.status import latency_line

        counters, desk = engine.counters, engine.desk
        late = self._session.device_samples
        rate = engine.sample_rate
        names, channels = engine.stem_names, engine.channels
        parts = [slice(row * channels, (row + 1) * channels) for row in range(len(names))]
        stems = {
            name: _peak(engine.stems, rate, len(names) * channels, part)
            for name, part in zip(names, parts, strict=True)
        }
        return {
            "playing": self.owner is not None,
            "owner": self._owner,
            "failure": self._failure,
            "connected": self._session.connected,
            "seconds": engine.input.end / rate,
            "latency_ms": 1000 * engine.latency(late).total_samples / rate,
            "latency": latency_line(engine, late),
            "hop_ms": 1000 * engine.hop_samples / rate,
            "bridging": engine.bridging,
            "recording": self._recorder is not None,
            "input": _peak(engine.input, rate, channels),
            "mix": _peak(engine.wet, rate, channels),
            "stems": stems,
            "strips": {
                name: {"gain_db": strip.gain_db, "mute": strip.mute, "solo": strip.solo}
                for name, strip in desk.rack.stems.items()
            },
            "master_db": desk.rack.master.gain_db,
            "wet": desk.dry_wet,
            "bypass": desk.bypass,
            "counters": counters.to_dict(),
            "events": list(self._events),
        }

    def _open(self, model: Path, rack: Rack, wishes: Mapping[str, Any]) -> None:
        from bsep_stream.live.devices.listing import sound_library
        from bsep_stream.live.devices.streams import Connector
        from bsep_stream.live.devices.wiring import plan
        from bsep_stream.live.engine.liveengine import LiveEngine
        from bsep_stream.live.session.livesession import LiveSession

        library = sound_library() if self._library is None else self._library()
        named = [None if wishes.get(kind) is None else str(wishes[kind]) for kind in ("input", "output")]
        device_latency = str(wishes.get("device_latency") or "low")
        if device_latency not in ("low", "high"):
            raise ConfigError(f"the buffers of a device are low or high, got {device_latency!r}")
        wiring = plan(library, named[0], named[1], device_latency=device_latency)
        separator = StreamingSeparator(
            model,
            sample_rate=wiring.sample_rate,
            channels=wiring.input_channels,
            latency=wishes.get("latency") or "balanced",
        )
        rack = rack.for_stems(separator.stem_names)
        engine = LiveEngine(separator, rack=rack, two_clocks=wiring.two_clocks, record=True)
        needed, given = engine.warm_up(), engine.hop_samples / engine.sample_rate
        if needed > given:
            raise ConfigError(
                f"this machine is too slow for this model: a hop takes {1000 * needed:.1f} ms and lasts "
                f"{1000 * given:.1f} ms; take another latency, or fewer effects"
            )
        session = LiveSession(engine, Connector(library, wiring, engine))
        self._events.clear()
        try:
            session.open()
        except BaseException:
            session.close()
            raise
        self._engine, self._session = engine, session

    def _watch(self) -> None:
        from bsep_stream.live.devices.priority import real_time_priority
        from bsep_stream.live.devices.wakefulness import wakeful_processors
        from bsep_stream.live.session.status import event_line

        engine, session = self._engine, self._session
        assert engine is not None
        try:
            with real_time_priority(), wakeful_processors():
                while not self._stopping.wait(POLL_SECONDS):
                    session.poll()
                    while engine.counters.events:
                        event = engine.counters.events.popleft()
                        at = event.position / engine.sample_rate
                        self._events.append(f"{at:.1f} s  {event_line(event, engine.sample_rate)}")
        except BsepError as error:
            self._failure = str(error)
        finally:
            if self._recordings is not None:
                recordings, self._recordings, self._recorder = self._recordings, None, None
                try:
                    recordings.close()
                except BsepError as error:
                    self._failure = str(error)
            session.close()


def _peak(history: History | None, rate: int, n_rows: int, rows: slice = slice(None)) -> float:
    """Of the newest moment."""
    if history is None:
        return 0.0
    n = round(METER_SECONDS * rate)
    block = np.zeros((n_rows, n), np.float32)
    start, end = history.span
    if end - start < n or not history.read(end - n, block):
        return 0.0
    return float(np.abs(block[rows]).max())
