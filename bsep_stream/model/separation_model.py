"""A trained model: one ONNX file, what its metadata says, and one step (a frame in, its tones out)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream import cards
from bsep_stream.errors import ConfigError, ModelError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.model.step import INPUT_NAME, OUTPUTS, SPECTRA_SWITCH, TONE_OUTPUTS, Stepper, tones_of
from bsep_stream.model.step import Tones as Tones
from bsep_stream.model.strikes import Strike
from bsep_stream.words import REMIX, RESIDUAL, nearest

if TYPE_CHECKING:
    import onnxruntime

FORMAT_VERSION = 2
"""Newest that is read; 1 had a value of its own for the input ``spectra``, or no such input."""
METADATA_KEY = "bsep_stream"
OUTPUT_KINDS = ("direct", "dictionary", "mask")
"""What can be made of the tones: the two published predictions, or masks for the mixture."""

Provider = str | tuple[str, dict[str, Any]]
"""Execution provider of ONNX Runtime, with its options."""

_FIELDS = (
    "format_version",
    "geometry",
    "source_names",
    "tone_sources",
    "dictionary",
    "gain",
    "output",
    "training",
)
_METRONOME = "metronome"  # only models of recordings that have one
_RESERVED_NAMES = (RESIDUAL, REMIX)
_WARM_UP_STEPS = 3


class SeparationModel:
    """An exported model, ready to run on one thread.

    Parameters
    ----------
    path : str or Path
        ONNX file that ``bsep export`` wrote.
    providers : sequence of str, or of (str, dict), optional
        Execution providers of ONNX Runtime, the preferred one first, with their options; the CPU if not given. What the
        package promises about bits, latency and speed it promises for the CPU.

    Attributes
    ----------
    path : Path
    format_version : int
    geometry : FrameGeometry
    source_names : tuple of str
    tone_sources : tuple of int
        Source of every tone.
    dictionary : ndarray, shape (n_sources, n_harmonics), float32
        Relative amplitudes of the harmonics of every source.
    gain : float
        What the mixture is multiplied by before the network sees it.
    output : {"direct", "dictionary", "mask"}
        What the stream makes of the tones unless it is told otherwise.
    metronome : tuple of Strike
        What strikes in the recording that the model was trained on, if anything.
    training : dict
        Where the model comes from: preset, iterations, seconds, seed, recordings, version.

    Raises
    ------
    ModelError
        If the file is missing, no ONNX, not one of this package, newer, or damaged.
    ConfigError
        If this build of ONNX Runtime has no such provider.

    Notes
    -----
    Denormal numbers slow a network down up to eightfold. ONNX Runtime treats them as zero only if
    the first session of the process asks for it, as this class does, and only in the thread that
    makes the session and in threads started later: make the model before other sessions.

    Examples
    --------
    >>> from bsep_stream import SeparationModel
    >>> model = SeparationModel("duet.onnx")
    >>> model
    <SeparationModel 'duet.onnx': flute, oboe at 48000 Hz>
    >>> model.output
    'mask'
    """

    def __init__(self, path: str | Path, *, providers: Sequence[Provider] | None = None) -> None:
        self.path = Path(path)
        self._session = _open_session(self.path, providers)
        self._switched = SPECTRA_SWITCH in {value.name for value in self._session.get_inputs()}
        metadata = _metadata(self.path, self._session)
        self.format_version: int = metadata["format_version"]
        self.training: dict[str, Any] = metadata["training"]
        try:
            self.geometry = FrameGeometry.from_dict(metadata["geometry"])
            self.source_names = _source_names(metadata["source_names"])
            self.tone_sources = tuple(int(source) for source in metadata["tone_sources"])
            self.dictionary: NDArray[np.float32] = np.array(metadata["dictionary"], dtype=np.float32)
            self.gain = float(metadata["gain"])
            self.output = str(metadata["output"])
            strikes = metadata.get(_METRONOME, [])
            self.metronome = tuple(Strike.from_dict(strike, self.geometry.n_bins) for strike in strikes)
            self._check()
        except (ConfigError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{self.path} has damaged metadata ({error}); export the model again") from error
        for _ in range(_WARM_UP_STEPS):  # the first runs allocate and are several times slower
            self.step(np.zeros((2, self.geometry.n_bins), dtype=np.float32))

    def __repr__(self) -> str:
        return f"<SeparationModel {str(self.path)!r}: {', '.join(self.source_names)} at {self.geometry.sample_rate} Hz>"

    @property
    def providers(self) -> tuple[str, ...]:
        """Execution providers that are used."""
        return tuple(self._session.get_providers())

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return len(self.source_names)

    def step(self, frame: NDArray[np.float32]) -> Tones:
        """Tones of one frame.

        Parameters
        ----------
        frame : ndarray, shape (2, n_bins), float32
            Real and imaginary part of the frame of the mixture, times :attr:`gain`.
        """
        inputs: dict[str, NDArray[Any]] = {INPUT_NAME: frame[None]}
        if self._switched:
            inputs[SPECTRA_SWITCH] = np.array([True])
        return tones_of([output[0] for output in self._session.run(OUTPUTS, inputs)])

    def stepper(self) -> Stepper:
        """The same step over and over without allocating anything: its tones are valid until its next step."""
        return Stepper(self._session)

    def _repr_html_(self) -> str | None:
        """What Jupyter shows."""
        return cards.card("model", self)

    def _check(self) -> None:
        n_bins, n_sources, n_tones = self.geometry.n_bins, len(self.source_names), len(self.tone_sources)
        if self.dictionary.ndim != 2 or len(self.dictionary) != n_sources:
            raise ConfigError(f"dictionary has the shape {self.dictionary.shape} for {n_sources} sources")
        if sorted(set(self.tone_sources)) != list(range(n_sources)):
            raise ConfigError(f"tone_sources {self.tone_sources} do not name each of {n_sources} sources")
        if not (np.isfinite(self.gain) and self.gain > 0):
            raise ConfigError(f"gain must be positive, got {self.gain}")
        if self.output not in OUTPUT_KINDS:
            raise ConfigError(f"output must be one of {', '.join(OUTPUT_KINDS)}, got {self.output!r}")
        expected: dict[str, tuple[int, ...]] = {
            INPUT_NAME: (2, n_bins),
            "direct": (n_sources, 2, n_bins),
            "dictionary": (n_sources, 2, n_bins),
            "coefficients": (n_tones, self.dictionary.shape[1], 2),
            "timbre": (n_sources, n_bins),
            **{name: (n_tones,) for name in TONE_OUTPUTS},
        }
        found = {node.name: node for node in (*self._session.get_inputs(), *self._session.get_outputs())}
        for name, shape in expected.items():
            if name not in found:
                raise ConfigError(f"the graph has no input or output {name!r}")
            node = found[name]
            if node.type != "tensor(float)" or tuple(node.shape[1:]) != shape:
                raise ConfigError(f"{name!r} should be float32 (batch, {', '.join(map(str, shape))}), is {node.shape}")


def _complex(real: NDArray[np.float32], imag: NDArray[np.float32]) -> NDArray[np.complex64]:
    joined = np.empty(real.shape, dtype=np.complex64)
    joined.real, joined.imag = real, imag
    return joined


def _open_session(path: Path, providers: Sequence[Provider] | None) -> onnxruntime.InferenceSession:
    if not path.is_file():
        raise ModelError(f"there is no model file {path}; give the path of an ONNX file made by 'bsep export'")
    import onnxruntime  # heavy, and not needed to say that a file is missing

    there = onnxruntime.get_available_providers()
    wanted = list(providers) if providers is not None else ["CPUExecutionProvider"]
    for provider in wanted:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in there:
            raise ConfigError(f"this ONNX Runtime has no provider {name!r}{nearest(name, there)}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_free_dimension_override_by_name("batch", 1)  # all sizes are known, and memory is planned once
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.log_severity_level = 4  # its errors arrive as exceptions; the warnings are about the exporter
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:  # ONNX Runtime's exceptions share no narrower base
        reason = str(error).strip().splitlines()[0][:160]
        raise ModelError(
            f"{path} cannot be loaded as an ONNX model ({reason}); give an ONNX file made by 'bsep export'"
        ) from error


def _metadata(path: Path, session: onnxruntime.InferenceSession) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelError(f"{path} is an ONNX file of another program; give one made by 'bsep export'")
    try:
        metadata = json.loads(text)
        version = metadata["format_version"]
        newer = version > FORMAT_VERSION
    except (ValueError, TypeError, KeyError) as error:
        raise ModelError(f"{path} has metadata that cannot be read ({error!r}); export the model again") from error
    if newer:
        raise ModelError(
            f"{path} has format version {version} and this program reads up to {FORMAT_VERSION}; update bsep-stream"
        )
    if set(metadata) - {_METRONOME} != set(_FIELDS):
        raise ModelError(
            f"{path} should have the metadata {', '.join(_FIELDS)}, has {', '.join(metadata)}; export the model again"
        )
    return dict(metadata)


def _source_names(values: Iterable[Any]) -> tuple[str, ...]:
    """Names of the sources, checked: the stems' files are named after them."""
    names: tuple[Any, ...] = tuple(values)
    for name in names:
        if not isinstance(name, str) or not name.strip() or name.startswith(".") or set(name) & set('/\\:\0"*?<>|\n'):
            raise ConfigError(f"{name!r} cannot be the name of a source, because a file is named after it")
    if not names or len(set(names) | set(_RESERVED_NAMES)) != len(names) + len(_RESERVED_NAMES):
        raise ConfigError(f"source names must be distinct and none of {_RESERVED_NAMES}, got {names}")
    return names
