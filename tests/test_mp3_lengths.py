"""MP3 that says too much, too little or nothing of its length, is cut, joined or damaged."""

from __future__ import annotations

from pathlib import Path

import lengthy
import numpy as np
import pytest
import soundfile
from lengthy import RATE, N, heard
from numpy.typing import NDArray

from bsep_stream.files.containers.mp3frames import count_frames

sound = lengthy.sound


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
