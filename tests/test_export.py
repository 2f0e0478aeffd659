"""ONNX equals torch over real frames, says what it is, and does not appear when it is wrong."""

import json
import shutil
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from test_learner import some_frames, tiny_config

from bsep_stream.demo import MODEL
from bsep_stream.errors import ModelError
from bsep_stream.export import onnx_file, parity
from bsep_stream.export.graph import INPUT_NAME, OUTPUT_NAMES
from bsep_stream.export.onnx_file import export_model
from bsep_stream.export.renewal import renew
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.model.step import SPECTRA_OUTPUTS, SPECTRA_SWITCH
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator

# With the seed used here an untrained network is on in some passes and off in others.
SOME_OFF = -0.06
METADATA = {"gain": 2.5, "output": "mask", "training": {"preset": "tiny", "seed": 3}}


@pytest.fixture(scope="module")
def separator() -> Separator:
    config = tiny_config(ridge=0.03, joint_ridge=0.1)
    config = replace(config, policy=replace(config.policy, gate_direct=True, on_offset=SOME_OFF))
    return Separator(config, torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    return some_frames(4, 230).numpy()


@pytest.fixture(scope="module")
def exported(separator: Separator, frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    report = export_model(separator, separator.config, METADATA, path, frames)
    assert report.n_frames >= 200
    assert report.n_frames + report.n_quiet + report.n_ambiguous == 230
    assert report.worst_difference <= 1e-3
    assert report.file_bytes == path.stat().st_size
    assert report.step_ms > 0
    return path


def test_inputs_outputs_and_versions_are_those_of_the_design(exported: Path) -> None:
    model = onnx.load(str(exported))
    assert model.ir_version <= 10
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert [value.name for value in model.graph.input] == [INPUT_NAME, SPECTRA_SWITCH]
    assert [value.name for value in model.graph.output] == list(OUTPUT_NAMES)
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {
        "frame": ["batch", 2, 64],
        "spectra": [1],
        "direct": ["batch", 2, 2, 64],
        "dictionary": ["batch", 2, 2, 64],
        "f0_bin": ["batch", 2],
        "inharmonicity": ["batch", 2],
        "width_bins": ["batch", 2],
        "amplitude": ["batch", 2],
        "on": ["batch", 2],
        "coefficients": ["batch", 2, 6, 2],
        "timbre": ["batch", 2, 64],
    }


def test_metadata_reads_back(exported: Path, separator: Separator) -> None:
    entries = {entry.key: entry.value for entry in onnx.load(str(exported)).metadata_props}
    metadata = json.loads(entries["bsep_stream"])
    rows = separator.dictionary.relative_amplitudes.detach().numpy()
    np.testing.assert_allclose(metadata.pop("dictionary"), rows, atol=1e-6)
    assert metadata == {
        "format_version": 2,
        "geometry": separator.config.geometry.to_dict(),
        "source_names": ["one", "two"],
        "tone_sources": [0, 1],
        **METADATA,
    }


def test_a_model_says_how_long_its_sources_ring_on(frames: np.ndarray, tmp_path: Path) -> None:
    separator = Separator(tiny_config(timbre_updates=2), torch.Generator().manual_seed(3))
    assert separator.timbre is not None
    separator.timbre.decay_seconds.copy_(torch.tensor([0.25, 2.0]))
    path = tmp_path / "harp.onnx"
    export_model(separator, separator.config, METADATA, path, frames)
    assert SeparationModel(path).decay_seconds == (0.25, 2.0)


@pytest.mark.parametrize("batch", [1, 3, 17])
def test_onnx_equals_torch_for_any_batch(exported: Path, separator: Separator, batch: int) -> None:
    tolerance = 1e-4  # float32, and operations fused by the run time
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    spectra = some_frames(9, batch)
    channels = torch.stack([spectra.real, spectra.imag], dim=1)
    outputs = session.run(list(OUTPUT_NAMES), {INPUT_NAME: channels.numpy(), SPECTRA_SWITCH: np.array([True])})
    with torch.no_grad():
        expected = predict(separator, channels)
    assert expected._fields[: len(OUTPUT_NAMES)] == OUTPUT_NAMES
    for name, got, wanted in zip(OUTPUT_NAMES, outputs, expected, strict=False):
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, wanted.numpy(), atol=tolerance, rtol=1e-3, err_msg=name)


def test_the_graph_needs_nothing_but_standard_operators_and_no_solver(exported: Path) -> None:
    assert {node.domain for node in onnx.load(str(exported)).graph.node} <= {"", "ai.onnx"}


@pytest.fixture(scope="module")
def of_three(frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of three sources with a timbre; few harmonics, as each is eliminated by operations of its own."""
    config = replace(tiny_config(ridge=0.03, joint_ridge=0.1), source_names=("one", "two", "three"), timbre_updates=2)
    config = replace(config, n_harmonics=3)
    path = tmp_path_factory.mktemp("export") / "three.onnx"
    report = export_model(Separator(config, torch.Generator().manual_seed(3)), config, {"gain": 1.0}, path, frames)
    assert report.worst_difference <= 1e-3
    return path


def test_three_sources_export_too(of_three: Path, frames: np.ndarray) -> None:
    model = SeparationModel(of_three)
    assert model.source_names == ("one", "two", "three")
    assert model.step(np.stack([frames[0].real, frames[0].imag])).direct.shape == (3, 64)


@pytest.fixture
def traced_before(exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The graph is traced once: what is tested is what happens after that."""
    monkeypatch.setattr(onnx_file, "_write_graph", lambda step, config, path: shutil.copy(exported, path))


@pytest.mark.usefixtures("traced_before")
@pytest.mark.parametrize("output", ["direct", "dictionary", "f0_bin", "on"])
def test_a_file_that_disagrees_is_not_written(
    separator: Separator, frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """The reference is falsified: spectra by 1 % of the frame's peak, or tones by one bin, or on for off."""
    true_predict = parity.predict

    def false_predict(*arguments: object) -> object:
        prediction = true_predict(*arguments)
        true = getattr(prediction, output)
        changes = {"f0_bin": true + 1, "on": 1 - true}
        return prediction._replace(**{output: changes.get(output, true + 0.01 * arguments[1].abs().amax())})

    monkeypatch.setattr(parity, "predict", false_predict)
    with pytest.raises(ModelError, match="other tones" if output in ("f0_bin", "on") else "differ by"):
        export_model(separator, separator.config, METADATA, tmp_path / "wrong.onnx", frames)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("traced_before")
def test_frames_that_hang_on_rounding_are_left_out(
    separator: Separator, frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch is made to jump between two answers for some frames, as it does where one more rounding decides."""
    true_predict, frames = parity.predict, np.concatenate([frames, frames[:60]])
    loud = np.abs(frames).max(axis=1).argsort()[-20:]

    def unstable_predict(*arguments: object) -> object:
        prediction, inputs = true_predict(*arguments), arguments[1]
        marked = (inputs.square().sum(dim=1).amax(dim=1) > 0.999 * threshold).float()
        up = (torch.rand(len(inputs), generator=generator) < 0.5).float()
        jump = 0.01 * marked * up * inputs.abs().flatten(1).amax(dim=1)
        return prediction._replace(timbre=prediction.timbre + jump[:, None, None])

    threshold = float((np.abs(frames[loud]) ** 2).max(axis=1).min())
    generator = torch.Generator().manual_seed(1)
    monkeypatch.setattr(parity, "predict", unstable_predict)
    report = export_model(separator, separator.config, METADATA, tmp_path / "model.onnx", frames)
    assert 1 <= report.n_ambiguous <= 40
    assert report.worst_difference <= parity.PARITY_TOLERANCE


@pytest.mark.usefixtures("traced_before")
def test_too_few_frames_are_refused(separator: Separator, frames: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="at least 200 frames, got 199"):
        export_model(separator, separator.config, METADATA, tmp_path / "few.onnx", frames[:199])
    silent = frames.copy()
    silent[100:] = 0
    with pytest.raises(ModelError, match="silent"):
        export_model(separator, separator.config, METADATA, tmp_path / "few.onnx", silent)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("traced_before")
def test_quiet_frames_do_not_count_unless_they_agree_relative_to_their_own_peak(
    separator: Separator, frames: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_predict = parity.predict
    difference = 0.6 * parity.PARITY_TOLERANCE * parity.QUIET_PEAK

    def false_predict(*arguments: object) -> object:
        prediction = true_predict(*arguments)
        return prediction._replace(direct=prediction.direct + difference)

    monkeypatch.setattr(parity, "predict", false_predict)
    peaks = np.abs(frames).max(axis=1, keepdims=True)
    quiet = frames / peaks
    quiet[100:] *= 0.4 * parity.QUIET_PEAK
    with pytest.raises(ModelError, match="only 100 count"):
        export_model(separator, separator.config, METADATA, tmp_path / "few.onnx", quiet)
    quiet[100:] *= 2
    report = export_model(separator, separator.config, METADATA, tmp_path / "enough.onnx", quiet)
    assert (report.n_frames, report.n_quiet) == (230 - report.n_ambiguous, 0)


@pytest.mark.parametrize("wrong", [{"gain": 0}, {"gain": 1.0, "output": "both"}, {"gain": 1.0, "colour": "blue"}, {}])
def test_metadata_that_the_run_time_cannot_use_is_refused(
    separator: Separator, frames: np.ndarray, tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="metadata"):
        export_model(separator, separator.config, wrong, tmp_path / "wrong.onnx", frames)
    assert list(tmp_path.iterdir()) == []


def test_what_masks_do_not_need_can_be_switched_off_and_the_rest_stays_the_same_bits(
    of_three: Path, frames: np.ndarray
) -> None:
    model = SeparationModel(of_three)
    whole, masks = model.stepper(), model.stepper()
    masks.want_spectra(False)
    for frame in frames[:5]:
        channels = np.stack([frame.real, frame.imag])
        expected, got = whole(channels), masks(channels)
        for field in fields(expected):
            if field.name in SPECTRA_OUTPUTS:
                assert getattr(expected, field.name).any()
                assert not getattr(got, field.name).any()
            else:
                assert np.array_equal(getattr(expected, field.name), getattr(got, field.name)), field.name
    masks.want_spectra(True)
    assert np.array_equal(masks(channels).direct, expected.direct)


def test_every_input_must_be_given_and_the_run_time_has_nothing_to_warn_of(exported: Path) -> None:
    code = (
        "import sys, onnxruntime; session = onnxruntime.InferenceSession(sys.argv[1])\n"
        "assert [value.name for value in session.get_inputs()] == ['frame', 'spectra']\n"
        "assert not session.get_overridable_initializers()\n"
    )
    for path in (exported, MODEL):
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_model_of_format_1_gives_the_same_bits_and_can_be_renewed(
    exported: Path, frames: np.ndarray, tmp_path: Path
) -> None:
    old, renewed = tmp_path / "old.onnx", tmp_path / "renewed.onnx"
    model = onnx.load(str(exported))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([True]), SPECTRA_SWITCH))
    (entry,) = model.metadata_props
    entry.value = json.dumps({**json.loads(entry.value), "format_version": 1})
    onnx.save(model, str(old))
    renew(old, renewed)
    assert [SeparationModel(path).format_version for path in (old, renewed)] == [1, 2]
    steppers = [SeparationModel(path).stepper() for path in (exported, old, renewed)]
    for wanted in (True, False):
        for frame in frames[:3]:
            channels = np.stack([frame.real, frame.imag])
            for stepper in steppers:
                stepper.want_spectra(wanted)
            new, *others = [stepper(channels) for stepper in steppers]
            for other in others:
                assert all(np.array_equal(getattr(new, f.name), getattr(other, f.name)) for f in fields(new))
    whole = SeparationModel(old).step(np.stack([frames[0].real, frames[0].imag]))
    assert whole.direct.any()
    old.write_bytes(b"nonsense")
    with pytest.raises(ModelError, match="cannot be loaded"):
        renew(old, renewed)


def test_an_output_that_others_are_made_from_is_always_there(exported: Path, frames: np.ndarray) -> None:
    """Without a timbre masks are made from the dictionary tones."""
    step = SeparationModel(exported).stepper()
    step.want_spectra(False)
    tones = step(np.stack([frames[0].real, frames[0].imag]))
    assert not tones.direct.any()
    np.testing.assert_allclose(tones.timbre, np.abs(tones.dictionary), atol=1e-6)
    assert tones.dictionary.any()
