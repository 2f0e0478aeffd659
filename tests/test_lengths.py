"""What a file holds is read to the end, whatever its header claims; what is missing is said."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import lengthy
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from lengthy import RATE, N, heard, wav, written
from numpy.typing import NDArray

from bsep_stream.cli import main
from bsep_stream.errors import AudioError
from bsep_stream.files.audiofile import Recording, read_recording
from bsep_stream.fuzz.sounds import mended_pages

sound = lengthy.sound


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
