"""Models of strangers: data and not programs, of the shape that they say, in bounds of memory and time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnxparts import attribute, changed_graph, joined, node, part, tensor, with_metadata, with_nodes

from bsep_stream.errors import ModelError
from bsep_stream.model import trial, tryout
from bsep_stream.model.modelrules import LARGEST_BYTES
from bsep_stream.model.separation_model import SeparationModel

F32, I64 = np.float32, np.int64


def refused(content: bytes, folder: Path, sentence: str) -> None:
    path = folder / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=sentence) as caught:
        SeparationModel(path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800


def sub_graph(*nodes: bytes, outputs: list[bytes] = ()) -> bytes:  # type: ignore[assignment]
    return joined([*((1, each) for each in nodes), (2, "body"), *((12, each) for each in outputs)])


ENDLESS = [
    node(
        "Loop", ["rounds", "go", "frame"], ["x"], attribute("body", 6, sub_graph(node("Identity", ["frame"], ["y"])), 5)
    )
]

PROGRAMS: dict[str, tuple[list[bytes], list[bytes], str]] = {
    "loop": (ENDLESS, [tensor("rounds", np.array(2**62, I64)), tensor("go", np.array(True))], "operator 'Loop'"),
    "scan": ([node("Scan", ["frame"], ["x"], attribute("body", 6, sub_graph(), 5))], [], "operator 'Scan'"),
    "if on something": ([node("If", ["c"], ["x"])], [tensor("c", np.array([True]))], "makes a choice"),
    "graph in another": ([node("Abs", ["frame"], ["x"], attribute("b", 6, sub_graph(), 5))], [], "makes a choice"),
    "graphs": ([node("If", ["frame"], ["x"], attribute("b", 11, sub_graph(), 10))], [], r"has a part \(11\)"),
    "custom domain": ([node("Add", ["frame", "frame"], ["x"], domain="com.microsoft")], [], "'com.microsoft.Add'"),
    "random": ([node("RandomNormal", [], ["x"])], [], "operator 'RandomNormal'"),
    "sequence": ([node("SequenceConstruct", ["frame"], ["x"])], [], "operator 'SequenceConstruct'"),
    "data-dependent": ([node("NonZero", ["frame"], ["x"])], [], "operator 'NonZero'"),
    "escape": ([node("\x1b[2J", ["frame"], ["x"])], [], r"operator '\\x1b\[2J'"),
    "size by the sound": (
        [node("ReduceMax", ["frame"], ["m"]), node("Cast", ["m"], ["n"], attribute("to", 3, 7, 2)),
         node("Range", ["none", "n", "unit"], ["x"])],
        [tensor("none", np.array(0, I64)), tensor("unit", np.array(1, I64))],
        r"a size in it \(Range\) depends on the sound",
    ),
    "dilated beyond its row": (
        [node("MaxPool", ["frame"], ["x"], attribute("kernel_shape", 8, 3, 7), attribute("dilations", 8, 2**33, 7))],
        [],
        r"MaxPool has 'dilations' \[8589934592\], and ours 1 to 1",
    ),
    "of no length": ([node("Conv", ["frame", "frame"], ["x"])], [], "Conv does not say how long it is"),
    "huge axis": ([node("Flatten", ["frame"], ["x"], attribute("axis", 3, 2**62, 2))], [], "Flatten has 'axis'"),
    "split below nothing": (
        [node("Split", ["frame", "n"], ["x", "y"], attribute("axis", 3, 2, 2))],
        [tensor("n", np.array([-5, 262], I64))],
        r"Split has \[-5, 262\] where ours have 0 or more",
    ),
    "padded by less than nothing": (
        [node("Pad", ["frame", "n"], ["x"])], [tensor("n", np.array([0, 0, -900, 0, 0, 0], I64))], "Pad has",
    ),
    "divided by minus one": (
        [node("Div", ["n", "m"], ["x"])],
        [tensor("n", np.array([-(2**63)], I64)), tensor("m", np.array([-1], I64))],
        r"Div has \[-1\] where ours have 1 or more",
    ),
    "worked out": (
        [node("Shape", ["frame"], ["n"]), node("Tile", ["frame", "n"], ["x"])], [], "a size that is worked out",
    ),
    "use before it is made": ([node("Abs", ["late"], ["x"]), node("Abs", ["frame"], ["late"])], [], "before anything"),
    "two of a name": ([node("Abs", ["frame"], ["frame"])], [], "two of 'frame'"),
    "not a number": ([], [tensor("w", np.array([1.0, np.nan], F32))], "weights 'w' are not all finite"),
    "infinite": ([], [tensor("w", np.array([1.0, np.inf], F32))], "weights 'w' are not all finite"),
    "constant": (
        [node("Constant", [], ["x"], attribute("value", 5, tensor("", np.array([np.nan], F32)), 4))],
        [],
        "not all finite",
    ),
    "external data": ([], [joined([(1, 1), (2, 1), (8, "w"), (13, b""), (14, 1)])], r"tensor has a part \(13\)"),
    "short tensor": ([], [joined([(1, 9), (2, 1), (8, "w"), (9, b"\0" * 4)])], "is not all there|has 4 bytes"),
    "huge tensor": ([], [joined([(1, 2**40), (2, 1), (8, "w"), (9, b"\0" * 4)])], "is not all there"),
    "negative tensor": ([], [joined([(1, -1), (2, 1), (8, "w")])], "is not all there"),
    "strings": ([], [joined([(1, 1), (2, 8), (8, "w"), (6, b"x")])], r"part \(6\)"),
    "sixty gigabytes": (
        [node("ConstantOfShape", ["n"], ["x"])], [tensor("n", np.array([2**34], I64))], "a step needs more than 512 MB",
    ),
    "outer product": (
        [node("ConstantOfShape", ["n"], ["row"]), node("Unsqueeze", ["row", "unit"], ["column"]),
         node("Mul", ["row", "column"], ["x"])],
        [tensor("n", np.array([2**17], I64)), tensor("unit", np.array([1], I64))],
        "a step needs more than 512 MB",
    ),
    "repeated": (
        [node("Tile", ["unit", "n"], ["x"])], [tensor("n", np.array([2**34], I64)), tensor("unit", np.ones(1, F32))],
        "a step needs more than 512 MB|would require more",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(PROGRAMS))
def test_program_is_not_run(kind: str, tiny_model_path: Path, tmp_path: Path) -> None:
    nodes, tensors, sentence = PROGRAMS[kind]
    refused(with_nodes(tiny_model_path, nodes, tensors), tmp_path, sentence)


def test_step_that_takes_long_is_given_up(
    tiny_model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As soon as the operation that is under way is done; by a clock that is late from the beginning."""
    monkeypatch.setattr(trial, "MOST_SECONDS", 0.0)
    monkeypatch.setattr(tryout, "_in_own_process", tryout._here)
    size = tensor("n", np.array([700, 700], I64))
    rounds = [node("MatMul", [f"x{i}", "x0"], [f"x{i + 1}"]) for i in range(400)]
    nodes = [node("ConstantOfShape", ["n"], ["x0"]), *rounds]
    refused(with_nodes(tiny_model_path, nodes, [size]), tmp_path, "a step takes longer than 0 s")


PARTS: dict[str, tuple[bytes, str]] = {
    "functions": (part(25, b""), r"part \(25\)"),
    "training": (part(20, b""), r"part \(20\)"),
    "of the future": (part(26, b""), r"part \(26\)"),
    "second graph": (part(7, b""), "two of graph"),
    "other operators": (part(8, joined([(1, "com.microsoft"), (2, 1)])), "needs other operators"),
    "later operators": (part(8, joined([(2, 99)])), "needs other operators"),
    "group": (bytes([7 << 3 | 3]), "cut or damaged"),
    "endless number": (b"\xff" * 20, "cut or damaged"),
    "long part": (bytes([7 << 3 | 2]) + b"\xff\xff\xff\xff\x7f", "cut or damaged"),
    "cut": (bytes([7 << 3 | 2, 100]), "cut or damaged"),
}


@pytest.mark.parametrize("kind", list(PARTS))
def test_part_that_no_export_has_is_refused(kind: str, tiny_model_path: Path, tmp_path: Path) -> None:
    more, sentence = PARTS[kind]
    refused(tiny_model_path.read_bytes() + more, tmp_path, sentence)


def test_metadata_that_come_twice_are_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    again = part(14, joined([(1, "bsep_stream"), (2, "{}")]))
    refused(tiny_model_path.read_bytes() + again, tmp_path, "its metadata say something twice")


def test_graphs_in_graphs_are_refused_before_they_are_deep(tiny_model_path: Path, tmp_path: Path) -> None:
    inner = sub_graph()
    for _ in range(200):
        inner = sub_graph(node("If", ["frame"], ["x"], attribute("then_branch", 6, inner, 5)))
    deep = node("If", ["frame"], ["x"], attribute("then_branch", 6, inner, 5))
    refused(with_nodes(tiny_model_path, [deep]), tmp_path, "graphs lie in graphs")


def test_wrong_outputs_are_refused(tiny_model_path: Path, tmp_path: Path) -> None:
    def infinite(fields: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        """Logarithms where the pitches were: -Inf in silence."""
        renamed = [(n, v.replace(b"f0_bin", b"before") if n == 1 else v) for n, v in fields]
        more = [node("Mul", ["before", "nothing"], ["zero_f0"]), node("Log", ["zero_f0"], ["f0_bin"])]
        return [*renamed, *((1, each) for each in more)]

    def elsewhere(fields: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        far = tensor("far", np.full((1, 2), 1e30, F32))
        renamed = [(n, v.replace(b"f0_bin", b"before") if n == 1 else v) for n, v in fields]
        return [*renamed, (1, node("Add", ["before", "far"], ["f0_bin"])), (5, far)]

    def more(fields: list[tuple[int, Any]]) -> list[tuple[int, Any]]:
        shaped = next(v for n, v in fields if n == 12 and b"timbre" in v)
        return [*fields, (1, node("Identity", ["timbre"], ["timbrx"])), (12, shaped.replace(b"timbre", b"timbrx"))]

    refused(changed_graph(tiny_model_path, infinite), tmp_path, "'f0_bin' is not finite in silence")
    refused(changed_graph(tiny_model_path, elsewhere), tmp_path, "'f0_bin' is 1e[+]30 to 1e[+]30, which no model")
    refused(changed_graph(tiny_model_path, more), tmp_path, "an input or output 'timbrx'")


METADATA: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "long frames": (lambda m: m["geometry"].update(n_fft=10**9), "n_fft must be even"),
    "hop of 1 in a long frame": (lambda m: m["geometry"].update(n_fft=4096, hop_length=1), "hop_length must be 16 to"),
    "hop beyond the window": (lambda m: m["geometry"].update(hop_length=500), "hop_length must be 2 to 256"),
    "no window": (lambda m: m["geometry"].update(sigma_samples=1e-300), "sigma_samples must be positive"),
    "narrow window": (lambda m: m["geometry"].update(sigma_samples=2.0), "sigma_samples must be 8 to 256"),
    "endless window": (lambda m: m["geometry"].update(sigma_samples=1e300), "sigma_samples must be positive"),
    "half a rate": (lambda m: m["geometry"].update(sample_rate=48_000.5), "`sample_rate`|sample_rate"),
    "flag as a rate": (lambda m: m["geometry"].update(sample_rate=True), "sample_rate"),
    "text as a rate": (lambda m: m["geometry"].update(sample_rate="48000"), "sample_rate"),
    "rate of 1": (lambda m: m["geometry"].update(sample_rate=1), "sample_rate must be"),
    "geometry of a list": (lambda m: m.update(geometry=[1]), "damaged metadata"),
    "400 digits": (lambda m: m["geometry"].update(n_bins=10**399), "whole number beyond 64 bits"),
    "gain": (lambda m: m.update(gain=1e30), "gain must be positive"),
    "gain of text": (lambda m: m.update(gain="3"), "gain"),
    "infinite gain": (lambda m: m.update(gain=float("inf")), "gain must be positive"),
    "escape": (lambda m: m.update(source_names=["\x1b[2Jflute", "oboe"]), "control characters: '.x1b"),
    "surrogate": (lambda m: m.update(source_names=["\ud800", "oboe"]), "control characters"),
    "line end": (lambda m: m.update(source_names=["flu\nte", "oboe"]), "cannot be the name of a source"),
    "turned around": (lambda m: m.update(source_names=["flu\u202ete", "oboe"]), "control characters"),
    "long name": (lambda m: m.update(source_names=["a" * 300, "oboe"]), "cannot be the name of a source"),
    "one file": (lambda m: m.update(source_names=["Flute", "flute"]), "must be distinct"),
    "one file by its accents": (lambda m: m.update(source_names=["caf\u00e9", "cafe\u0301"]), "must be distinct"),
    "a device": (lambda m: m.update(source_names=["nul.left", "oboe"]), "cannot be the name of a source"),
    "a device with a space": (lambda m: m.update(source_names=["Aux .b", "oboe"]), "cannot be the name of a source"),
    "a file of the recorder": (lambda m: m.update(source_names=["Input", "oboe"]), "none of residual"),
    "number as a name": (lambda m: m.update(source_names=[3, "oboe"]), "damaged metadata"),
    "text as names": (lambda m: m.update(source_names="ab"), "damaged metadata"),
    "no names": (lambda m: m.update(source_names=[], tone_sources=[], dictionary=[]), "1 to 16 sources"),
    "fractions of tones": (lambda m: m.update(tone_sources=[0.0, 1.5]), "damaged metadata"),
    "negative harmonics": (lambda m: m["dictionary"].__setitem__(0, [-1.0] * 5), "numbers from 0 to"),
    "uneven harmonics": (lambda m: m["dictionary"].__setitem__(0, [1.0]), "dictionary has rows of"),
    "training of text": (lambda m: m.update(training="fast"), "damaged metadata"),
    "training of a minus": (lambda m: m["training"].update(seconds=float("nan")), "training took nan s"),
    "recordings of numbers": (lambda m: m["training"].update(recordings=[{"name": 3}]), "damaged metadata"),
    "escape in a recording": (lambda m: m["training"].update(recordings=[{"name": "\x1b[2J"}]), "control characters"),
    "unknown": (lambda m: m.update(more=1), "should have the metadata"),
    "version of text": (lambda m: m.update(format_version="1"), "cannot be read"),
    "version of a flag": (lambda m: m.update(format_version=True), "cannot be read"),
    "version 0": (lambda m: m.update(format_version=0), "cannot be read"),
    "decays of one": (lambda m: m.update(decay_seconds=[1.0]), "1 values for 2 sources"),
    "decay of nothing": (lambda m: m.update(decay_seconds=[1.0, 0.0]), "decay_seconds must be"),
    "decay for ever": (lambda m: m.update(decay_seconds=[1.0, float("inf")]), "decay_seconds must be"),
    "decay of text": (lambda m: m.update(decay_seconds="ab"), "damaged metadata"),
    "metronome of a number": (lambda m: m.update(metronome=3), "damaged metadata"),
    "metronome that never strikes": (
        lambda m: m.update(metronome=[{"moduli": [1.0] * 257, "bins": [3], "period_seconds": -1.0}]), "strikes every",
    ),
    "metronome of fractions": (
        lambda m: m.update(metronome=[{"moduli": [1.0] * 257, "bins": [3.7], "period_seconds": 1.0}]),
        "damaged metadata",
    ),
    "metronome that overflows": (
        lambda m: m.update(metronome=[{"moduli": [1e-30] * 257, "bins": [3], "period_seconds": 1.0}]), "moduli",
    ),
    "metronome elsewhere": (
        lambda m: m.update(metronome=[{"moduli": [1.0] * 257, "bins": [300], "period_seconds": 1.0}]),
        "bins among them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(METADATA))
def test_metadata_that_make_no_sense_are_refused(kind: str, tiny_model_path: Path, tmp_path: Path) -> None:
    change, sentence = METADATA[kind]
    refused(with_metadata(tiny_model_path, change), tmp_path, sentence)


@pytest.mark.parametrize("text", ["[" * 5_000, "{}", "9" * 5_000, "", "nonsense", '{"a": ' * 5_000, "null", "[1]"])
def test_metadata_that_are_no_object_are_refused(text: str, tiny_model_path: Path, tmp_path: Path) -> None:
    refused(with_metadata(tiny_model_path, dict, raw=text), tmp_path, "metadata|format version")


def test_many_sources_of_long_frames_are_refused_together(tiny_model_path: Path, tmp_path: Path) -> None:
    def many(metadata: dict[str, Any]) -> None:
        names = [f"source {i}" for i in range(16)]
        metadata.update(source_names=names, tone_sources=list(range(16)), dictionary=[[1.0]] * 16)
        metadata["geometry"].update(n_fft=65_536, hop_length=1_024, sigma_samples=4_096.0)

    refused(with_metadata(tiny_model_path, many), tmp_path, "16 sources of 65536 samples a frame are too many")


def test_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "model.onnx").open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    with pytest.raises(ModelError, match="is larger than the 256 MB"):
        SeparationModel(tmp_path / "model.onnx")
