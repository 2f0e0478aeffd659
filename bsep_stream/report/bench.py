"""Speed, latency and memory of a model on this machine: a stream, hop by hop, on one thread."""

from __future__ import annotations

import gc
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bsep_stream.errors import ConfigError
from bsep_stream.machine import machine, peak_memory_mb
from bsep_stream.report.info import latencies
from bsep_stream.stream.latency import QUALITY

if TYPE_CHECKING:
    from bsep_stream.effects.rack import Rack

_SEED = 0
_WARM_UP_HOPS = 20
_F0_HZ = (220.0, 311.1, 466.2)
_HARMONICS = 12
_LEVEL = 0.1
_NOISE = 0.003  # -50 dBFS


@dataclass(frozen=True)
class Benchmark:
    """What :func:`bench` measured.

    Parameters
    ----------
    sample_rate : int
        Of the stream, Hz.
    audio_seconds : float
        Length of the audio that was streamed.
    n_hops : int
    hop_ms : float
        Duration of a hop: what each may take at most when it is to run live.
    real_time_factor : float
        Compute time / audio time.
    mean_ms, p50_ms, p99_ms, p999_ms, max_ms : float
        Compute time of a hop.
    deadline_misses : int
        Hops that took longer than they last.
    peak_memory_mb : float
        Largest resident memory of the process so far, 1e6 bytes.
    latency : dict
        Of the stream, with the rack: parts in samples, their sum, and the sum in ms.
    live_latency : dict
        The same for ``bsep live``, without the buffers of the device (see :func:`bsep_stream.report.info.latencies`).
    machine : dict
        Processor, cores, load, versions.
    """

    sample_rate: int
    audio_seconds: float
    n_hops: int
    hop_ms: float
    real_time_factor: float
    mean_ms: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    deadline_misses: int
    peak_memory_mb: float
    latency: dict[str, float]
    live_latency: dict[str, float]
    machine: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def bench(
    model: str | Path,
    seconds: float = 20.0,
    *,
    latency: str | float = QUALITY,
    sample_rate: int | None = None,
    rack: Rack | None = None,
) -> Benchmark:
    """Stream a deterministic signal through a model (and a rack) and take the time of every hop.

    A hop is what the worker of ``bsep live`` calls one: a turn of the network, in whole samples of the stream. It is
    rounded up, so that at some rates two turns fall into one hop now and then, live as here.

    Parameters
    ----------
    model : str or Path
        ONNX file.
    seconds : float
        Length of the signal.
    latency, sample_rate
        As for :class:`~bsep_stream.separator.StreamingSeparator`.
    rack : Rack, optional
        Effects and levels; the stems are not mixed if not given.

    Raises
    ------
    ConfigError
        A latency, a rate, a rack or a length that makes no sense, a length that is not positive, or of less than one
        hop.
    ModelError
    """
    from bsep_stream.separator import StreamingSeparator

    if not 0 < seconds <= 36_000:
        raise ConfigError(f"seconds must be above 0 and at most 36000, got {seconds:g}")
    stream = StreamingSeparator(model, latency=latency, sample_rate=sample_rate)
    mixer = None if rack is None else rack.mixer(stream.stem_names, stream.sample_rate, stream.channels)
    rate, hop = stream.sample_rate, stream.tones_hop_samples
    n_hops = int(seconds * rate) // hop
    if not n_hops:
        raise ConfigError(f"seconds must be at least one hop, {hop / rate:g}, got {seconds:g}")
    signal = bench_signal(rate, hop)
    for _ in range(_WARM_UP_HOPS):
        stems = stream.process(signal[:, :hop])
        if mixer is not None:
            mixer.process(stems)
    stream.reset()
    if mixer is not None:
        mixer.reset()
    milliseconds = np.zeros(n_hops)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()  # as a live loop does
    try:
        for i in range(n_hops):
            start = i * hop % signal.shape[1]
            block = signal[:, start : start + hop]
            begin = time.perf_counter()
            stems = stream.process(block)
            if mixer is not None:
                mixer.process(stems)
            milliseconds[i] = 1000.0 * (time.perf_counter() - begin)
    finally:
        if collecting:
            gc.enable()
    hop_ms = 1000.0 * hop / rate
    p50, p99, p999 = np.percentile(milliseconds, [50.0, 99.0, 99.9], method="higher")
    return Benchmark(
        sample_rate=rate,
        audio_seconds=n_hops * hop / rate,
        n_hops=n_hops,
        hop_ms=hop_ms,
        real_time_factor=float(milliseconds.mean() / hop_ms),
        mean_ms=float(milliseconds.mean()),
        p50_ms=float(p50),
        p99_ms=float(p99),
        p999_ms=float(p999),
        max_ms=float(milliseconds.max()),
        deadline_misses=int(np.count_nonzero(milliseconds > hop_ms)),
        peak_memory_mb=peak_memory_mb(),
        **latencies(stream, rack),
        machine=machine(),
    )


def bench_signal(sample_rate: int, hop: int) -> NDArray[np.float32]:
    """About two seconds of three harmonic tones with vibrato and some noise, a whole number of hops.

    Returns
    -------
    ndarray, shape (1, n), float32
    """
    n = -(-2 * sample_rate // hop) * hop
    time_s = np.arange(n) / sample_rate
    audio = _NOISE * np.random.default_rng(_SEED).standard_normal(n)
    for f0 in _F0_HZ:
        phase = 2 * np.pi * f0 * (time_s + 0.0003 * np.sin(2 * np.pi * 5.0 * time_s))
        for harmonic in range(1, _HARMONICS + 1):
            if harmonic * f0 < sample_rate / 2:
                audio += _LEVEL / harmonic * np.sin(harmonic * phase)
    return audio.astype(np.float32)[None]
