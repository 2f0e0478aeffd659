"""What a file holds is read to the end, whatever its header claims; what is missing is said."""

from __future__ import annotations

import io
import os
import struct
import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from numpy.typing import NDArray

from bsep_stream.cli import main
from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import Recording, read_recording
from bsep_stream.files.containers import unseekable
from bsep_stream.files.containers.mp3frames import count_frames
from bsep_stream.files.pipes.arriving import ArrivingAudio
from bsep_stream.files.separation import separate_file
from bsep_stream.fuzz.sounds import mended_pages
from bsep_stream.spoken import AudioWarning

RATE, N = 48_000, 60_000


@pytest.fixture
def sound(rng: np.random.Generator) -> NDArray[np.float64]:
    """Quiet, then loud: the bit rate of an MP3 changes."""
    return np.concatenate([1e-4 * rng.standard_normal(N // 2), 0.2 * rng.standard_normal(N // 2)])


def written(path: Path, sound: NDArray[np.float64], kind: str, subtype: str = "PCM_16", **how: object) -> bytearray:
    soundfile.write(path, sound, RATE, format=kind, subtype=subtype, **how)
    return bytearray(path.read_bytes())


def heard(path: Path, *, told: bool = True) -> tuple[NDArray[np.float32], list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        audio = read_recording(path)[0]
    with Recording(path) as recording:
        assert recording.n_samples == audio.shape[1] or not told
    return audio, [str(each.message) for each in caught if issubclass(each.category, AudioWarning)]


def wav(size: int, riff: int) -> Callable[[bytearray], bytes]:
    def change(content: bytearray) -> bytes:
        at = content.index(b"data") + 4
        content[at : at + 4], content[4:8] = struct.pack("<I", size), struct.pack("<I", riff)
        return bytes(content)

    return change


def zeroed(name: bytes, offset: int, n: int, byte: bytes = b"\0") -> Callable[[bytearray], bytes]:
    def change(content: bytearray) -> bytes:
        at = content.index(name) + offset
        content[at : at + n] = byte * n
        return bytes(content)

    return change


def flac_says(n: int) -> Callable[[bytearray], bytes]:
    def change(content: bytearray) -> bytes:
        fields = int.from_bytes(content[18:26], "big") >> 36 << 36 | n
        content[18:26] = fields.to_bytes(8, "big")
        return bytes(content)

    return change


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("WAV", wav(0, 0), "never closed"),
        ("WAV", wav(0, 36), "never closed"),
        ("WAV", wav(0, 0xFFFFFFFF), "never closed"),
        ("WAV", wav(2 * 20_000, 36 + 2 * 20_000), "more than its header says"),
        ("WAV", wav(0xFFFFFFFF, 0xFFFFFFFF), ""),
        ("WAV", wav(0x7FFFF000, 0x7FFFF024), ""),
        ("RF64", zeroed(b"ds64", 8, 24), "never closed"),
        ("AIFF", zeroed(b"SSND", 4, 4), "never closed"),
        ("W64", zeroed(b"data", 16, 8), "never closed"),
        ("CAF", zeroed(b"data", 4, 8, b"\xff"), ""),
        ("CAF", zeroed(b"data", 4, 8), "never closed"),
        ("AU", zeroed(b".snd", 8, 4), "never closed"),
        ("AU", zeroed(b".snd", 8, 4, b"\xff"), ""),
        ("FLAC", flac_says(0), ""),
        ("FLAC", flac_says(20_000), "more than its header says"),
    ],
)
def test_wrong_lengths(
    tmp_path: Path, sound: NDArray[np.float64], kind: str, change: Callable[[bytearray], bytes], said: str
) -> None:
    path = tmp_path / f"take.{kind.lower()}"
    content = written(path, sound, kind)
    expected, remarks = heard(path)
    assert expected.shape == (1, N)
    assert not remarks
    path.write_bytes(change(content))
    audio, remarks = heard(path)
    assert np.array_equal(audio, expected)
    assert bool(remarks) == bool(said)
    assert all(said in remark and str(path) in remark for remark in remarks)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "W64", "CAF", "AU", "FLAC", "NIST"])
@pytest.mark.parametrize("kept", [0.4, 0.93])
def test_truncated(tmp_path: Path, sound: NDArray[np.float64], kind: str, kept: float) -> None:
    path = tmp_path / f"cut.{kind.lower()}"
    content = written(path, sound, kind)
    whole, _ = heard(path)
    path.write_bytes(content[: int(kept * len(content))])
    audio, remarks = heard(path)
    n = audio.shape[1]
    assert 0.05 * N < n < N
    assert np.array_equal(audio, whole[:, :n])
    assert "truncated" in remarks[0]
    assert "missing" in remarks[0]


@pytest.mark.parametrize("odd", [0, 1])
def test_chunks_behind_the_samples_are_not_heard(tmp_path: Path, sound: NDArray[np.float64], odd: int) -> None:
    path = tmp_path / "titled.wav"
    content = written(path, sound[: N // 2 - odd], "WAV", "PCM_U8")
    titles = b"LIST" + struct.pack("<I", 5000) + bytes(5000) + b"free" + struct.pack("<I", 4) + b"data"
    for padding in {b"", bytes(odd)}:
        path.write_bytes(bytes(content)[: 44 + N // 2 - odd] + padding + titles)
        audio, remarks = heard(path)
        assert audio.shape[1] == N // 2 - odd
        assert not remarks
    path.write_bytes(bytes(content) + b"TAG" + bytes(125))
    audio, _ = heard(path)
    assert audio.shape[1] == N // 2 - odd


@pytest.mark.parametrize("titles", [b"", b"LIST" + struct.pack("<I", 4) + b"INFO"])
def test_wav_above_4_gb(tmp_path: Path, sound: NDArray[np.float64], titles: bytes) -> None:
    """Its size has wrapped round."""
    path = tmp_path / "long.wav"
    content = written(path, sound[:1000], "WAV", "FLOAT")
    beyond = 2**20
    start = content.index(b"data") + 8
    content[start - 4 : start] = struct.pack("<I", beyond)
    path.write_bytes(content[:start])
    os.truncate(path, start + 2**32 + beyond)
    with path.open("ab") as file:
        file.write(titles)
    with Recording(path) as recording:
        assert recording.n_samples == (2**32 + beyond) // 4
        assert "more than its header says" in recording.warnings[0]


def without_xing(content: bytes) -> bytes:
    counted = count_frames(content)
    assert counted is not None
    assert counted.n_said == counted.n_frames
    return content[counted.first :]


@pytest.mark.parametrize("rate", [48_000, 22_050, 8_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_without_a_length(tmp_path: Path, sound: NDArray[np.float64], rate: int, channels: int) -> None:
    path = tmp_path / "vbr.mp3"
    soundfile.write(path, np.stack([sound] * channels, 1), rate, bitrate_mode="VARIABLE", compression_level=0.4)
    bare = without_xing(path.read_bytes())
    path.write_bytes(bare)
    counted = count_frames(bare)
    assert counted is not None
    assert counted.n_said is None
    audio, remarks = heard(path)
    assert audio.shape == (channels, counted.n_frames * counted.frame_samples)
    assert not remarks
    # The bits in the tail of the sound are loud to the end.
    assert np.abs(audio[:, -6000:-4000]).max() > 0.1


def test_mp3_that_is_cut_or_joined(tmp_path: Path, sound: NDArray[np.float64]) -> None:
    path = tmp_path / "take.mp3"
    soundfile.write(path, sound, RATE, bitrate_mode="VARIABLE")
    content = path.read_bytes()
    whole, remarks = heard(path)
    assert whole.shape == (1, N)
    assert not remarks
    path.write_bytes(content[: len(content) // 2])
    audio, remarks = heard(path)
    assert audio.shape[1] < N
    assert "are missing" in remarks[0]
    bare = without_xing(content)
    path.write_bytes(bare[: len(bare) // 2])
    audio, remarks = heard(path)
    assert "truncated" in remarks[0]
    path.write_bytes(content + content)
    audio, remarks = heard(path)
    assert audio.shape[1] >= 2 * N
    assert "more than its header says" in remarks[0]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_chained_ogg(tmp_path: Path, sound: NDArray[np.float64], subtype: str) -> None:
    path, second = tmp_path / "radio.ogg", tmp_path / "second.ogg"
    sound = np.tile(sound, 4)  # several pages
    one = written(path, sound, "OGG", subtype)
    two = written(second, sound[::-1], "OGG", subtype)
    expected = np.concatenate([read_recording(path)[0], read_recording(second)[0]], axis=1)
    path.write_bytes(one + two)
    audio, remarks = heard(path)
    assert np.array_equal(audio, expected)
    assert "2 recordings one after the other" in remarks[0]
    path.write_bytes(one[: len(one) * 2 // 3])
    audio, remarks = heard(path)
    assert 0 < audio.shape[1] < sound.size
    assert "truncated" in remarks[0]


def test_flacs_one_after_the_other(tmp_path: Path, sound: NDArray[np.float64]) -> None:
    path = tmp_path / "two.flac"
    content = written(path, sound, "FLAC")
    path.write_bytes(content + content)
    audio, remarks = heard(path)
    assert audio.shape == (1, 2 * N)
    assert "2 recordings" in remarks[0]


def test_a_flac_that_is_damaged_within_is_read_up_to_there(tmp_path: Path, sound: NDArray[np.float64]) -> None:
    path = tmp_path / "scratched.flac"
    content = written(path, sound, "FLAC")
    whole, _ = heard(path)
    middle = len(content) * 3 // 4
    content[middle : middle + 500] = bytes(500)
    path.write_bytes(content)
    audio, remarks = heard(path, told=False)
    assert 1000 < audio.shape[1] < N
    assert np.array_equal(audio, whole[:, : audio.shape[1]])
    assert "missing" in remarks[0]


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "GSM610"), ("AU", "G721_32"), ("AU", "G723_24"), ("AIFF", "DWVW_16"), ("VOC", "ULAW")]
)
def test_formats_that_cannot_seek(tmp_path: Path, sound: NDArray[np.float64], kind: str, subtype: str) -> None:
    path = tmp_path / "phone"
    soundfile.write(path, sound[:16_000], 8000, format=kind, subtype=subtype)
    with Recording(path) as recording:
        blocks = [np.concatenate(list(recording.blocks(n)), axis=1) for n in (1000, 4096)]
    assert np.array_equal(*blocks)
    assert blocks[0].shape[1] >= 16_000


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3"])
def test_fifo(tmp_path: Path, sound: NDArray[np.float64], tiny_model_path: Path, kind: str) -> None:
    path, fifo = tmp_path / "take", tmp_path / "fifo"
    content = written(path, sound, kind, "MPEG_LAYER_III" if kind == "MP3" else "PCM_16")
    separate_file(tiny_model_path, path, tmp_path / "expected")
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(content), daemon=True)
    writer.start()
    result = CliRunner().invoke(main, ["separate", str(tiny_model_path), str(fifo), "-o", str(tmp_path / "out")])
    writer.join()
    assert result.exit_code == 0, result.stderr
    for name in ("flute", "oboe", "residual"):
        assert np.array_equal(*(read_recording(tmp_path / each / f"{name}.wav")[0] for each in ("expected", "out")))


def test_fifo_without_a_writer_does_not_hang(
    tmp_path: Path, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unseekable, "WRITER_SECONDS", 0.0)
    os.mkfifo(tmp_path / "fifo")
    commands: tuple[tuple[str, ...], ...] = (
        ("separate", str(tiny_model_path), str(tmp_path / "fifo"), "-o", str(tmp_path / "out")),
        ("notes", str(tiny_model_path), str(tmp_path / "fifo"), "-o", str(tmp_path / "notes.csv")),
        ("evaluate", "--reference", str(tmp_path / "fifo"), "--estimate", str(tmp_path / "fifo")),
    )
    for command in commands:
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2
        assert "give -" in result.stderr
    with pytest.raises(AudioError, match="device"):
        read_recording("/dev/null")


def test_the_commands_say_it(tmp_path: Path, sound: NDArray[np.float64], tiny_model_path: Path) -> None:
    path = tmp_path / "cut.wav"
    path.write_bytes(written(path, sound, "WAV")[:-20_000])
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["separate", str(tiny_model_path), str(path), "-o", str(out)])
    assert result.exit_code == 0
    assert f"{path} is truncated" in result.stderr
    assert read_recording(out / "flute.wav")[0].shape[1] == N - 10_000
    result = CliRunner().invoke(main, ["notes", str(tiny_model_path), str(path), "-o", str(tmp_path / "n.csv")])
    assert f"bsep: {path} is truncated" in result.stderr
    result = CliRunner().invoke(main, ["separate", str(tiny_model_path), str(path), "-o", str(out / "b"), "--json"])
    assert "is truncated" in result.stdout


def through_a_pipe(content: bytes, at_once: int) -> tuple[int, str]:
    """Samples that came, and what was said in the end."""

    class Pipe(io.BufferedReader):
        def read1(self, size: int = -1) -> bytes:
            return super().read1(min(size, at_once) if size > 0 else at_once)

    arriving = ArrivingAudio(Pipe(io.BytesIO(content)))  # type: ignore[arg-type]
    n = sum(block.shape[1] for block in arriving.blocks())
    try:
        arriving.check_end()
    except AudioError as error:
        return n, str(error)
    return n, ""


@pytest.mark.parametrize("at_once", [7, 4096])
def test_a_pipe_that_goes_on_behind_its_header(tmp_path: Path, sound: NDArray[np.float64], at_once: int) -> None:
    content = written(tmp_path / "a.wav", sound[:9000], "WAV")
    assert through_a_pipe(bytes(content), at_once) == (9000, "")
    titles = b"LIST" + struct.pack("<I", 4) + b"INFO"
    assert through_a_pipe(bytes(content) + titles, at_once) == (9000, "")
    n, said = through_a_pipe(wav(2 * 2000, 36 + 2 * 2000)(content), at_once)
    assert n == 9000
    assert "went on behind the 4000 bytes" in said


def frames_of(content: bytes) -> list[bytes]:
    """The frames of sound of an MP3, which all begin alike."""
    counted = count_frames(content)
    assert counted is not None
    starts = [at for at in range(counted.first, len(content)) if content[at : at + 2] == content[:2]]
    whole = [at for at in starts if (found := count_frames(content[at:])) and found.first == 0]
    return [content[at:end] for at, end in zip(whole, [*whole[1:], len(content)], strict=True)]


@pytest.mark.parametrize("lost", [1, 2, 20])
def test_mp3_that_ends_between_two_frames(tmp_path: Path, sound: NDArray[np.float64], lost: int) -> None:
    path = tmp_path / "take.mp3"
    soundfile.write(path, sound, RATE, bitrate_mode="VARIABLE")
    content = path.read_bytes()
    frames = frames_of(content)
    counted = count_frames(content)
    assert counted is not None
    assert counted.n_frames == len(frames)
    path.write_bytes(content[: counted.first] + b"".join(frames[:-lost]))
    _, remarks = heard(path)
    assert f"promises {len(frames)} frames and {len(frames) - lost} are there" in remarks[0]


@pytest.mark.parametrize(("said_ms", "told"), [(1250, False), (9000, True)])
def test_mp3_whose_titles_say_more_than_is_there(
    tmp_path: Path, sound: NDArray[np.float64], said_ms: int, told: bool
) -> None:
    path = tmp_path / "take.mp3"
    soundfile.write(path, sound, RATE)
    text = b"\x00" + str(said_ms).encode()
    field = b"TLEN" + len(text).to_bytes(4, "big") + b"\0\0" + text
    titles = b"ID3\x04\0\0" + len(field).to_bytes(4, "big") + field
    path.write_bytes(titles + without_xing(path.read_bytes()))
    _, remarks = heard(path)
    assert bool(remarks) == told
    assert all("may be truncated: its titles say 9.00 s" in remark for remark in remarks)


@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_flac_in_an_ogg(tmp_path: Path, sound: NDArray[np.float64], kept: float) -> None:
    path, plain = tmp_path / "take.ogg", tmp_path / "take.flac"
    content = written(plain, np.tile(sound, 3), "FLAC")
    expected = read_recording(plain)[0]
    packets = [
        b"\x7fFLAC\x01\x00\x00\x01" + content[:42],
        *(content[at : at + 9000] for at in range(42, len(content), 9000)),
    ]
    pages = []
    for number, packet in enumerate(packets):
        last = number == len(packets) - 1
        lengths = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
        flags = 2 if number == 0 else 4 * last
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, 7, number, 0, len(lengths))
        pages.append(head + lengths + bytes(packet))
    path.write_bytes(mended_pages(b"".join(pages[: round(kept * len(pages))])))
    audio, remarks = heard(path)
    n = audio.shape[1]
    assert np.array_equal(audio, expected[:, :n])
    assert bool(remarks) == (kept < 1.0) == (n < expected.shape[1])
    assert all("truncated" in remark for remark in remarks)


@pytest.mark.parametrize("damage", [bytes(3000), b""])
@pytest.mark.parametrize("header", [True, False])
def test_mp3_that_is_damaged_within_is_read_behind_that_too(
    tmp_path: Path, sound: NDArray[np.float64], damage: bytes, header: bool
) -> None:
    path = tmp_path / "scratched.mp3"
    soundfile.write(path, np.tile(sound, 3), RATE)
    content = path.read_bytes() if header else without_xing(path.read_bytes())
    counted = count_frames(content)
    assert counted is not None
    path.write_bytes(content[: len(content) // 3] + damage + content[len(content) // 3 + 3000 :])
    audio, remarks = heard(path)
    lost = counted.n_frames * counted.frame_samples - audio.shape[1]
    frame_bytes = len(content) / counted.n_frames
    assert 0 < lost <= (3000 / frame_bytes + 3) * counted.frame_samples
    assert any("bytes within it are no sound" in remark for remark in remarks)


def test_bytes_behind_a_flac_are_no_sound(tmp_path: Path, sound: NDArray[np.float64]) -> None:
    path = tmp_path / "take.flac"
    path.write_bytes(bytes(written(path, sound, "FLAC")) + bytes(5000))
    audio, remarks = heard(path, told=False)
    assert audio.shape == (1, N)
    assert remarks == [f"{path} ends with bytes that are no sound; they are left out"]


def test_numbers_that_are_no_sound_are_refused(tmp_path: Path, sound: NDArray[np.float64]) -> None:
    path = tmp_path / "take.wav"
    for value, said in ((2.0**31, "full scale"), (np.nan, "NaN or Inf"), (-np.inf, "NaN or Inf")):
        bad = sound[:9000].copy()
        bad[4800] = value
        soundfile.write(path, bad, RATE, subtype="FLOAT")
        with pytest.raises(AudioError, match=rf"take\.wav holds .*{said}.*") as error:
            read_recording(path)
        assert "at 0.100 s" in str(error.value)
