"""What steadier tones would gain: ``python -m bsep_stream.train.benchmark.steadiness DATA_DIR --output DIR``.

A flip is a tone that is absent, or at another pitch, for a single frame between two frames with the same pitch. All of
them are mended with what the next frame says, which no stream can know, and the mixture is separated once more (with
``quality``, where every frame has its own tones). The models are those of the benchmark
(``python -m bsep_stream.train.benchmark DATA_DIR --output DIR``), which comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click
import numpy as np
import soxr
from numpy.typing import NDArray

from bsep_stream.files.audiofile import read_recording
from bsep_stream.masks.maskoutput import MaskOutput
from bsep_stream.masks.stemspectra import spectra_maker
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.stream.hops import HopEngine
from bsep_stream.stream.latency import QUALITY, choose_setting
from bsep_stream.stream.spectramaker import SpectraMaker
from bsep_stream.train.benchmark.items import Item, judge
from bsep_stream.train.benchmark.table import three
from bsep_stream.train.benchmark.trained import Trained, trained_options

_SAME_SEMITONES = 0.5  # what a vibrato or a glide moves in two frames
_OTHER_SEMITONES = 0.8  # further away is another note

_Audio = NDArray[np.float32]


class GivenTones:
    """Makes spectra of stems as :class:`~bsep_stream.masks.stemspectra.OwnFrame` does, from tones known before.

    Parameters
    ----------
    model : SeparationModel
    given : sequence of Tones
        One for every frame.
    channels : int
    """

    tones: Tones | None = None

    def __init__(self, model: SeparationModel, given: Sequence[Tones], channels: int) -> None:
        self._output, self._given = MaskOutput(model, None, channels), given
        self.reset()

    def reset(self) -> None:
        """Like new."""
        self._output.forget()
        self._frame = 0

    def spectra(self, mixture: NDArray[np.complex64], recent: _Audio) -> NDArray[np.complex64]:
        """Spectra of the stems of the next frame, shape (n_sources, channels, n_fft // 2 + 1)."""
        del recent
        self.tones = self._given[self._frame]
        self._frame += 1
        self._output.hear(self.tones)
        return self._output.spectra(mixture)


def streamed(model: SeparationModel, mixture: _Audio, maker: SpectraMaker) -> tuple[_Audio, list[Tones]]:
    """Stems (n_sources, channels, samples) of a mixture (channels, samples) at the model's rate, and its frames' tones.

    Of the tones only ``f0_bin``, ``on`` and ``timbre`` are to be used.
    """
    setting = choose_setting(QUALITY, model.geometry)
    engine = HopEngine(model.geometry, setting, model.n_sources, len(mixture), maker)
    hop, late = setting.hop_samples, setting.algorithmic_samples
    padded = np.pad(mixture, ((0, 0), (0, late + hop)))
    stems = np.zeros((model.n_sources, *padded.shape), dtype=np.float32)
    heard = []
    for start in range(0, padded.shape[1] - hop + 1, hop):
        stems[..., start : start + hop] = engine.process(padded[:, start : start + hop])
        tones = engine.tones
        assert tones is not None  # with quality every hop is a turn of the network
        parts = {name: getattr(tones, name).copy() for name in ("f0_bin", "on", "timbre")}
        heard.append(replace(tones, **parts))  # the rest is the stepper's memory
    return stems[..., late : late + mixture.shape[1]], heard


def find_flips(f0_bin: _Audio, on: _Audio) -> NDArray[np.bool_]:
    """Where a tone is absent or at another pitch, while it has the same pitch in the frames before and after.

    Parameters
    ----------
    f0_bin, on : ndarray, shape (n_frames, n_tones), float32
        As in :class:`~bsep_stream.model.separation_model.Tones`.

    Returns
    -------
    ndarray, shape (n_frames, n_tones), bool
    """
    sounding = on > 0
    semitones = 12.0 * np.log2(np.maximum(f0_bin, 1.0))
    before, now, after = semitones[:-2], semitones[1:-1], semitones[2:]
    held = sounding[:-2] & sounding[2:] & (np.abs(after - before) < _SAME_SEMITONES)
    flips = np.zeros_like(sounding)
    flips[1:-1] = held & (~sounding[1:-1] | (np.abs(now - before) > _OTHER_SEMITONES))
    return flips


def mended(tones: Sequence[Tones], flips: NDArray[np.bool_]) -> list[Tones]:
    """Tones in which every flip sounds at the geometric mean of its neighbours, in pitch and in timbre.

    Parameters
    ----------
    tones : sequence of Tones
        Of every frame; one tone for each source.
    flips : ndarray, shape (n_frames, n_sources), bool
    """
    done = list(tones)
    for frame in np.flatnonzero(flips.any(axis=1)).tolist():
        (before, now, after), flip = tones[frame - 1 : frame + 2], flips[frame]
        done[frame] = replace(
            now,
            f0_bin=np.where(flip, np.sqrt(before.f0_bin * after.f0_bin), now.f0_bin),
            on=np.where(flip, before.on, now.on),
            timbre=np.where(flip[:, None], np.sqrt(before.timbre * after.timbre), now.timbre),
        )
    return done


def judge_steadiness(item: Item, model: SeparationModel) -> dict[str, Any]:
    """Flips of every instrument; measures (``Evaluation.to_dict()``) with the tones ``as heard`` and ``mended``."""
    rate = model.geometry.sample_rate
    mixture, own_rate = read_recording(item.mixture)
    if own_rate != rate:
        mixture = np.ascontiguousarray(soxr.resample(mixture.T, own_rate, rate, quality="VHQ").T)
    maker = spectra_maker(model, choose_setting(QUALITY, model.geometry), len(mixture), "mask")
    maker.want_whole_tones(False)
    stems, heard = streamed(model, mixture, maker)
    on = np.array([tones.on for tones in heard])
    flips = find_flips(np.array([tones.f0_bin for tones in heard]), on)
    steady, _ = streamed(model, mixture, GivenTones(model, mended(heard, flips), len(mixture)))
    true = item.stems_at(rate)
    as_heard = judge(item.names, true, list(stems), "all")
    order = [stem["estimate"] for stem in as_heard["stems"]]
    return {
        "item": item.folder.name,
        "frames": len(heard),
        "flips": dict(zip(item.names, flips.sum(axis=0)[order].tolist(), strict=True)),
        "gaps": dict(zip(item.names, (flips & (on == 0)).sum(axis=0)[order].tolist(), strict=True)),
        "as heard": as_heard,
        "mended": judge(item.names, true, list(steady), "all"),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown: flips by instrument (of them gaps), means over the stems as heard and mended, and the gain in SDR."""
    lines = ["| item | frames | flips (gaps) | as heard | mended | gain, dB |", "|---|---|---|---|---|---|"]
    for row in rows:
        flips = ", ".join(f"{name} {count} ({row['gaps'][name]})" for name, count in row["flips"].items())
        heard, steady = row["as heard"]["mean"], row["mended"]["mean"]
        gain = round(steady["sdr_db"] - heard["sdr_db"], 2) + 0.0  # no -0.00
        cells = [row["item"], str(row["frames"]), flips, three(heard), three(steady), f"{gain:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


@click.command()
@trained_options()
def main(trained: Trained) -> None:
    """Tones that flip for a single frame, and SDR / SIR / SAR in dB if none did; not of items with chords."""
    rows = []
    for item, trial in trained:
        if item.has_chords:  # their tones have no order that holds from frame to frame
            click.echo(f"{item.folder.name} has chords: left out", err=True)
        else:
            rows.append(judge_steadiness(item, SeparationModel(trial / "model.onnx")))
    text = table(rows)
    trained.write("steadiness.md", text)
    click.echo(text)


if __name__ == "__main__":
    main()
