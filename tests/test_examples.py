"""The programs in examples/ run, and do what they say."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import soundfile
from pedalboard import Gain, Pedalboard

from bsep_stream import SeparationModel, StreamingSeparator, separate

EXAMPLES = Path(__file__).parent.parent / "examples"
LONGEST = 60
"""Lines: these are short."""

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="not a checkout")


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def recording(tmp_path: Path, rng: np.random.Generator) -> Path:
    path = tmp_path / "duet.wav"
    soundfile.write(path, 0.1 * rng.standard_normal((50_000, 2)), 48_000, subtype="FLOAT")
    return path


def test_generator_gives_the_stems_of_the_whole(
    tiny_model: SeparationModel, tiny_model_path: Path, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = soundfile.read(recording, dtype="float32")[0].T
    blocks = np.split(audio, [10, 11, 5_000, 5_000, 44_000], axis=1)
    pieces = list(example("generator").stems_of(blocks, StreamingSeparator(tiny_model, channels=2)))
    np.testing.assert_array_equal(np.concatenate(pieces, axis=2), separate(tiny_model, audio, 48_000))
    example("generator").main(str(tiny_model_path), str(recording))
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all(line.startswith("flute 0.0") for line in lines)


def test_callback_plays_a_stem(
    tiny_model: SeparationModel, tiny_model_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    audio = (0.1 * rng.standard_normal((8192, 1))).astype(np.float32)
    played = np.zeros_like(audio)

    class Stream:
        """Calls back for four blocks when it is opened."""

        def __init__(self, samplerate: int, blocksize: int, channels: int, callback: object) -> None:
            assert (samplerate, channels) == (48_000, 1)
            for start in range(0, len(audio), blocksize):
                block = slice(start, start + blocksize)
                callback(audio[block], played[block], blocksize, None, "")  # type: ignore[operator]

        def __enter__(self) -> None: ...
        def __exit__(self, *_error: object) -> None: ...

    module = ModuleType("sounddevice")
    module.Stream = Stream  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    monkeypatch.setattr("builtins.input", lambda _text: "")
    example("callback").main(str(tiny_model_path), "oboe")
    expected = StreamingSeparator(tiny_model, latency="live").process(audio.T)[1].T
    np.testing.assert_array_equal(played, expected)
    assert played.any()


def test_mixer_stands_where_a_plugin_stands(
    tiny_model: SeparationModel, tiny_model_path: Path, recording: Path, tmp_path: Path
) -> None:
    module = example("pedalboard_stream")
    module.main(str(tiny_model_path), str(recording), str(tmp_path / "out.wav"))
    audio = soundfile.read(recording, dtype="float32")[0].T
    remix, _ = soundfile.read(tmp_path / "out.wav", dtype="float32")
    mixer = module.hall(tiny_model, 48_000, 2)
    assert remix.shape[0] == 50_000 + mixer.latency_samples
    np.testing.assert_allclose(remix.T[:, mixer.latency_samples :], mixer(audio, 48_000), atol=2**-14)  # 16 bits

    class Memory:
        """Reads as pedalboard.io.AudioStream does, and keeps what it is to write."""

        def __init__(self) -> None:
            self.rest, self.written = audio, np.zeros((2, 0), np.float32)

        def read(self, n: int) -> np.ndarray:
            block, self.rest = self.rest[:, :n], self.rest[:, n:]
            return block

        def write(self, block: np.ndarray) -> None:
            self.written = np.concatenate([self.written, block], axis=1)

    for plugin in (Pedalboard([Gain(-6.0)]), Gain(-6.0), mixer):
        memory = Memory()
        module.play(memory.read, memory.write, plugin, 48_000)
        assert memory.written.shape == audio.shape


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_examples_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
