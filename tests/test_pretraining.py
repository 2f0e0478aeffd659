"""Pretraining: the synthetic tones are where their labels say, the network learns from them, its file fits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner
from safetensors.torch import save_file

from bsep_stream.errors import ConfigError
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import TrainConfig
from bsep_stream.train.learning.run_folder import RunFolder
from bsep_stream.train.network.network_file import save_network, shipped_network, start_from_network
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.pretraining import __main__ as command
from bsep_stream.train.pretraining import learning
from bsep_stream.train.pretraining.instruments import N_PARTIALS, Instruments
from bsep_stream.train.pretraining.learning import Pretraining
from bsep_stream.train.pretraining.notes import Notes
from bsep_stream.train.pretraining.sessions import QUIETEST_TONE_DB, Synthesiser
from bsep_stream.train.runs.start import start_training

LARGEST_FILE = 10_000_000
"""Bytes: the package stays small."""

HALF_PRECISION = 2.0**-11
"""Relative rounding of the numbers of the file."""


def solo_config() -> TrainConfig:
    return preset_config("fast", ("solo",))


def test_tones_lie_where_their_labels_say() -> None:
    """Of loud frames with one instrument, most of the energy lies near the harmonics of the label, in nearly all."""
    config = solo_config()
    maker = Synthesiser(config, seed=1)
    shares = []
    for _ in range(20):
        session = maker.session(8)
        for frame, f0_bin in zip(session.frames, session.f0_bin[:, 0], strict=True):
            energy = frame.square().sum(dim=0)
            if f0_bin == 0 or energy.sum() < 1.0:
                continue
            harmonics = f0_bin * torch.arange(1, N_PARTIALS + 1)
            bins = torch.arange(energy.numel())
            distance = (bins[:, None] - harmonics).abs()
            near = (distance < 4 * config.geometry.sigma_bins + 0.01 * harmonics).any(dim=1)
            shares.append(float(energy[near].sum() / energy.sum()))
    assert len(shares) > 50
    # Half a semitone or an octave off would leave most out. The rest is onsets, vibrato, and notes that overlap.
    assert np.median(shares) > 0.95
    assert np.mean(np.array(shares) > 0.8) > 0.8


def test_peaks_have_the_height_of_the_model() -> None:
    """A sine of the session's level, 1: amplitude sqrt(2), height half of that."""
    config = solo_config()
    maker = Synthesiser(replace(config, imitation=replace(config.imitation, level_db=0.0)), seed=2)
    heights = []
    for _ in range(40):
        session = maker.session(1)
        if session.f0_bin[0, 0] > 0:
            moduli = session.frames[0].square().sum(dim=0)
            heights.append(float(moduli.sum()))
    # The energy of Gaussian peaks of power 1 in all: height^2 sqrt(pi) sigma, summed over the partials.
    expected = 0.5 * np.sqrt(np.pi) * config.geometry.sigma_bins
    assert np.median(heights) == pytest.approx(expected, rel=0.1)


def test_silence_is_labelled_and_is_silent() -> None:
    config = solo_config()
    maker = Synthesiser(config, seed=3)
    sounding, silent = [], []
    for _ in range(60):
        session = maker.session(8)
        loudness = session.frames.square().sum(dim=(1, 2))
        on = session.f0_bin[:, 0] > 0
        if on.any() and not on.all():
            sounding.append(float(loudness[on].mean()))
            silent.append(float(loudness[~on].max()))
    assert len(silent) > 10
    assert np.median(np.array(silent) / np.array(sounding)) < 10 ** ((QUIETEST_TONE_DB + 10) / 10)


def test_sources_are_ordered_by_register_and_may_cross() -> None:
    config = preset_config("fast", ("high", "low"))
    maker = Synthesiser(config, seed=4)
    pitches = torch.cat([maker.session(8).f0_bin for _ in range(40)])
    both = pitches[(pitches > 0).all(dim=1)]
    assert len(both) > 100
    above = float((both[:, 0] > both[:, 1]).float().mean())
    assert 0.6 < above < 0.98


def test_dictionary_rows_have_the_largest_entry_1_and_a_floor() -> None:
    session = Synthesiser(preset_config("fast", ("a", "b", "c")), seed=5).session(2)
    assert session.dictionary.shape == (3, 25)
    assert session.dictionary.amax(dim=1).tolist() == [1.0, 1.0, 1.0]
    assert float(session.dictionary.min()) >= 1e-3
    assert session.frames.shape == (2, 2, 2_048)
    assert session.frames.isfinite().all()


def test_sessions_follow_from_the_seed() -> None:
    config = preset_config("fast", ("a", "b"))
    first, again, other = (Synthesiser(config, seed).session(3) for seed in (6, 6, 7))
    assert torch.equal(first.frames, again.frames)
    assert torch.equal(first.dictionary, again.dictionary)
    assert not torch.equal(first.frames, other.frames)


def test_pitches_stay_within_the_range_of_the_policy() -> None:
    generator = torch.Generator().manual_seed(8)
    instruments = Instruments.draw(2, generator)
    instruments = replace(instruments, register=instruments.register + torch.tensor([4.0, -4.0]))
    notes = Notes.draw(instruments, 50, 50.0, 2_000.0, generator)
    assert float(notes.f0_hz.min()) >= 50.0
    assert float(notes.f0_hz.max()) <= 2_000.0


def test_cycles_are_the_integral_of_the_frequency() -> None:
    generator = torch.Generator().manual_seed(9)
    notes = Notes.draw(Instruments.draw(2, generator), 4, 50.0, 2_000.0, generator)
    step = 1e-3
    time = torch.arange(-20, 20) * step
    measured = torch.diff(notes.cycles(time), dim=-1) / step
    between = (time[1:] + time[:-1]) / 2
    expected = notes.f0_hz[..., None] * (1.0 + notes.detuning(between))
    rounding_of_float32 = 0.02  # Hz: cycles of some 10, differences over a millisecond
    torch.testing.assert_close(measured, expected, rtol=1e-5, atol=rounding_of_float32)


def test_network_learns_from_synthetic_sessions(duet_config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "SESSIONS_PER_STEP", 2)  # quicker
    pretraining = Pretraining(duet_config, seed=10)
    losses = [pretraining.step(0.0)["imitation"] for _ in range(40)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


@pytest.fixture
def duet_network(duet_config: TrainConfig, tmp_path: Path) -> Path:
    """File of a random network for two sources."""
    separator = Separator(duet_config, torch.Generator().manual_seed(11))
    with torch.no_grad():
        separator.log_scales += 0.5
    save_network(tmp_path / "net.safetensors", separator, {"seed": 11})
    return tmp_path / "net.safetensors"


def test_file_gives_back_the_network_but_not_the_dictionary(duet_config: TrainConfig, duet_network: Path) -> None:
    saved = Separator(duet_config, torch.Generator().manual_seed(11))
    loaded = Separator(duet_config, torch.Generator().manual_seed(12))
    loaded.dictionary.start_from(torch.full((2, duet_config.n_harmonics), 0.25))
    start_from_network(loaded, duet_network)
    for (name, expected), got in zip(saved.state_dict().items(), loaded.state_dict().values(), strict=True):
        if name == "log_scales":
            expected = expected + 0.5
        if not name.startswith("dictionary"):
            torch.testing.assert_close(got, expected, rtol=HALF_PRECISION, atol=1e-6)
    assert loaded.dictionary.relative_amplitudes.unique().tolist() == [0.25]


@pytest.mark.parametrize("names", [("a", "b", "c"), ("a", "b", "c", "d")])
def test_outer_sources_of_a_larger_ensemble_are_those_of_the_duet(
    duet_config: TrainConfig, duet_network: Path, names: tuple[str, ...]
) -> None:
    """While the middle ones say nothing, the highest and the lowest get the maps that they get in a duet."""
    n = len(names)
    duet = Separator(duet_config)
    larger = Separator(replace(duet_config, source_names=names))
    start_from_network(duet, duet_network)
    start_from_network(larger, duet_network)
    generator = torch.Generator().manual_seed(13)
    n_bins = duet_config.geometry.n_bins
    first, second = torch.randn(2, 1, 3, n_bins, generator=generator)
    spectra, direct = torch.randn(2, 1, 2, 2, n_bins, generator=generator)
    salience = torch.randn(1, 2, n_bins, generator=generator)

    def among(by_source: torch.Tensor) -> torch.Tensor:
        wider = torch.zeros(1, n, *by_source.shape[2:])
        wider[:, 0], wider[:, -1] = by_source[:, 0], by_source[:, 1]
        return wider

    def maps(separator: Separator, *by_source: torch.Tensor) -> torch.Tensor:
        count = separator.config.n_sources
        inputs = [first, by_source[0].flatten(1, 2), second, by_source[1].flatten(1, 2)]
        n_maps = separator.network.head_maps.weight.shape[0]
        with torch.no_grad():
            return separator.network(inputs, by_source[2], torch.ones(n_maps)).unflatten(1, (count, -1))

    expected = maps(duet, spectra, direct, salience)
    got = maps(larger, among(spectra), among(direct), among(salience))
    torch.testing.assert_close(got[:, [0, -1]], expected)
    if n == 3:
        torch.testing.assert_close(got[:, 1], expected.mean(dim=1))


def test_other_network_is_refused(duet_config: TrainConfig, duet_network: Path) -> None:
    other = replace(duet_config, network=replace(duet_config.network, head_channels=9))
    with pytest.raises(ConfigError, match="other head_channels"):
        start_from_network(Separator(other), duet_network)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, None])
def test_damaged_file_is_refused(duet_config: TrainConfig, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.safetensors"
    if content is None:
        save_file({"weight": torch.zeros(2)}, path)  # a file of somebody else
    else:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="should be a pretrained network"):
        start_from_network(Separator(duet_config), path)


def test_unknown_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="no pretrained network 'none'"):
        shipped_network("none")


@pytest.mark.usefixtures("quick_search")
def test_run_starts_from_the_network_and_says_so(
    duet_config: TrainConfig, duet_network: Path, duet_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("bsep_stream.train.runs.start.shipped_network", lambda name: asked.append(name) or duet_network)
    config = replace(duet_config, pretrained="some")
    training = start_training([duet_path], config, tmp_path / "run")
    known = Separator(duet_config, torch.Generator().manual_seed(11)).network.head_wide.weight
    torch.testing.assert_close(training.learner.separator.network.head_wide.weight, known, rtol=HALF_PRECISION, atol=0)
    assert RunFolder(tmp_path / "run").read_config().pretrained == "some"
    later = start_training([duet_path], config, tmp_path / "later", init=tmp_path / "run")
    assert RunFolder(tmp_path / "later").read_config().pretrained is None
    assert asked == ["some"]
    torch.testing.assert_close(later.learner.separator.network.head_wide.weight, known, rtol=HALF_PRECISION, atol=0)


@pytest.mark.parametrize("names", [("a", "b"), ("a", "b", "c"), ("a", "b", "c", "d")])
def test_shipped_network_fits_the_default_preset(names: tuple[str, ...]) -> None:
    config = preset_config("fast", names)
    assert config.pretrained is not None
    path = shipped_network(config.pretrained)
    assert path.stat().st_size < LARGEST_FILE
    start_from_network(Separator(config), path)


def test_shipped_network_finds_the_tones_of_a_session_it_never_heard() -> None:
    """Three quarters of the tones of new synthetic duets, to a quarter tone; random weights find them, too, but when
    a source is silent they do not say so."""
    config = preset_config("fast", ("a", "b"))
    separator = Separator(config)
    start_from_network(separator, shipped_network("fast"))
    maker = Synthesiser(config, seed=14)
    right, silent = [], []
    for _ in range(12):
        session = maker.session(6)
        separator.dictionary.start_from(session.dictionary)
        with torch.no_grad():
            prediction = predict(separator, session.frames)
        sounding = session.f0_bin > 0
        found = prediction.f0_bin * prediction.on
        near = (found - session.f0_bin).abs() < 0.03 * session.f0_bin
        right.append(near[sounding].float())
        silent.append((found == 0)[~sounding].float())
    assert float(torch.cat(right).mean()) > 0.75
    assert float(torch.cat(silent).mean()) > 0.5


def test_preset_scratch_is_fast_from_nothing() -> None:
    fast, scratch = (preset_config(name, ("a", "b")) for name in ("fast", "scratch"))
    assert scratch.pretrained is None
    assert scratch.iterations > fast.iterations
    assert scratch.network == fast.network


def test_command_writes_a_network_that_can_be_gone_on_with(
    duet_config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bsep_stream.train.config.presets.preset_config", lambda _name, _sources: duet_config)
    path = tmp_path / "out" / "net.safetensors"
    arguments = ["--minutes", "0.0001", "--output", str(path)]
    result = CliRunner().invoke(command.main, arguments)
    assert result.exit_code == 0, result.output
    separator = Separator(duet_config)
    start_from_network(separator, path)
    assert CliRunner().invoke(command.main, [*arguments, "--start", str(path)]).exit_code == 0
    path.write_bytes(b"")
    refused = CliRunner().invoke(command.main, [*arguments, "--start", str(path)])
    assert refused.exit_code == 2
    assert "should be a pretrained network" in refused.output
