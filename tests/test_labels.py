"""Labels: where they lie in a session, that they survive a file, and that the search finds a duet."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.trainconfig import PolicyConfig, TrainConfig
from bsep_stream.train.search.labelling import search_labels
from bsep_stream.train.session.frames import JITTER_HOPS, FrameSource, Transposition
from bsep_stream.train.session.labels import EXCERPT_SECONDS, Labels, from_high_to_low, label_positions
from bsep_stream.train.session.recording import Session, Take

RATE = 8_000
HOP_LENGTH = 128
WHOLE_SAMPLES = 2e-3
"""Of a peak of 0.5: rounding, the ends of the window and, at low f0, the tail of the negative frequency."""
GEOMETRY = FrameGeometry(sample_rate=RATE, n_fft=2_048, n_bins=512, hop_length=HOP_LENGTH, sigma_samples=168.0)


def session(*takes: np.ndarray) -> Session:
    made = (Take(Path("take.wav"), samples.astype(np.float32), samples.size / RATE, "") for samples in takes)
    return Session(tuple(made), RATE, 1.0)


def labels_at(take: list[int], centre: list[int], f0_bin: list[list[float]]) -> Labels:
    envelopes = np.ones((len(f0_bin[0]), 3), np.float32)
    return Labels(np.array(take), np.array(centre), np.array(f0_bin, np.float32), envelopes, HOP_LENGTH)


def tone(f0_hz: float, decay: float, seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * f0_hz * time + 0.3 * np.sin(2 * np.pi * 5 * time)  # vibrato
    total: np.ndarray = sum(decay ** (order - 1) * np.sin(order * phase + order) for order in range(1, 7))
    return total


def melody(pitches_hz: list[float], decay: float, seconds: float) -> np.ndarray:
    """Notes one after the other; 0 is a rest."""
    return np.concatenate([tone(f0, decay, seconds) if f0 else np.zeros(round(seconds * RATE)) for f0 in pitches_hz])


@pytest.mark.parametrize("samples", [1, HOP_LENGTH, HOP_LENGTH + 1, 10 * RATE])
def test_short_sessions_are_labelled_whole(samples: int) -> None:
    ((take, centres),) = label_positions(session(np.zeros(samples)), HOP_LENGTH, 60.0)
    assert take == 0
    np.testing.assert_array_equal(centres, np.arange(0, samples, HOP_LENGTH))


def test_takes_are_pieces_of_their_own() -> None:
    pieces = label_positions(session(np.zeros(1_000), np.zeros(3_000)), HOP_LENGTH, 60.0)
    assert [(take, centres[0], len(centres)) for take, centres in pieces] == [(0, 0, 8), (1, 0, 24)]


def test_long_sessions_are_labelled_in_excerpts_from_first_to_last() -> None:
    """A minute of four minutes: six excerpts, each without a gap, none twice, spread over both takes."""
    made = session(np.zeros(180 * RATE), np.zeros(60 * RATE))
    pieces = label_positions(made, HOP_LENGTH, 60.0)
    assert sum(len(centres) for _, centres in pieces) * HOP_LENGTH <= 60 * RATE * 1.02  # excerpts are nearly equal
    assert len(pieces) == 60 / EXCERPT_SECONDS
    assert {take for take, _ in pieces} == {0, 1}
    for take, centres in pieces:
        assert np.all(np.diff(centres) == HOP_LENGTH)
        assert centres[-1] < made.takes[take].samples.size
    starts = [take * 180 * RATE + centres[0] for take, centres in pieces]
    assert starts[0] == 0
    assert np.all(np.diff(starts) > EXCERPT_SECONDS * RATE)  # in order, with something left out in between
    take, centres = pieces[-1]
    assert (take, centres[-1] + HOP_LENGTH) == (1, 60 * RATE)


def test_a_session_just_too_long_still_has_labels() -> None:
    pieces = label_positions(session(np.zeros(2 * RATE)), HOP_LENGTH, 1.0)
    assert len(pieces) == 1
    assert len(pieces[0][1]) > 0


def test_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    labels = labels_at([0, 0, 1], [0, 128, 0], [[7.5, 0.0], [7.25, 3.0], [0.0, 0.0]])
    labels.save(tmp_path / "labels.npz")
    loaded = Labels.load(tmp_path / "labels.npz")
    for name, value in vars(labels).items():
        np.testing.assert_array_equal(getattr(loaded, name), value)
        assert np.asarray(getattr(loaded, name)).dtype == np.asarray(value).dtype, name


def test_file_with_pickles_is_refused(tmp_path: Path) -> None:
    """A run folder may come from a stranger."""
    path = tmp_path / "labels.npz"
    np.savez(path, take=np.array([{}], dtype=object))
    with pytest.raises(RunError, match="missing or damaged"):
        Labels.load(path)


def test_sources_are_ordered_from_high_to_low_and_silent_ones_last() -> None:
    f0_bin = torch.tensor([[5.0, 6.0, 0.0], [0.0, 0.0, 0.0], [0.0, 20.0, 0.0], [8.0, 8.0, 8.0]])
    assert from_high_to_low(f0_bin, (1, 1, 1, 1)).tolist() == [2, 3, 0, 1]


def test_only_sources_of_one_limit_change_places() -> None:
    f0_bin = torch.tensor([[5.0, 6.0], [30.0, 9.0], [20.0, 0.0], [8.0, 8.0], [7.0, 0.0]])
    assert from_high_to_low(f0_bin, (1, 2, 1, 1)).tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("swapped", [False, True])
def test_search_finds_the_tones_of_a_duet(duet_config: TrainConfig, swapped: bool) -> None:
    """Two instruments far apart, in two takes; the first take begins with a rest of the higher one."""
    config = replace(
        duet_config, geometry=GEOMETRY, policy=PolicyConfig(lowest_bin=20, highest_bin=300, highest_width=2.0)
    )
    bright, dark = (0.4, 0.75) if swapped else (0.75, 0.4)
    first = melody([0.0, 587.3, 659.3, 880.0], bright, 0.5) + melody([196.0, 220.0, 164.8, 247.0], dark, 0.5)
    second = melody([784.0, 740.0], bright, 0.5) + melody([185.0, 147.0], dark, 0.5)
    steps: list[int] = []
    labels = search_labels(session(first, second), config, lambda: steps.append(1))
    assert steps
    assert labels.f0_bin.shape == (labels.centre.size, 2)
    assert labels.envelopes.shape == (2, config.n_harmonics)
    assert labels.envelopes.max(axis=1) == pytest.approx([1.0, 1.0])
    assert labels.hop_length == HOP_LENGTH

    truth = {0: ([0.0, 587.3, 659.3, 880.0], [196.0, 220.0, 164.8, 247.0]), 1: ([784.0, 740.0], [185.0, 147.0])}
    right, counted = 0, 0
    for take, centre, found in zip(labels.take, labels.centre, labels.f0_bin, strict=True):
        note, within = divmod(int(centre), RATE // 2)
        if not GEOMETRY.n_fft // 2 < within < RATE // 2 - GEOMETRY.n_fft // 2:
            continue  # the frame hears two notes of one instrument
        wanted = np.array([voice[note] for voice in truth[int(take)]]) / GEOMETRY.bin_hz
        near = np.where(wanted > 0, np.abs(found - wanted) <= 0.03 * wanted, found == 0)  # half a semitone
        right, counted = right + int(near.sum()), counted + 2
    assert counted > 100
    assert right > 0.95 * counted


def clicks(at: list[int], length: int) -> np.ndarray:
    samples = np.zeros(length)
    samples[at] = 1.0
    return samples


def source(*takes: np.ndarray, seed: int = 1) -> FrameSource:
    return FrameSource(session(*takes), GEOMETRY, HOP_LENGTH, seed)


def heights_of_clicks(distances: np.ndarray) -> np.ndarray:
    """Modulus of the frame of a click at a distance from the frame's middle."""
    return GEOMETRY.window.max() * np.exp(-0.5 * (distances / GEOMETRY.sigma_samples) ** 2)


def test_frames_are_cut_close_to_their_labels() -> None:
    """A click at the label: how loud it is tells how far from the middle of the frame it lies."""
    frames, f0_bin = source(clicks([4_000], 8_000)).draw_labelled(labels_at([0], [4_000], [[7.0, 0.0]]), 400, 0.0)
    assert frames.shape == (400, GEOMETRY.n_bins)
    assert f0_bin.tolist() == [[7.0, 0.0]] * 400
    reach = int(JITTER_HOPS * HOP_LENGTH)
    assert reach < HOP_LENGTH / 2  # nearer to this label than to the next
    possible = heights_of_clicks(np.arange(reach + 1))
    got = np.abs(frames).max(axis=1)
    rounding = 1e-3 * possible[0]
    assert got.min() > possible[-1] - rounding
    assert got.max() < possible[0] + rounding
    assert got.min() < heights_of_clicks(np.array(0.9 * reach)) + rounding  # and they use their freedom
    assert len({round(float(height / rounding)) for height in got}) > 20


def test_levels_change_within_their_limits() -> None:
    made = source(clicks([4_000], 8_000))
    labels = labels_at([0], [4_000], [[7.0, 0.0]])
    state = made.state()
    plain = np.abs(made.draw_labelled(labels, 300, 0.0)[0]).max(axis=1)
    made.restore(state)
    changed = np.abs(made.draw_labelled(labels, 300, 6.0)[0]).max(axis=1)
    decibels = 20 * np.log10(changed / plain)
    assert -6.001 < decibels.min() < -5
    assert 5 < decibels.max() < 6.001


def test_labels_at_the_edges_of_takes_have_frames_of_their_own_take() -> None:
    """First and last sample of either take; a frame must not reach into the other take."""
    first, second = clicks([0, 3_000], 3_001), clicks([0, 2_500], 2_501)
    labels = labels_at([0, 0, 1, 1], [0, 3_000, 0, 2_500], [[1.0], [2.0], [3.0], [4.0]])
    frames, f0_bin = source(first, 0.01 * second).draw_labelled(labels, 400, 0.0)
    reach = int(JITTER_HOPS * HOP_LENGTH)
    for label, loudness in ((1.0, 1.0), (2.0, 1.0), (3.0, 0.01), (4.0, 0.01)):
        got = np.abs(frames[f0_bin[:, 0] == label]).max(axis=1)
        assert got.size > 50
        assert got.min() > 0.999 * loudness * heights_of_clicks(np.array(reach))  # rounding of float32
        assert got.max() < 1.001 * loudness * heights_of_clicks(np.array(0))


def test_labelled_frames_repeat_with_the_state(rng: np.random.Generator) -> None:
    samples = rng.standard_normal(20_000)
    labels = labels_at([0] * 100, list(range(0, 12_800, 128)), [[float(i), 0.0] for i in range(100)])
    first, second, other = source(samples, seed=3), source(samples, seed=99), source(samples, seed=4)
    first.draw_labelled(labels, 5, 6.0)
    second.restore(first.state())
    expected, got = first.draw_labelled(labels, 8, 6.0), second.draw_labelled(labels, 8, 6.0)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[1], expected[1])
    assert not np.array_equal(other.draw_labelled(labels, 8, 6.0)[1], expected[1])


def test_transposed_frames_are_those_of_the_same_music_higher_or_lower() -> None:
    """A sinusoid: its peak moves with the label, and keeps its height and its width."""
    f0 = 20.0
    samples = np.cos(2 * np.pi * f0 * np.arange(16_000) / GEOMETRY.n_fft)
    labels = labels_at([0] * 20, list(range(6_000, 8_560, 128)), [[f0, 0.0]] * 20)
    frames, f0_bin = source(samples).draw_labelled(labels, 200, 0.0, Transposition(1.0, 5.0))
    factors = f0_bin[:, 0] / f0
    assert len(set(factors.tolist())) > 3
    assert 2 ** (-5 / 12) <= factors.min() < 0.9
    assert 1.1 < factors.max() <= 2 ** (5 / 12)
    assert (f0_bin[:, 1] == 0).all()
    bins = np.arange(GEOMETRY.n_bins)
    expected = 0.5 * np.exp(-0.5 * ((bins - f0_bin[:, :1]) / GEOMETRY.sigma_bins) ** 2)
    np.testing.assert_allclose(np.abs(frames), expected, atol=WHOLE_SAMPLES)


def test_only_a_share_is_transposed_and_nothing_out_of_range() -> None:
    labels = labels_at([0] * 2, [4_000, 4_128], [[10.0, 0.0], [0.0, 40.0]])
    _, f0_bin = source(clicks([4_000], 8_000)).draw_labelled(labels, 2_000, 0.0, Transposition(0.5, 5.0, 9.0, 41.0))
    assert (f0_bin[f0_bin > 0] >= 9.0).all()
    assert (f0_bin <= 41.0).all()
    stays = np.isin(f0_bin, [0.0, 10.0, 40.0]).all(axis=1)
    assert 0.5 < stays.mean() < 0.9  # half are not asked to move, and some of the others may not


def test_sounding_frames_are_drawn_more_often_and_silent_ones_too() -> None:
    labels = labels_at([0] * 20, list(range(0, 2_560, 128)), [[5.0, 0.0]] * 10 + [[0.0, 0.0]] * 10)
    _, f0_bin = source(np.zeros(4_000)).draw_labelled(labels, 6_000, 6.0)
    silent = float((f0_bin[:, 0] == 0).mean())
    five_sigma = 5 * np.sqrt(1 / 12 * 11 / 12 / 6_000)  # 0.1 of 0.1 + 1.1
    assert silent == pytest.approx(1 / 12, abs=five_sigma)
