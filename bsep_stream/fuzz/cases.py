"""What the fuzzer tries: for every reader of files that a stranger may have made, a good file and how to damage it."""

from __future__ import annotations

import importlib
import importlib.util
import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from numpy.typing import NDArray

from bsep_stream.fuzz.mutations import damaged_bytes, damaged_json, damaged_model, damaged_text
from bsep_stream.fuzz.onnxwriter import small_model
from bsep_stream.fuzz.sounds import damaged_sound, sounds
from bsep_stream.trust.shown import has_only_plain

Damage = Callable[[bytes, Random], bytes]


@dataclass(frozen=True)
class Case:
    """A reader on trial.

    Parameters
    ----------
    files : mapping of str to (bytes, callable)
        Good files, by their names in one folder, and what damages each.
    read : callable
        Reads them from the folder. It may raise a BsepError.
    """

    files: dict[str, tuple[bytes, Damage]]
    read: Callable[[Path], object]


def cases() -> dict[str, Case]:
    """Readers by name: as many as the packages that are installed allow."""
    found = {
        "model": Case({"model.onnx": (small_model(), damaged_model)}, _read_model),
        "rack": Case(
            {"rack.toml": (_RACK, _text), "hall.wav": (_sound(), damaged_bytes), "V.vst3": (b"", damaged_bytes)},
            _read_rack,
        ),
        "defaults": Case({"bsep.toml": (_DEFAULTS, _text)}, _read_defaults),
        "run": Case({name: (content, damage) for name, (content, damage) in _run().items()}, _read_run),
        "plugins": Case({"plugins.json": (_PLUGINS, _json)}, _read_plugins),
        "table": Case({"notes.csv": (_TABLE, _either)}, _read_table),
        "recording": Case({name: (content, damaged_sound) for name, content in sounds().items()}, _read_recordings),
        "pipe": Case({"a.wav": (sounds()["a.wav"], damaged_sound)}, _read_pipe),
    }
    if importlib.util.find_spec("mido") is not None:
        found["midi"] = Case({"notes.mid": (_midi(), damaged_bytes)}, _read_midi)
    if importlib.util.find_spec("torch") is not None and importlib.util.find_spec("safetensors") is not None:
        found |= importlib.import_module("bsep_stream.train.runs.fuzzcases").training_cases()  # it stands above
    return found


def _text(data: bytes, rng: Random) -> bytes:
    return damaged_text(data.decode("utf-8"), rng).encode("utf-8", "surrogatepass")


def _json(data: bytes, rng: Random) -> bytes:
    return damaged_json(data.decode("utf-8"), rng).encode("utf-8", "surrogatepass")


def _either(data: bytes, rng: Random) -> bytes:
    return damaged_bytes(data, rng) if rng.random() < 0.5 else _text(data, rng)


def _read_model(folder: Path) -> object:
    from bsep_stream.files.separation import separate

    sound = 0.1 * np.random.default_rng(0).standard_normal((1, 300)).astype(np.float32)
    stems = separate(folder / "model.onnx", sound, 48_000)
    if not np.isfinite(stems).all():
        raise AssertionError("stems that are not finite")
    return stems


def _read_rack(folder: Path) -> object:
    from bsep_stream.effects.rack import load_rack

    rack = load_rack(folder / "rack.toml")
    return rack.plugin_paths, rack.without_plugins().mixer(("flute", "oboe", "residual"), 48_000, 1)


def _read_defaults(folder: Path) -> object:
    import click

    from bsep_stream.cli import COMMANDS, main
    from bsep_stream.cli.defaults import default_map

    context = click.Context(main)
    command = main.get_command(context, "separate")
    assert command is not None
    with redirect_stderr(io.StringIO()):
        return default_map(context, "separate", command, ["--config", str(folder / "bsep.toml")], COMMANDS)


def _read_run(folder: Path) -> object:
    from bsep_stream.report.info import describe
    from bsep_stream.report.runfiles import read_losses

    return describe(folder), read_losses(folder)


def _read_plugins(folder: Path) -> object:
    from bsep_stream.files.plugins import read_store

    return read_store(folder / "plugins.json")


def _read_recordings(folder: Path) -> object:
    from bsep_stream.files.audiofile import Recording

    said: list[str] = []
    for path in sorted(folder.iterdir()):
        with Recording(path) as recording:
            for block in recording.blocks():
                _check_block(block, recording.channels)
            said += recording.warnings
    _check_sentences(said)
    return said


def _read_pipe(folder: Path) -> object:
    from bsep_stream.files.pipes.arriving import ArrivingAudio

    with (folder / "a.wav").open("rb") as file:
        arriving = ArrivingAudio(file)
        for block in arriving.blocks():
            _check_block(block, arriving.format.channels)
        arriving.check_end()
    return arriving.n_samples


def _check_block(block: NDArray[np.float32], channels: int) -> None:
    if block.shape[0] != channels or not np.isfinite(block).all():
        raise AssertionError(f"a block of shape {block.shape} for {channels} channels, or not finite")


def _check_sentences(said: list[str]) -> None:
    if not all(map(has_only_plain, said)):
        raise AssertionError(f"sentences that cannot be shown: {said!r}")


def _read_table(folder: Path) -> object:
    from bsep_stream.notes.tables import read_notes

    return read_notes(folder / "notes.csv")


def _read_midi(folder: Path) -> object:
    from bsep_stream.notes.midi import read_midi

    return read_midi(folder / "notes.mid")


_RACK = b"""[stems.flute]
gain_db = -3.0
effects = [{ type = "Reverb", room_size = 0.4 }, { type = "LadderFilter", mode = "HPF12", cutoff_hz = 100 }]

[stems."*"]
solo = false
effects = [{ type = "Delay", delay_seconds = 0.5, feedback = 0.2 }, { type = "VST3", path = "V.vst3" }]

[stems.residual]
mute = true
effects = [{ type = "Convolution", impulse_response_filename = "hall.wav", mix = 0.3 }]

[master]
gain_db = 1
effects = [{ type = "Limiter", threshold_db = -1.0 }]
"""

_DEFAULTS = b"""[separate]
rack = "rack.toml"
format = "flac"
output = "stems"
jobs = 2
residual = false

[train]
sources = "flute,oboe"

[rack.check]
channels = 1
"""

_PLUGINS = json.dumps({"plugins": {"/a/V.vst3": "0" * 64}}).encode()

_TABLE = b"""source,onset_seconds,offset_seconds,key,cents
flute,0.0,1.0,60,3.5
oboe,0.5,0.75,64.0,
"""


def _sound() -> bytes:
    import soundfile

    content = io.BytesIO()
    soundfile.write(content, np.hanning(64), 48_000, format="WAV", subtype="FLOAT")
    return content.getvalue()


def _midi() -> bytes:
    tempo, name = b"\x00\xff\x51\x03\x07\xa1\x20", b"\x00\xff\x03\x05flute"
    track = tempo + name + b"\x00\x90\x3c\x40\x60\x80\x3c\x40\x10\x91\x40\x40\x20\x40\x00" + b"\x00\xff\x2f\x00"
    return b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x00\x60MTrk" + len(track).to_bytes(4, "big") + track


def _run() -> dict[str, tuple[bytes, Damage]]:
    geometry = {"sample_rate": 48_000, "n_fft": 64, "n_bins": 33, "hop_length": 16, "sigma_samples": 8.0}
    take = {"name": "a.wav", "path": "/a.wav", "duration_seconds": 3.0, "sha256": "0" * 64}
    values = {
        "config.json": {"geometry": geometry, "tones_at_once": [1, 2]},
        "run.json": {"preset": "fast", "iterations": 9, "seconds": 9.0, "seed": 1, "gain": 2.0, "recordings": [take]},
        "dictionary.json": {"source_names": ["flute", "oboe"], "relative_amplitudes": [[1.0, 0.5], [0.1, 1.0]]},
        "verdict.json": {"sentences": ["Good."], "warnings": ["Bad."], "explained_share": 0.9},
    }
    files: dict[str, tuple[bytes, Damage]] = {name: (json.dumps(each).encode(), _json) for name, each in values.items()}
    files["log.csv"] = (b"iteration,seconds,total,direct\n1,0.5,3.0,\n2,0.6,2.0,0.1\n", _either)
    return files
