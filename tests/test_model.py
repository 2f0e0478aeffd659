"""An ONNX file becomes a model, or one clear sentence. Damage is done to the bytes, so no onnx package is needed."""

from __future__ import annotations

import tracemalloc
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from bsep_stream.errors import BsepError, ConfigError, ModelError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.model.step import Tones

EXACT_IN_FLOAT32 = 1e-7  # one product in float32
SMALL_OBJECTS = 4_000  # bytes: views and other objects of Python; a spectrum of one source has 16 384


def test_says_what_it_is(tiny_model: SeparationModel, tiny_model_path: Path) -> None:
    assert tiny_model.path == tiny_model_path
    assert tiny_model.geometry == FrameGeometry(48_000, 512, 257, 64, 64.0)
    assert tiny_model.source_names == ("flute", "oboe")
    assert tiny_model.n_sources == 2
    assert tiny_model.tone_sources == (0, 1)
    assert tiny_model.dictionary.shape == (2, 5)
    assert tiny_model.gain == 3.0
    assert tiny_model.output == "direct"
    assert tiny_model.training["preset"] == "test"
    assert tiny_model.format_version == 1


def test_step_gives_the_tones(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    frame = rng.standard_normal((2, 257)).astype(np.float32)
    tones = tiny_model.step(frame)
    expected = np.outer([0.6, 0.3], frame[0] + 1j * frame[1])
    assert tones.direct.dtype == np.complex64
    assert np.abs(tones.direct - expected).max() < EXACT_IN_FLOAT32 * np.abs(frame).max()
    other = np.outer([0.2, 0.5], frame[0] + 1j * frame[1])
    assert tones.dictionary.dtype == np.complex64
    assert np.abs(tones.dictionary - other).max() < EXACT_IN_FLOAT32 * np.abs(frame).max()
    assert np.array_equal(tones.f0_bin, [10, 20])
    assert np.array_equal(tones.amplitude, np.full(2, np.abs(frame).max()))
    assert tones.inharmonicity.shape == tones.width_bins.shape == tones.on.shape == (2,)
    assert tones.coefficients.shape == (2, 5)


def test_tones_outlive_the_next_step(tiny_model: SeparationModel) -> None:
    first = tiny_model.step(np.ones((2, 257), dtype=np.float32))
    kept = first.direct.copy(), first.f0_bin.copy()
    tiny_model.step(np.zeros((2, 257), dtype=np.float32))
    assert np.array_equal(first.direct, kept[0])
    assert np.array_equal(first.f0_bin, kept[1])


def test_a_stepper_gives_the_same_tones(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    step = tiny_model.stepper()
    for frame in rng.standard_normal((3, 2, 257)).astype(np.float32):
        once, stepped = tiny_model.step(frame), step(frame)
        for field in fields(Tones):
            assert np.array_equal(getattr(once, field.name), getattr(stepped, field.name)), field.name


def test_steppers_of_a_model_share_no_tones(tiny_model: SeparationModel) -> None:
    ones, zeros = tiny_model.stepper(), tiny_model.stepper()
    frame = np.ones((2, 257), dtype=np.float32)
    tones = ones(frame)
    nothing = zeros(np.zeros((2, 257), dtype=np.float32))
    assert not nothing.direct.any()
    assert tones.direct.any()
    assert ones(2 * frame) is tones
    assert np.array_equal(tones.amplitude, np.full(2, 2, dtype=np.float32))


def test_a_stepper_allocates_nothing(models: dict[str, SeparationModel]) -> None:
    step = models["split_fast"].stepper()
    frame = np.ones((2, 2048), dtype=np.float32)
    step(frame)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(10):
            step(frame)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < SMALL_OBJECTS
    assert after == pytest.approx(before, abs=SMALL_OBJECTS)


# What is replaced by something equally long, and the sentence that follows.
DAMAGE = {
    "foreign": (b"bsep_stream", b"bsep_strean", "another program"),
    "newer": (b'"format_version": 1', b'"format_version": 9', "update bsep-stream"),
    "version": (b'"format_version": 1', b'"format_version": {', "cannot be read"),
    "no version": (b'"format_version"', b'"format_versiom"', "cannot be read"),
    "no JSON": (b'"source_names": [', b'"source_names"  [', "cannot be read"),
    "key": (b'"tone_sources"', b'"tone_sourcez"', "should have the metadata"),
    "geometry key": (b'"n_fft"', b'"n_xft"', "frame geometry"),
    "geometry": (b'"n_fft": 512', b'"n_fft": 511', "n_fft must be even"),
    "bins": (b'"n_bins": 257', b'"n_bins": 256', "'frame' should be"),
    "output": (b"inharmonicity", b"inharmonicitx", "no input or output 'inharmonicity'"),
    "no dictionary tones": (b"\ndictionary", b"\ndictionarz", "no input or output 'dictionary'"),
    "kind": (b'"output": "direct"', b'"output": "dirrct"', "direct, dictionary, mask"),
    "gain": (b'"gain": 3.0', b'"gain": 0.0', "gain must be positive"),
    "not a number": (b'"gain": 3.0', b'"gain": NaN', "gain must be positive"),
    "tones": (b'"tone_sources": [0, 1]', b'"tone_sources": [0, 2]', "tone_sources"),
    "dictionary": (b'"dictionary": [[1.0', b'"dictionary": [[{} ', "damaged metadata"),
    "path": (b'"flute"', b'"../te"', "cannot be the name of a source"),
    "hidden": (b'"flute"', b'".lute"', "cannot be the name of a source"),
    "empty": (b'"flute"', b'"     "', "cannot be the name of a source"),
    "twice": (b'"flute", "oboe"', b'"oboe" , "oboe"', "distinct"),
    "reserved": (b'"flute", "oboe"', b'"remix", "oboe"', "distinct"),
}


@pytest.mark.parametrize(("old", "new", "sentence"), DAMAGE.values(), ids=DAMAGE.keys())
def test_damage_is_named(tiny_model_path: Path, tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    content = tiny_model_path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path = tmp_path / "model.onnx"
    path.write_bytes(content.replace(old, new))
    with pytest.raises(ModelError, match=sentence) as caught:
        SeparationModel(path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_execution_providers_can_be_chosen(tiny_model_path: Path, rng: np.random.Generator) -> None:
    frame = rng.standard_normal((2, 257)).astype(np.float32)
    usual = SeparationModel(tiny_model_path)
    assert usual.providers == ("CPUExecutionProvider",)
    chosen = SeparationModel(tiny_model_path, providers=[("CPUExecutionProvider", {})])
    assert np.array_equal(usual.step(frame).direct, chosen.step(frame).direct)
    with pytest.raises(ConfigError, match=r"has no provider 'CPU'; .*CPUExecutionProvider"):
        SeparationModel(tiny_model_path, providers=["CPU"])


@pytest.mark.parametrize("content", [b"", b"not an ONNX file at all", b"\x00" * 100, None], ids=repr)
def test_what_is_no_onnx(tmp_path: Path, content: bytes | None, tiny_model_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model_path.read_bytes()[:-500] if content is None else content)
    with pytest.raises(ModelError) as caught:
        SeparationModel(path)
    assert "bsep export" in str(caught.value) or "export the model again" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.onnx", "."])
def test_a_missing_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError, match="there is no model file"):
        SeparationModel(tmp_path / name)
    assert issubclass(ModelError, BsepError)
    assert issubclass(ModelError, ValueError)
