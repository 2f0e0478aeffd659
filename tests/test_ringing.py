"""What rings on after the end of a note: how long it does, in masks, and behind the tones of a search."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bsep_stream.masks.maskoutput import MaskOutput, MaskSettings
from bsep_stream.model.separation_model import SeparationModel, Tones
from bsep_stream.separator import StreamingSeparator

torch = pytest.importorskip("torch")

from onnxparts import with_metadata

from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.search.session import SessionSearch
from bsep_stream.train.session.labels import Labels
from bsep_stream.train.session.recording import Session, Take
from bsep_stream.train.session.ringing import SHORTEST_SECONDS, decay_seconds, ended_notes
from bsep_stream.train.tones.timbre import Timbre
from bsep_stream.train.tones.timbrefit import fit_timbre

FRAME_SECONDS = 1_024 / 48_000
N_BINS = 700
WIDTH_BINS = 1.3
SECONDS = (1.5, 0.3)
"""In which what is left of the tones of a harp and of a flute falls by 60 dB."""
NOTE_FRAMES = 24
RELEASE_FRAMES = 14
"""In which the flute is gone."""
MEASURED = 0.25  # of a decay: a note is taken to end two frames early
ROUNDING = 1e-5


def lines() -> NDArray[np.float64]:
    """Pitches in bins, (2, n_frames): a harp in broken chords, a flute in a slow line above it."""
    harp = np.tile([34.0, 42.8, 51.0, 57.2], 6)
    flute = np.repeat([91.0, 102.1, 121.5, 114.7, 97.3, 136.4, 102.1, 91.0], 3)
    return np.repeat(np.stack([harp, flute]), NOTE_FRAMES, axis=1)


def sound(f0_bin: NDArray[np.float64], seconds: tuple[float, float]) -> NDArray[np.float32]:
    """Moduli (n_frames, n_bins) of tones that fall from their attack on (harp) or hold (flute), and then ring on."""
    left = [10.0 ** (-3.0 * FRAME_SECONDS / each) for each in seconds]
    order = np.arange(1, 11)
    bins = np.arange(N_BINS)
    moduli = np.zeros((f0_bin.shape[1], N_BINS))
    for voice, row in enumerate(f0_bin):
        begins = np.flatnonzero(np.diff(row, prepend=-1.0))
        for begin, end in zip(begins, [*begins[1:], len(row)], strict=True):
            if row[begin] == 0.0:
                continue
            heights = (0.75 if voice else 0.6) ** order
            peaks = np.exp(-0.5 * ((bins - row[begin] * order[:, None]) / WIDTH_BINS) ** 2)
            shape = (heights[:, None] * peaks).sum(axis=0)
            passed = np.arange(len(row) - begin)
            held = 0 if voice == 0 else end - begin
            moduli[begin:] += (left[voice] ** np.maximum(passed - held, 0))[:, None] * shape
    return moduli.astype(np.float32)


def test_the_end_of_a_note_is_where_its_pitch_goes_on() -> None:
    f0_bin = np.array([[50.0, 50.1, 60.0, 60.0, 50.0, 0.0, 0.0, 70.0]])
    found = ended_notes(f0_bin, (0,), np.array([True, *[False] * 6, True]), longest=4)
    assert [(note.last, note.end, note.until) for note in found] == [(0, 2, 4), (2, 4, 7), (4, 5, 7)]


def test_a_note_that_goes_on_in_another_voice_has_not_ended() -> None:
    f0_bin = np.array([[60.0, 60.0, 70.0, 70.0], [0.0, 0.0, 60.0, 0.0]])
    cuts = np.zeros(4, dtype=bool)
    assert [(note.voice, note.end) for note in ended_notes(f0_bin, (0, 0), cuts, longest=4)] == [(1, 3)]
    assert [(note.voice, note.end) for note in ended_notes(f0_bin, (0, 1), cuts, longest=4)] == [(0, 2), (1, 3)]


def test_the_decay_of_every_source_is_read_behind_its_notes() -> None:
    f0_bin = lines()
    cuts = np.zeros(f0_bin.shape[1], dtype=bool)
    found = decay_seconds(sound(f0_bin, SECONDS), f0_bin, (0, 1), cuts, FRAME_SECONDS)
    assert found == pytest.approx(SECONDS, rel=MEASURED)


def test_too_few_notes_tell_nothing() -> None:
    f0_bin = lines()[:, : 4 * NOTE_FRAMES]
    cuts = np.zeros(f0_bin.shape[1], dtype=bool)
    found = decay_seconds(sound(f0_bin, SECONDS), f0_bin, (0, 1), cuts, FRAME_SECONDS)
    assert found.tolist() == [SHORTEST_SECONDS, SHORTEST_SECONDS]


def test_a_harp_alone_is_one_player_though_its_strings_ring_on() -> None:
    """A flute that plays twelve bars of 24: where it rests, what rings of the harp is not given to it."""
    f0_bin = lines()
    silent = np.repeat(np.arange(24) % 2 == 1, NOTE_FRAMES)
    f0_bin[1, silent] = 0.0
    n_frames = f0_bin.shape[1]
    moduli = torch.from_numpy(sound(f0_bin, SECONDS))
    search = SessionSearch(moduli, 2, 25.0, 300.0, torch.zeros(n_frames, dtype=torch.bool))
    found = search.explain()[0].f0_bin.numpy()
    harp, flute = sorted(found, key=lambda row: np.median(row[row > 0]))
    assert (np.abs(harp / f0_bin[0] - 1) < 0.01).mean() > 0.9
    late = silent & (np.arange(n_frames) % NOTE_FRAMES > RELEASE_FRAMES)
    assert (flute[late] > 0).mean() < 0.05


def tones_of(first: float, second: float, on: float = 1.0) -> Tones:
    timbre = np.full((2, 257), 1e-20, dtype=np.float32)
    timbre[0], timbre[1] = first, second
    spectra, none = timbre.astype(np.complex64), np.zeros(2, dtype=np.float32)
    return Tones(spectra, spectra, none, none, none, none, np.full_like(none, on), spectra[:, :5], timbre)


def ringing_copy(model: SeparationModel, folder: Path) -> SeparationModel:
    path = folder / "ringing.onnx"
    path.write_bytes(with_metadata(model.path, lambda metadata: metadata.update(decay_seconds=[2.0, 0.25])))
    return SeparationModel(path)


@pytest.fixture
def ringing(models: dict[str, SeparationModel], tmp_path: Path) -> SeparationModel:
    return ringing_copy(models["split"], tmp_path)


def test_every_source_rings_as_long_as_it_was_heard_to(ringing: SeparationModel) -> None:
    output = MaskOutput(ringing, MaskSettings(floor_db=-300))
    hop_seconds = ringing.geometry.hop_length / ringing.geometry.sample_rate
    left = [10 ** (-6 * hop_seconds / seconds) for seconds in (2.0, 0.25)]
    frame = np.full(257, 1 / ringing.gain, dtype=np.complex64)
    found = []
    for tones in (tones_of(1.0, 0.0), tones_of(0.0, 1.0), tones_of(0.0, 1.0), tones_of(1.0, 0.0)):
        output.hear(tones)
        found.append(output.masks(frame)[:, 50].copy())
    assert found[0] == pytest.approx([1, 0], abs=ROUNDING)
    assert found[1] == pytest.approx([left[0] / (1 + left[0]), 1 / (1 + left[0])], rel=ROUNDING)
    assert found[2] == pytest.approx([left[0] ** 2 / (1 + left[0] ** 2), 1 / (1 + left[0] ** 2)], rel=ROUNDING)
    # A tone that sounds is not made louder by what rings of it.
    assert found[3] == pytest.approx([1 / (1 + left[1]), left[1] / (1 + left[1])], rel=ROUNDING)


def test_the_last_note_rings_on_when_nobody_plays(ringing: SeparationModel) -> None:
    output = MaskOutput(ringing, MaskSettings(floor_db=-60, excess_db=None, strike_db=None, noise_db=None))
    frame = np.full(257, 1 / ringing.gain, dtype=np.complex64)
    output.hear(tones_of(1.0, 0.0))
    shares = []
    for _ in range(6_000):
        output.hear(tones_of(0.0, 0.0, on=0.0))
        shares.append(float(output.masks(frame)[0, 50]))
    assert shares[0] > 0.9
    assert np.diff(shares).max() < ROUNDING
    assert shares[-1] == 0.0
    output.forget()
    output.hear(tones_of(0.0, 0.0, on=0.0))
    assert output.masks(frame).max() == 0.0


def test_without_the_ring_and_with_older_models_nothing_changes(
    models: dict[str, SeparationModel], ringing: SeparationModel
) -> None:
    frame = np.full(257, 1 / ringing.gain, dtype=np.complex64)

    def heard(model: SeparationModel, settings: MaskSettings) -> list[float]:
        output, found = MaskOutput(model, settings), []
        for tones in (tones_of(2.0, 0.1), tones_of(0.1, 1.0), tones_of(0.0, 0.0, on=0.0)):
            output.hear(tones)
            found += output.masks(frame)[:, 50].tolist()
        return found

    for ring in (0.0, 0.4):
        assert heard(ringing, MaskSettings(ring=ring)) == heard(models["split"], MaskSettings(ring=ring))
    assert heard(models["split"], MaskSettings()) == heard(models["split"], MaskSettings(ring=0.3))
    assert heard(ringing, MaskSettings()) != heard(models["split"], MaskSettings())


def test_a_timbre_of_an_older_run_has_no_decays() -> None:
    config = preset_config("fast", ("high", "low"))
    timbre = Timbre(config)
    assert timbre.decays == ()
    older = {name: values for name, values in timbre.state_dict().items() if name != "decay_seconds"}
    timbre.load_state_dict(older)
    assert timbre.decays == ()
    timbre.decay_seconds.copy_(torch.tensor([0.5, math.pi]))
    newer = Timbre(config)
    newer.load_state_dict(timbre.state_dict())
    assert newer.decays == (0.5, 3.142)


def test_the_decays_of_a_session_come_from_its_labels_excerpt_by_excerpt() -> None:
    """Tones of 0.4 s that die away in a known time; frames of two excerpts, between which a second is not heard."""
    config = preset_config("fast", ("high", "low"))
    geometry = config.geometry
    rate, length = geometry.sample_rate, round(0.4 * geometry.sample_rate)
    hertz = [330.0, 440.0, 392.0, 523.0] * 8
    seconds = 1.2
    audio = np.zeros(length * (len(hertz) + 4), np.float32)
    time = np.arange(4 * length) / rate
    for number, pitch in enumerate(hertz):
        tone = sum(0.1 * 0.6**order * np.sin(2 * np.pi * order * pitch * time) for order in range(1, 6))
        audio[number * length : (number + 4) * length] += (tone * 10 ** (-3 * time / seconds)).astype(np.float32)
    centres = np.arange(0, len(hertz) * length, geometry.hop_length)
    f0_bin = np.zeros((len(centres), 2), np.float32)
    f0_bin[:, 0] = np.array(hertz)[np.minimum(centres // length, len(hertz) - 1)] / geometry.bin_hz
    kept = np.abs(centres - len(hertz) * length / 2) > rate / 2
    zeros = np.zeros(int(kept.sum()), np.int64)
    labels = Labels(zeros, centres[kept], f0_bin[kept], np.ones((2, 5), np.float32), geometry.hop_length)
    session = Session((Take(Path("take.wav"), audio, audio.size / rate, ""),), rate, 1.0)
    timbre = fit_timbre(labels, session, config)
    assert timbre.decays[0] == pytest.approx(seconds, rel=MEASURED)
    assert timbre.decays[1] == SHORTEST_SECONDS


def test_what_rings_is_known_to_the_shorter_latencies_too(models: dict[str, SeparationModel], tmp_path: Path) -> None:
    ringing = ringing_copy(models["split_fast"], tmp_path)
    audio = np.random.default_rng(3).standard_normal((1, 8_192)).astype(np.float32)

    def stems(model: SeparationModel, mask: MaskSettings | None = None) -> NDArray[np.float32]:
        separator = StreamingSeparator(model, output="mask", latency="live", mask=mask)
        return np.concatenate([separator.process(block) for block in np.split(audio, 8, axis=1)], axis=-1)

    older, without = stems(models["split_fast"]), MaskSettings(ring=0.0)
    assert np.array_equal(stems(models["split_fast"], without), older)
    assert np.array_equal(stems(ringing, without), older)
    assert not np.array_equal(stems(ringing), older)
