"""Audio through pipes: read as libsndfile reads files, written while it arrives, and refused in one sentence."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from bsep_stream.effects.rack import rack_from_dict
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.pipes.arriving import ArrivingAudio
from bsep_stream.files.pipes.piping import check_choice, separate_pipe
from bsep_stream.files.pipes.samples import SAMPLE_FORMATS
from bsep_stream.files.pipes.wavheader import PipeFormat, wav_header
from bsep_stream.files.separation import separate, separate_file
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.separator import StreamingSeparator

MEMORY_GROWTH_BYTES = 200_000  # allocation noise; one second of the stems in memory would be 576 000
SUBTYPES = ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"]


class Pipe(io.BufferedIOBase):
    """Bytes that arrive in pieces of the given sizes, and then over and over again of the same sizes."""

    def __init__(self, data: bytes, sizes: tuple[int, ...], asked: Callable[[int], object] | None = None) -> None:
        self._data, self._sizes, self._asked, self._done = data, cycle(sizes), asked, 0

    def read(self, size: int = -1) -> bytes:
        piece = self._data[self._done : self._done + size]
        self._done += len(piece)
        return piece

    def read1(self, size: int = -1) -> bytes:
        if self._asked is not None:
            self._asked(self._done)
        return self.read(min(size, next(self._sizes)))


def float_wav(audio: NDArray[np.float32], rate: int = 48_000, *, promise: int | None = None) -> bytes:
    """A WAV of float32 samples as a program with a pipe would write it."""
    return wav_header(rate, len(audio), promise) + audio.T.tobytes()


def collected(arriving: ArrivingAudio) -> NDArray[np.float32]:
    blocks = list(arriving.blocks())
    arriving.check_end()
    return np.concatenate(blocks, axis=1)


def through(
    model: SeparationModel, data: bytes, choice: str, sizes: tuple[int, ...] = (65_536,), **how: object
) -> bytes:
    """What comes out of the pipe if the data goes in."""
    arriving, out = ArrivingAudio(Pipe(data, sizes)), io.BytesIO()
    separator = StreamingSeparator(model, sample_rate=arriving.format.sample_rate, channels=arriving.format.channels)
    separate_pipe(arriving, out, separator, choice, **how)  # type: ignore[arg-type]
    return out.getvalue()


def samples_of(data: bytes, tmp_path: Path) -> NDArray[np.float32]:
    """A WAV as libsndfile reads it."""
    path = tmp_path / "out.wav"
    path.write_bytes(data)
    return read_recording(path)[0]


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize(("container", "channels"), [("WAV", 1), ("WAV", 2), ("WAVEX", 3), ("RF64", 2)])
def test_reads_the_samples_that_libsndfile_reads(
    tmp_path: Path, rng: np.random.Generator, subtype: str, container: str, channels: int
) -> None:
    path = tmp_path / "take.wav"
    audio = np.clip(0.4 * rng.standard_normal((2_001, channels)), -1, 1)
    soundfile.write(path, audio, 44_100, subtype=subtype, format=container)
    arriving = ArrivingAudio(Pipe(path.read_bytes(), (1, 999, 4_000)))
    assert (arriving.format.sample_rate, arriving.format.channels, arriving.n_samples) == (44_100, channels, 2_001)
    assert np.array_equal(collected(arriving), soundfile.read(path, dtype="float32", always_2d=True)[0].T)


@pytest.mark.parametrize("name", sorted(SAMPLE_FORMATS))
def test_samples_survive_the_way_there_and_back(name: str, rng: np.random.Generator) -> None:
    form = SAMPLE_FORMATS[name]
    data = form.encode(np.clip(0.5 * rng.standard_normal((2, 500)), -1, 1).astype(np.float32))
    assert len(data) == 2 * 500 * form.width
    assert form.encode(form.decode(data, 2)) == data
    loud = form.decode(form.encode(np.array([[3.0, -3.0, 0.0]], np.float32)), 1)[0]
    step = 2 / form.full_scale if form.full_scale else 0.0
    assert np.abs(loud - ([3, -3, 0] if form.full_scale == 0 else [1, -1, 0])).max() <= step


@pytest.mark.parametrize("size", [0, 0x7FFFF000, 0x7FFFFFFF - 36, 0x80000000, 0xFFFFFFFF])
def test_length_that_is_not_known_is_as_much_as_comes(rng: np.random.Generator, size: int) -> None:
    """What ffmpeg, sox and others write as size; a chunk before the samples as of ffmpeg."""
    audio = rng.standard_normal((2, 300)).astype(np.float32)
    header, data = bytearray(wav_header(48_000, 2, None)), audio.T.tobytes()
    header[-4:] = struct.pack("<I", size)
    header[-8:-8] = b"LIST" + struct.pack("<I", 5) + b"INFO\0" + b"\0"  # an odd size, and what makes it even
    arriving = ArrivingAudio(Pipe(bytes(header) + data, (100,)))
    assert arriving.n_samples is None
    assert np.array_equal(collected(arriving), audio)


def test_what_follows_the_samples_is_no_sound(rng: np.random.Generator) -> None:
    audio = rng.standard_normal((1, 300)).astype(np.float32)
    arriving = ArrivingAudio(Pipe(float_wav(audio, promise=300) + b"LIST" + bytes(100), (70,)))
    assert np.array_equal(collected(arriving), audio)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("sizes", [(65_536,), (1, 3, 5_000), (4_096,)], ids=str)
@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_what_goes_out_is_the_file_bit_for_bit(
    models: dict[str, SeparationModel],
    tmp_path: Path,
    rng: np.random.Generator,
    known: bool,
    sizes: tuple[int, ...],
    rate: int,
) -> None:
    audio = 0.1 * rng.standard_normal((2, 3_000)).astype(np.float32)
    data = float_wav(audio, rate, promise=3_000 if known else None)
    stems = separate(models["bands"], audio, rate)
    assert np.array_equal(samples_of(through(models["bands"], data, "low", sizes), tmp_path), stems[0])
    everything = samples_of(through(models["bands"], data, "all", sizes), tmp_path)
    assert np.array_equal(everything, stems.reshape(6, -1))


def test_remix_is_that_of_the_files(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "take.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((20_000, 2)), 48_000, subtype="FLOAT")
    effects = {"effects": [{"type": "Resample", "target_sample_rate": 24_000}], "gain_db": -6.0}  # a late effect
    rack = rack_from_dict({"stems": {"low": effects}})
    done = separate_file(models["bands"], path, tmp_path / "stems", rack=rack)
    piped = through(models["bands"], path.read_bytes(), "remix", rack=rack)
    assert np.array_equal(samples_of(piped, tmp_path), read_recording(done.paths["remix"])[0])


def test_raw_samples_in_and_out(models: dict[str, SeparationModel], rng: np.random.Generator) -> None:
    form = SAMPLE_FORMATS["s24le"]
    data = form.encode(0.1 * rng.standard_normal((1, 3_000)).astype(np.float32))
    arriving, out = ArrivingAudio(io.BytesIO(data), PipeFormat(48_000, 1, form)), io.BytesIO()
    separate_pipe(arriving, out, StreamingSeparator(models["bands"]), "low", raw=form)
    assert out.getvalue() == form.encode(separate(models["bands"], form.decode(data, 1), 48_000)[0])


def test_source_that_is_called_all_is_that_source(
    models: dict[str, SeparationModel], tmp_path: Path, rng: np.random.Generator
) -> None:
    audio = 0.1 * rng.standard_normal((1, 2_000)).astype(np.float32)
    assert models["allpass"].source_names == ("all",)
    assert samples_of(through(models["allpass"], float_wav(audio), "all"), tmp_path).shape == (1, 2_000)


def test_every_sample_goes_out_as_soon_as_the_stream_has_it(
    tiny_model: SeparationModel, rng: np.random.Generator
) -> None:
    """Whenever more is asked for, all but the latency of what came has been written and flushed."""
    header = len(wav_header(48_000, 1, None))
    separator = StreamingSeparator(tiny_model)

    class Sink(io.BytesIO):
        flushed = 0

        def flush(self) -> None:
            self.flushed = self.tell()

    sink, waits = Sink(), []

    def asked(taken: int) -> None:
        due = max(0, (taken - header) // 4 - separator.latency_samples)
        waits.append(due)
        assert sink.flushed >= header + 4 * due if due else True

    data = float_wav(rng.standard_normal((1, 5_000)).astype(np.float32))
    separate_pipe(ArrivingAudio(Pipe(data, (400,), asked)), sink, separator, "flute")
    assert waits[-1] == 5_000 - separator.latency_samples


def test_memory_does_not_grow_with_the_length(models: dict[str, SeparationModel]) -> None:
    class Sink:
        def write(self, data: bytes) -> None:
            pass

        def flush(self) -> None:
            pass

    class Endless(io.BytesIO):
        def __init__(self, seconds: int) -> None:
            self._pieces: Iterator[bytes] = islice(cycle([bytes(4 * 4_800)]), 10 * seconds)

        def read1(self, _size: int | None = -1) -> bytes:
            return next(self._pieces, b"")

    peaks = []
    for seconds in (3, 3, 12):  # the first run fills caches
        arriving = ArrivingAudio(Endless(seconds), PipeFormat(48_000, 1, SAMPLE_FORMATS["f32le"]))
        tracemalloc.start()
        separate_pipe(arriving, Sink(), StreamingSeparator(models["split_fast"]), "all")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + MEMORY_GROWTH_BYTES


PCM_8_CHANNELS_0 = struct.pack("<HHIIHH", 1, 0, 48_000, 0, 0, 16)
A_LAW = struct.pack("<HHIIHH", 6, 1, 48_000, 48_000, 1, 8)


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "nothing came"),
        (b"fLaC" + bytes(50), "is no WAV"),
        (b"RIFF", "is no WAV"),
        (b"RIFF\0\0\0\0WAVE", "before its first sample"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"data", bytes(8)), "does not say what its samples are"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", PCM_8_CHANNELS_0) + chunk(b"data", bytes(8)), "kind 1 with 16 bits in 0"),
        (b"RIFF\0\0\0\0WAVE" + chunk(b"fmt ", A_LAW) + chunk(b"data", bytes(8)), "kind 6 with 8 bits"),
        (b"RIFF\0\0\0\0WAVE" + b"junk\xff\xff\xff\xff", "is damaged"),
        (wav_header(48_000, 1, None), "no samples came"),
        (wav_header(48_000, 1, 10) + bytes(36), "promises 40 bytes and 36 came"),
        (float_wav(np.array([[0.0, np.nan]], np.float32)), "NaN or Inf at 0.000 s"),
    ],
)
def test_what_is_no_audio_is_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(AudioError, match=sentence):
        collected(ArrivingAudio(Pipe(data, (65_536,))))


def test_header_of_a_length_that_no_wav_can_say_promises_nothing() -> None:
    assert wav_header(48_000, 2, 2**30) == wav_header(48_000, 2, None)


@pytest.mark.parametrize(
    ("choice", "sentence"), [("flut", "nearest: flute"), ("remix", "needs a rack"), ("Remix", "nearest: remix")]
)
def test_choice_that_is_not_there_is_refused(tiny_model: SeparationModel, choice: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        check_choice(tiny_model, choice, None)
