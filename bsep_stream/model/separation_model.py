"""A trained model: one ONNX file, what its metadata says, and one step (a frame in, its tones out)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream import cards
from bsep_stream.errors import ConfigError, ModelError
from bsep_stream.model.metadata import OUTPUT_KINDS as OUTPUT_KINDS
from bsep_stream.model.metadata import Metadata, read_metadata
from bsep_stream.model.modelrules import LARGEST_BYTES, check_rules
from bsep_stream.model.onnxgraph import read_model
from bsep_stream.model.step import (
    INPUT_NAME,
    OUTPUTS,
    SPECTRA_SWITCH,
    TONE_OUTPUTS,
    Stepper,
    tones_of,
)
from bsep_stream.model.step import Tones as Tones
from bsep_stream.model.trial import USUAL_PROVIDERS, open_session
from bsep_stream.model.tryout import try_out
from bsep_stream.trust.shown import brief
from bsep_stream.trust.textfiles import Fail, json_object, read_bytes
from bsep_stream.words import nearest

FORMAT_VERSION = 2
"""Newest that is read; 1 had a value of its own for the input ``spectra``, or no such input."""
METADATA_KEY = "bsep_stream"

Provider = str | tuple[str, dict[str, Any]]
"""Execution provider of ONNX Runtime, with its options."""

_SELDOM = {"metronome", "decay_seconds"}  # only models of recordings that have them
_FIELDS = tuple(name for name in Metadata.__dataclass_fields__ if name not in _SELDOM)
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
    decay_seconds : tuple of float
        In which what a source has played falls by 60 dB once it has ended; empty in models that do not say.
    training : dict
        Where the model comes from: preset, iterations, seconds, seed, recordings, version.

    Raises
    ------
    ModelError
        If the file is missing, no ONNX, not one of this package, newer, damaged, or a program that no export is.
    ConfigError
        If this build of ONNX Runtime has no such provider.

    Notes
    -----
    Nothing in a file of a stranger is run but the operators that our exports have, straight through, in bounds of
    memory and time that a first step on trial keeps (:mod:`bsep_stream.trust`).

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
        if not self.path.is_file():
            raise ModelError(f"there is no model file {path}; give the path of an ONNX file made by 'bsep export'")
        wanted = _available(providers)
        content = read_bytes(self.path, LARGEST_BYTES, Fail(ModelError, str(path)))
        try:
            written = read_model(content)
        except ModelError as error:
            raise ModelError(
                f"{path} cannot be loaded as an ONNX model ({error}); give an ONNX file made by 'bsep export'"
            ) from error
        values = _metadata(self.path, written.metadata)
        try:
            found = read_metadata(values)
        except ConfigError as error:
            raise ModelError(f"{path} has damaged metadata ({error}); export the model again") from error
        self.format_version = found.format_version
        self.training = found.training
        self.geometry = found.geometry
        self.source_names = found.source_names
        self.tone_sources = found.tone_sources
        self.dictionary = found.dictionary
        self.gain = found.gain
        self.output = found.output
        self.metronome = found.metronome
        self.decay_seconds = found.decay_seconds
        try:
            check_rules(written, (INPUT_NAME, SPECTRA_SWITCH), SPECTRA_SWITCH)
            try_out(self.path, content, self._shapes())
            self._session = open_session(content, on_trial=False, providers=wanted)
            self._switched = SPECTRA_SWITCH in {value.name for value in self._session.get_inputs()}
        except ModelError as error:
            raise ModelError(f"{path} is no model that can be run ({error}); give one made by 'bsep export'") from error
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

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the input and of all outputs, without the batch."""
        n_bins, n_sources, n_tones = self.geometry.n_bins, len(self.source_names), len(self.tone_sources)
        return {
            INPUT_NAME: (2, n_bins),
            "direct": (n_sources, 2, n_bins),
            "dictionary": (n_sources, 2, n_bins),
            "coefficients": (n_tones, self.dictionary.shape[1], 2),
            "timbre": (n_sources, n_bins),
            **{name: (n_tones,) for name in TONE_OUTPUTS},
        }


def _available(providers: Sequence[Provider] | None) -> list[Provider]:
    """Providers by which a session is made: the processor, unless others are asked for."""
    if providers is None:
        return list(USUAL_PROVIDERS)
    import onnxruntime  # heavy, and not needed to say that a file is missing

    there = onnxruntime.get_available_providers()
    for provider in providers:
        name = provider if isinstance(provider, str) else provider[0]
        if name not in there:
            raise ConfigError(f"this ONNX Runtime has no provider {name!r}{nearest(name, there)}")
    return list(providers)


def _metadata(path: Path, properties: dict[str, bytes]) -> dict[str, Any]:
    if METADATA_KEY not in properties:
        raise ModelError(f"{path} is an ONNX file of another program; give one made by 'bsep export'")
    fail = Fail(ModelError, f"{path} has metadata that cannot be read (it", "); export the model again")
    metadata = json_object(properties[METADATA_KEY], fail)
    version = metadata.get("format_version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise fail(f"has the format version {brief(version)}")
    if version > FORMAT_VERSION:
        raise ModelError(
            f"{path} has format version {version} and this program reads up to {FORMAT_VERSION}; update bsep-stream"
        )
    if set(metadata) - _SELDOM != set(_FIELDS):
        raise ModelError(
            f"{path} should have the metadata {', '.join(_FIELDS)}, has {brief(list(metadata))}; export the model again"
        )
    return metadata
