"""Choosing devices, and keeping them: a PortAudio that exists only here."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from soundcards import FakeLibrary, FakeStatus

from bsep_stream.cli import main
from bsep_stream.errors import DeviceError, MissingDependency
from bsep_stream.live.devices.listing import find_device, list_devices, sound_library
from bsep_stream.live.devices.streams import Connector, PortAudioStreams, plan, spread
from bsep_stream.live.engine.liveengine import LiveEngine
from bsep_stream.separator import StreamingSeparator


@pytest.fixture
def library() -> FakeLibrary:
    return FakeLibrary()


@pytest.mark.parametrize(
    ("wanted", "kind", "number"),
    [
        (None, "input", 1),
        (None, "output", 2),
        ("3", "input", 3),
        (" 4 ", "input", 4),
        ("mic", "input", 1),
        ("USB Sp", "output", 2),
        ("jack", "output", 3),
        ("usb", "input", 4),  # two names hold it, and one is it
    ],
)
def test_device_by_number_or_part_of_a_name(wanted: str | None, kind: str, number: int, library: FakeLibrary) -> None:
    assert find_device(list_devices(library), wanted, kind).number == number


@pytest.mark.parametrize(
    ("wanted", "kind", "sentence"),
    [
        ("9", "input", "no input device with the number 9; there are 1 (USB Mic, ALSA)"),
        ("0", "input", "no input device with the number 0"),  # it only plays
        ("tuba", "output", "no output device like 'tuba'; there are 0 (Loopback, ALSA)"),
        ("alsa", "input", "several input devices are like 'alsa': 1 (USB Mic, ALSA), 4 (USB, ALSA); give a number"),
    ],
)
def test_wrong_device_is_told_with_the_right_ones(wanted: str, kind: str, sentence: str, library: FakeLibrary) -> None:
    with pytest.raises(DeviceError) as caught:
        find_device(list_devices(library), wanted, kind)
    assert sentence in str(caught.value)


def test_no_device_at_all_says_what_to_do() -> None:
    with pytest.raises(DeviceError, match="start a sound server"):
        find_device([], None, "input")


def test_rate_that_is_not_supported_names_the_one_that_is(library: FakeLibrary) -> None:
    with pytest.raises(DeviceError, match=r"does not run at 48000 Hz .* give --sample-rate 44100"):
        plan(library, "mic", None, sample_rate=48_000)
    with pytest.raises(DeviceError, match="has 1 channel"):
        plan(library, "mic", None, channels=2)
    assert plan(library, "mic", None).sample_rate == 44_100


def test_one_device_has_one_clock_and_two_have_two(library: FakeLibrary) -> None:
    assert not plan(library, "system", "system").two_clocks
    assert plan(library, "mic", "speaker").two_clocks


def test_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real = builtins.__import__

    def broken(name: str, *rest: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", broken)
    with pytest.raises(MissingDependency, match="apt-get install libportaudio2"):
        sound_library()


@pytest.mark.parametrize(
    ("names", "block_size", "faults"),
    [(("system", "system"), 0, 1), (("system", "system"), 128, 2), (("mic", "speaker"), 0, 2)],
)
def test_sound_goes_from_the_device_through_the_engine(
    names: tuple[str, str], block_size: int, faults: int, library: FakeLibrary, tiny_model_path: Path
) -> None:
    wiring = plan(library, *names, block_size=block_size)
    separator = StreamingSeparator(tiny_model_path, sample_rate=wiring.sample_rate, channels=wiring.input_channels)
    engine = LiveEngine(separator, two_clocks=wiring.two_clocks)
    streams = PortAudioStreams(library, wiring, engine)
    assert streams.alive
    assert streams.device_samples == round(wiring.sample_rate * (0.02 if wiring.two_clocks else 0.03))
    fine, lost = FakeStatus(), FakeStatus(input_overflow=True)
    rng = np.random.default_rng(0)
    n_blocks, heard = 40, []
    came = (0.1 * rng.standard_normal((n_blocks * 128, wiring.input_channels))).astype(np.float32)
    for i in range(n_blocks):
        time = SimpleNamespace(currentTime=(i + (i >= 3)) * 128 / wiring.sample_rate)  # one period does not come
        status = lost if i in (3, 30) else fine
        block, out = came[i * 128 : (i + 1) * 128], np.full((128, wiring.output_channels), np.nan, dtype=np.float32)
        if wiring.two_clocks:
            captured, played = (stream.options["callback"] for stream in library.streams)
            captured(block, 128, time, status)
            played(out, 128, time, fine)
        else:
            library.streams[0].options["callback"](block, out, 128, time, status)
        while engine.step():
            pass
        heard.append(out)
    sound = np.concatenate(heard)
    delay = engine.latency_samples
    assert wiring.output_channels == 2
    np.testing.assert_allclose(sound[delay:], np.broadcast_to(came[:-delay], sound[delay:].shape), atol=1e-6)
    assert engine.counters.device_faults == faults  # on JACK the second was somebody else's
    assert streams.blocks == n_blocks
    streams.close()
    assert not streams.alive


def test_callback_with_more_channels_out_allocates_no_audio(library: FakeLibrary, tiny_model_path: Path) -> None:
    wiring = plan(library, "system", "system", channels=1)
    assert wiring.output_channels == 2
    separator = StreamingSeparator(tiny_model_path, sample_rate=wiring.sample_rate)
    PortAudioStreams(library, wiring, LiveEngine(separator))
    callback = library.streams[0].options["callback"]
    block, out = np.zeros((1024, 1), dtype=np.float32), np.empty((1024, 2), dtype=np.float32)
    peaks = []
    for i in range(10):
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        callback(block, out, 1024, SimpleNamespace(currentTime=1024 * i / wiring.sample_rate), FakeStatus())
        peaks.append(tracemalloc.get_traced_memory()[1] - before)
        tracemalloc.stop()
    assert max(peaks) < block.nbytes


def test_device_that_is_taken_is_told(library: FakeLibrary, tiny_model_path: Path) -> None:
    wiring = plan(library, "system", "system")
    library.refuse = True
    separator = StreamingSeparator(tiny_model_path, sample_rate=wiring.sample_rate, channels=2)
    with pytest.raises(DeviceError, match="another program may hold them"):
        PortAudioStreams(library, wiring, LiveEngine(separator))


def test_device_that_comes_back_with_another_number_is_found(
    library: FakeLibrary, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring = plan(library, "system", "system")
    separator = StreamingSeparator(tiny_model_path, sample_rate=wiring.sample_rate, channels=2)
    connect = Connector(library, wiring, LiveEngine(separator))
    connect()
    rows = library.query_devices()
    monkeypatch.setattr(library, "query_devices", lambda: rows[:3])
    with pytest.raises(DeviceError, match=r"input 3 \(system, JACK Audio Connection Kit\) is not there"):
        connect()
    monkeypatch.setattr(library, "query_devices", lambda: rows[3:])
    connect()
    assert library.streams[-1].options["device"] == (0, 0)
    assert library.begun == 2


def test_channels_are_spread() -> None:
    mono, stereo = np.ones((1, 3), dtype=np.float32), np.array([[1.0], [3.0]], dtype=np.float32).repeat(3, axis=1)
    out = np.full((4, 3), np.nan, dtype=np.float32)
    spread(mono, out)
    assert (out == 1.0).all()
    spread(stereo, out)
    assert (out == [[1.0], [3.0], [0.0], [0.0]]).all()
    spread(stereo, out[:1])
    assert (out[:1] == 2.0).all()


def test_devices_command_lists_them(library: FakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bsep_stream.live.devices.listing.sound_library", lambda: library)
    shown = CliRunner().invoke(main, ["devices"]).output
    assert "USB Mic" in shown
    assert "JACK Audio" in shown
    found = CliRunner().invoke(main, ["devices", "--json"]).output
    assert '"number": 4' in found
    monkeypatch.setattr(library, "query_devices", list)
    assert "sound server" in CliRunner().invoke(main, ["devices"]).output
