"""Reports: what is drawn is where it belongs; mistakes are one sentence. How it looks, a person has to see."""

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files.stemfolder import StemFolder
from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.notes.pitches import find_pitches
from bsep_stream.report import overview
from bsep_stream.report.overview import write_report
from bsep_stream.report.pictures import audible, draw_losses, log_rows

DRAWN = pytest.mark.skipif(find_spec("matplotlib") is None, reason="a picture needs matplotlib")
RATE = 16_000
N = 8_000
ONE_ROW = 1 / 48  # octaves
FLOAT32 = 1e-5


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, args)])


def sine(hz: float, rate: int = RATE, n: int = N) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(n) / rate)


@pytest.fixture
def stems(tmp_path: Path) -> Path:
    """flute 440 Hz, oboe 1000 Hz, a residual of quiet noise, and a remix that is no stem."""
    folder = tmp_path / "STEMS"
    folder.mkdir()
    noise = 1e-3 * np.random.default_rng(0).standard_normal(N)
    for name, audio in {"flute": sine(440), "oboe": sine(1000), "residual": noise, "remix": np.ones(N)}.items():
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")
    (folder / "notes.txt").write_text("no stem")
    return folder


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "RUN"
    folder.mkdir()
    geometry = {"sample_rate": 48_000, "n_fft": 8192, "n_bins": 2048, "hop_length": 1024, "sigma_samples": 1024.0}
    (folder / "config.json").write_text(json.dumps({"geometry": geometry}))
    (folder / "run.json").write_text(json.dumps({"preset": "fast", "iterations": 90, "seconds": 9.0, "seed": 1}))
    rows = [[0.5**h for h in range(25)], [0.0] * 25]
    (folder / "dictionary.json").write_text(
        json.dumps({"source_names": ["flute", "oboe"], "relative_amplitudes": rows})
    )
    lines = [f"{i},{i / 10},{1 / i},{0.5 / i},,0" for i in range(1, 91)]
    (folder / "log.csv").write_text("\n".join(["iteration,seconds,total,direct,rare,zero", *lines]) + "\n")
    return folder


def shape_of(picture: Path) -> tuple[int, int]:
    """Width and height in pixels; fails if it is no picture or a blank one."""
    from matplotlib.image import imread

    pixels = imread(picture)
    assert np.std(pixels[..., :3]) > 0.01
    return pixels.shape[1], pixels.shape[0]


@DRAWN
def test_losses_of_two_stages_are_one_curve_each_as_far_as_they_go() -> None:
    """100 iterations, of which the first 60 have a term that the others do not have; one term is never there."""
    from matplotlib.figure import Figure

    iterations = np.arange(1.0, 101.0)
    losses = {
        "iteration": iterations,
        "seconds": iterations,
        "total": 1 / iterations,
        "imitation": np.where(iterations <= 60, 20 / iterations, np.nan),
        "direct": np.full(100, np.nan),
    }
    axes = Figure().add_subplot()
    draw_losses(axes, losses)
    bold = {line.get_label(): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    assert list(bold) == ["total", "imitation"]
    assert np.asarray(bold["total"].get_xdata())[-1] == 100
    assert np.asarray(bold["imitation"].get_xdata())[-1] == 60
    assert bold["total"].get_color() != bold["imitation"].get_color()


@DRAWN
def test_stems_run_and_model_each_add_their_panels(
    stems: Path, run_folder: Path, tiny_model_path: Path, tmp_path: Path
) -> None:
    heights = {}
    calls = {
        "stems": (stems,),
        "run": (run_folder,),
        "both": (run_folder, stems, "--model", tiny_model_path),
    }
    for name, args in calls.items():
        picture = tmp_path / "out" / f"{name}.png"
        result = run(*args, "--output", picture)
        assert result.exit_code == 0, result.output
        assert result.stdout == f"{picture}\n"
        width, heights[name] = shape_of(picture)
        assert width == 1680
    assert heights["stems"] < heights["both"] < heights["stems"] + heights["run"]


@DRAWN
def test_picture_is_replaced_whole_and_other_formats_work(stems: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    picture.write_text("old")
    write_report(stems, picture)
    shape_of(picture)
    write_report(stems, tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["STEMS", "a.png", "a.svg"]


def test_without_matplotlib_a_picture_is_refused_and_a_page_is_made(
    stems: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "find_spec", lambda _name: None)
    result = run(stems, "--output", tmp_path / "a.png")
    assert result.exit_code == 2
    assert 'pip install "bsep-stream[pictures]"' in result.stderr
    assert not (tmp_path / "a.png").exists()
    assert run(stems, "--output", tmp_path / "a.html").exit_code == 0


def test_folder_is_read_as_stems_with_the_residual_last(stems: Path) -> None:
    folder = StemFolder(stems)
    assert folder.names == ("flute", "oboe", "residual")
    assert folder.source_names == ["flute", "oboe"]
    assert folder.seconds == N / RATE


def test_sinusoid_is_drawn_at_its_frequency_and_level(stems: Path) -> None:
    spectra = StemFolder(stems).spectrograms(np.array([0.2, 0.25]), 1280)
    for stem, hz in ((0, 440.0), (1, 1000.0)):
        rows, (low, high) = log_rows(spectra[stem], RATE)
        found = low + (high - low) * (int(rows[:, 0].argmax()) + 0.5) / len(rows)
        half_a_bin = np.log2(1 + RATE / 1280 / 2 / hz)  # the rows are narrower than the bins down there
        assert found == pytest.approx(np.log2(hz), abs=half_a_bin + ONE_ROW)
        assert 0.25 < rows.max() < 0.301  # 0.3, less where it falls between two bins
    mixture, _ = log_rows(spectra.sum(axis=0), RATE)
    assert (mixture > 0.25).any(axis=1).sum() >= 2


def test_segments_are_the_sum_of_the_stems_and_silent_outside(stems: Path) -> None:
    first, middle, last = StemFolder(stems).segments(np.array([0.0, 0.25, N / RATE]), 0.01)
    noise = soundfile.read(stems / "residual.wav")[0]
    mixture = sine(440) + sine(1000) + noise
    assert not first[:80].any()
    np.testing.assert_allclose(first[80:], mixture[:80], atol=FLOAT32)
    np.testing.assert_allclose(middle, mixture[4000 - 80 : 4000 + 80], atol=FLOAT32)
    np.testing.assert_allclose(last[:80], mixture[-80:], atol=FLOAT32)
    assert not last[80:].any()


def test_rows_without_sound_above_are_left_out() -> None:
    rows = np.zeros((400, 3), dtype=np.float32)
    rows[350] = 1.0
    assert 350 < audible(rows, (6.0, 14.0)) < 400
    rows[350], rows[10] = 1e-4, 1.0
    assert audible(rows, (6.0, 14.0)) == int((np.log2(4000) - 6.0) * 48)


@pytest.mark.parametrize("rate", [48_000, 44_100])
def test_pitches_are_in_hertz_and_absent_in_silence(rate: int, tiny_model: SeparationModel, tmp_path: Path) -> None:
    """The tiny model says bins 10 and 20 of 93.75 Hz, always."""
    n = rate // 4
    half = np.where(np.arange(n) < n // 2, sine(1000, rate, n), 0.0)
    soundfile.write(tmp_path / "a.wav", np.stack([half, half], 1), rate, subtype="FLOAT")
    pitches = find_pitches(tiny_model, StemFolder(tmp_path))
    assert pitches.tone_sources == (0, 1)
    assert len(pitches.times) == len(pitches.f0_hz[0])
    early, late = pitches.times < 0.12, pitches.times > 0.13
    np.testing.assert_allclose(pitches.f0_hz[0, early], 937.5)
    np.testing.assert_allclose(pitches.f0_hz[1, early], 1875.0)
    assert np.isnan(pitches.f0_hz[:, late]).all()


@DRAWN
def test_silent_stems_and_an_empty_log_still_make_a_picture(
    tmp_path: Path, run_folder: Path, tiny_model: SeparationModel
) -> None:
    folder = tmp_path / "silent"
    folder.mkdir()
    soundfile.write(folder / "flute.wav", np.zeros(3000), RATE)
    (run_folder / "log.csv").write_text("iteration,seconds,total\n")
    write_report([folder, run_folder], tmp_path / "a.png", model=tiny_model)
    shape_of(tmp_path / "a.png")


@DRAWN
@pytest.mark.parametrize("seconds", [1 / RATE, 0.01, 130.0])
def test_any_length_makes_a_picture(seconds: float, tmp_path: Path) -> None:
    folder = tmp_path / "stems"
    folder.mkdir()
    soundfile.write(folder / "flute.flac", sine(440, n=round(seconds * RATE)), RATE)
    write_report(folder, tmp_path / "a.png")
    shape_of(tmp_path / "a.png")


def test_stems_that_do_not_belong_together_are_one_sentence(stems: Path, tmp_path: Path) -> None:
    soundfile.write(stems / "viola.wav", np.zeros(N - 1), RATE)
    with pytest.raises(AudioError, match=r"same rate, channels and length: flute.wav has .*, viola.wav has"):
        StemFolder(stems)
    (stems / "viola.wav").unlink()
    soundfile.write(stems / "oboe.flac", np.zeros(N), RATE)
    with pytest.raises(AudioError, match="holds a stem twice"):
        StemFolder(stems)


def test_wrong_calls_are_one_sentence_and_exit_code_2(
    stems: Path, run_folder: Path, tmp_path: Path, tiny_model_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    calls = {
        "no folder of stems": (empty, "--output", "a.png"),
        "is no folder of stems; give one": (tmp_path / "nowhere", "--output", "a.png"),
        "must end in .png, .pdf, .svg, .html": (stems, "--output", "a.jpg"),
        "got 2 runs": (run_folder, run_folder, "--output", "a.png"),
        "and 2 other paths": (stems, stems, "--output", "a.png"),
        "no model file": (stems, "--model", "no.onnx", "--output", tmp_path / "a.png"),
        "Missing option '-o' / '--output'": (stems,),
    }
    for sentence, args in calls.items():
        result = run(*args)
        assert result.exit_code == 2
        assert sentence in result.stderr
        assert result.stderr.count("\n") == 1
    with pytest.raises(ConfigError, match="needs one training run"):
        write_report([], tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
