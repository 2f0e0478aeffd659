"""The report page as a file: what is in it, how large it is, what is refused. test_page_browser.py opens it."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from bsep_stream.cli import main
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.report.overview import write_report
from bsep_stream.report.page.content import training_curves
from bsep_stream.report.page.sound import encode_mp3
from bsep_stream.report.page.spectra import STEPS
from bsep_stream.report.subject import read_subject

RATE = 16_000
N = 8_000
MP3_ERROR = 0.05  # of the RMS of a sinusoid


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, args)])


def sine(hz: float, n: int = N) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(n) / RATE)


@pytest.fixture
def stems(tmp_path: Path) -> Path:
    """flute 440 Hz, oboe 1000 Hz, silent residual, and a remix; the names are those of the tiny model."""
    folder = tmp_path / "STEMS"
    folder.mkdir()
    for name, audio in {"flute": sine(440), "oboe": sine(1000), "residual": 0 * sine(1), "remix": sine(700)}.items():
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")
    return folder


class Scripts(HTMLParser):
    """Script elements of a page by id, and every address that it names."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.addresses: list[str] = []
        self.open: str | None = None
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href") if key in values]
        if tag == "script":
            self.open = values.get("id") or "main"
            self.texts[self.open] = ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self.open = None

    def handle_data(self, data: str) -> None:
        if self.open is not None:
            self.texts[self.open] += data

    @property
    def data(self) -> Any:
        return json.loads(self.texts["data"])


def test_page_names_no_address_and_holds_every_sound(stems: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run(stems, "--output", page)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{page}\n"
    scripts = Scripts(page)
    assert all(address.startswith(("#", "data:")) for address in scripts.addresses)
    assert not re.search(r"(?:https?:)?//(?!www\.w3\.org/)\w+\.\w", scripts.texts["main"])  # only the name of SVG
    (icon,) = (address for address in scripts.addresses if address.startswith("data:image/svg+xml,"))
    assert ElementTree.fromstring(unquote(icon.partition(",")[2])).tag.endswith("svg")
    tracks = [track["name"] for track in scripts.data["session"]["tracks"]]
    assert tracks == ["mixture", "flute", "oboe", "residual", "remix"]
    wanted = [sine(440) + sine(1000), sine(440), sine(1000), 0 * sine(1), sine(700)]
    for index, expected in enumerate(wanted):
        audio, rate = soundfile.read(io.BytesIO(base64.b64decode(scripts.texts[f"sound-{index}"])))
        assert (rate, len(audio)) == (RATE, N)
        assert np.sqrt(np.mean((audio - expected) ** 2)) <= MP3_ERROR * 0.3


def test_levels_are_those_of_the_sound(stems: Path, tmp_path: Path) -> None:
    write_report(stems, tmp_path / "a.html")
    drawn = Scripts(tmp_path / "a.html").data["session"]["spectrogram"]
    low, high = drawn["octaves"]
    for name, hz in {"flute": 440.0, "oboe": 1000.0}.items():
        packed = np.frombuffer(zlib.decompress(base64.b64decode(drawn["levels"][name])), dtype=np.uint8)
        steps = np.cumsum(packed.reshape(drawn["rows"], drawn["columns"]), axis=0, dtype=np.uint8)
        assert steps.max() <= STEPS
        middle = steps[:, drawn["columns"] // 2]
        found = low + (high - low) * (np.flatnonzero(middle >= middle.max() - 1).mean() + 0.5) / drawn["rows"]
        assert 2**found == pytest.approx(hz, rel=0.03)
        assert middle.max() >= STEPS - 4  # as loud as the loudest point of the mixture, but for where its bins lie


def test_half_a_minute_of_five_tracks_in_stereo_is_small(tmp_path: Path, rng: np.random.Generator) -> None:
    """A session of 30 s must stay below 15 MB; 3 s of noise, the worst that there is, below a tenth of that."""
    for name in ("flute", "oboe", "residual", "remix"):
        soundfile.write(tmp_path / f"{name}.flac", 0.1 * rng.standard_normal((3 * 48_000, 2)), 48_000)
    write_report(tmp_path, tmp_path / "a.html")
    assert (tmp_path / "a.html").stat().st_size < 1.5e6


def test_stereo_stays_stereo_and_odd_rates_and_many_channels_are_converted() -> None:
    for channels, rate, expected in ((2, 48_000, (2, 48_000)), (1, 96_000, (1, 48_000)), (5, 7_000, (1, 8_000))):
        audio = np.zeros((channels, rate // 2), dtype=np.float32)
        decoded, found = soundfile.read(io.BytesIO(encode_mp3(audio, rate)), always_2d=True)
        assert (decoded.shape[1], found) == expected
        assert len(decoded) == found // 2


def test_model_alone_run_alone_and_everything(stems: Path, tiny_model_path: Path, tmp_path: Path) -> None:
    write_report(tiny_model_path, tmp_path / "a.html")
    data = Scripts(tmp_path / "a.html").data
    assert "session" not in data
    assert [row["name"] for row in data["dictionary"]] == ["flute", "oboe"]
    assert data["latency"]["samples"] == sum(part["samples"] for part in data["latency"]["parts"])
    write_report([stems, tiny_model_path], tmp_path / "b.html", references=[stems / "oboe.wav", stems / "flute.wav"])
    data = Scripts(tmp_path / "b.html").data
    assert [(row["name"], row["estimate"]) for row in data["measures"]["stems"]] == [
        ("oboe", "oboe"),
        ("flute", "flute"),
    ]
    assert [tone["source"] for tone in data["session"]["pitches"]["tones"]] == ["flute", "oboe"]
    assert set(data["session"]["pitches"]["tones"][0]["hz"]) == {937.5}


def test_part_of_a_session(stems: Path, tmp_path: Path) -> None:
    result = run(stems, "-o", tmp_path / "a.html", "--start", "0.1", "--seconds", "0.2")
    assert result.exit_code == 0, result.output
    scripts = Scripts(tmp_path / "a.html")
    session = scripts.data["session"]
    assert (session["start"], session["seconds"], session["wholeSeconds"]) == (0.1, 0.2, 0.5)
    audio, _ = soundfile.read(io.BytesIO(base64.b64decode(scripts.texts["sound-1"])))
    expected = sine(440)[1600:4800]
    assert np.sqrt(np.mean((audio - expected) ** 2)) <= MP3_ERROR * 0.3


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    folder = tmp_path / "<b>&amp;"
    folder.mkdir()
    name = "a<!--<script>'\"&"
    soundfile.write(folder / f"{name}.wav", sine(440), RATE)
    write_report(folder, tmp_path / "a.html")
    data = Scripts(tmp_path / "a.html").data
    assert data["title"] == "<b>&amp;"
    assert data["session"]["tracks"][1]["name"] == name
    assert "<!--<script>" not in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_training_is_thinned_and_explained_shares_are_apart(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"geometry": {"sample_rate": 48000, "n_fft": 512, "n_bins": 257, "hop_length": 64, "sigma_samples": 64.0}}'
    )
    (tmp_path / "run.json").write_text('{"gain": 1.0}')
    (tmp_path / "dictionary.json").write_text('{"source_names": ["flute"], "relative_amplitudes": [[1.0, 0.1]]}')
    rows = [f"{i},{i},{1 / i},,{1 - 1 / i}" for i in range(1, 2001)]
    (tmp_path / "log.csv").write_text("\n".join(["iteration,seconds,total,never,explained_share", *rows]))
    (tmp_path / "verdict.json").write_text('{"sentences": ["Good.", "Bad."], "warnings": ["Bad."]}')
    run_read = read_subject(tmp_path, None).run
    assert run_read is not None
    curves = training_curves(run_read)
    assert [curve["name"] for curve in curves["losses"]] == ["total"]
    assert [curve["name"] for curve in curves["explained"]] == ["explained_share"]
    assert max(len(curve["x"]) for kind in curves.values() for curve in kind) <= 400
    write_report(tmp_path, tmp_path / "a.html")
    data = Scripts(tmp_path / "a.html").data
    assert data["verdict"] == {"sentences": ["Good."], "warnings": ["Bad."]}
    assert data["dictionary"] == [{"name": "flute", "decibels": [0.0, -20.0]}]


def test_what_cannot_be_shown_is_one_sentence(stems: Path, tmp_path: Path, tiny_model_path: Path) -> None:
    page = tmp_path / "a.html"
    with pytest.raises(AudioError, match="a true stem for each of flute, oboe, got 1"):
        write_report(stems, page, references=[stems / "oboe.wav"])
    with pytest.raises(AudioError, match="compared with a folder of stems"):
        write_report(tiny_model_path, page, references=[stems / "oboe.wav"])
    soundfile.write(tmp_path / "short.wav", sine(440, 100), RATE)
    with pytest.raises(AudioError, match="must be like the stems"):
        write_report(stems, page, references=[tmp_path / "short.wav"] * 2)
    for part in ((0.5, None), (-1.0, None), (0.0, 0.0), (float("nan"), None)):
        with pytest.raises(ConfigError, match="a part must begin within"):
            write_report(stems, page, part=part)
    with pytest.raises(ConfigError, match="needs a folder of stems"):
        write_report(tiny_model_path, page, part=(1.0, None))
    with pytest.raises(ConfigError, match="on a page only"):
        write_report(stems, tmp_path / "a.png", part=(0.1, None))
    with pytest.raises(ConfigError, match="2 models"):
        write_report([stems, tiny_model_path], page, model=tiny_model_path)
    soundfile.write(stems / "remix.wav", sine(440, 100), RATE)
    with pytest.raises(AudioError, match="the remix should be like the stems"):
        write_report(stems, page)
    assert not page.exists()


def test_session_too_long_for_a_browser_is_refused_and_a_part_of_it_is_not(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "flute.flac", np.zeros(8_000 * 301, dtype=np.float32), 8_000)
    with pytest.raises(ConfigError, match="at most 300 s of sound and this is 301 s; choose a part"):
        write_report(tmp_path, tmp_path / "a.html")
    write_report(tmp_path, tmp_path / "a.html", part=(299.0, None))
    assert Scripts(tmp_path / "a.html").data["session"]["seconds"] == 2.0
