"""What a notebook shows: every stem to be heard, no scripts, no addresses, a bounded size, and nothing wrong."""

from __future__ import annotations

import base64
import copy
import io
import pickle
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from bsep_stream import SeparationModel, separate
from bsep_stream.files.stems import Stems
from bsep_stream.report import notebook

RATE = 48_000
NAMES = ("flute", "oboe", "residual")
MP3_ERROR = 0.02  # of the peak; the page's tests know the codec more closely
NOISE_BYTES_PER_SECOND = 40_000  # of a channel, as text: MP3 spends most on noise, and this bounds the size of a card


class Card(HTMLParser):
    """Sounds by label, pictures, and all tags."""

    def __init__(self, html: str | None) -> None:
        super().__init__()
        assert html is not None
        self.tags: list[str] = []
        self.open: list[str] = []
        self.sounds: dict[str, np.ndarray] = {}
        self.pictures: list[bytes] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "img":
            self.open.append(tag)
        known = dict(attrs)
        if tag in ("audio", "img"):
            source = known["src"]
            assert source is not None
            content = base64.b64decode(source.partition(";base64,")[2], validate=True)
            if tag == "img":
                self.pictures.append(content)
            else:
                self.sounds[str(known["aria-label"])] = soundfile.read(io.BytesIO(content), always_2d=True)[0].T

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def tones(n: int, channels: int = 1) -> np.ndarray:
    """A sine for every stem, different in level."""
    time = np.arange(n) / RATE
    sines = [0.4 * np.sin(2 * np.pi * 440 * time), 0.2 * np.sin(2 * np.pi * 990 * time), np.zeros(n)]
    return np.repeat(np.stack(sines)[:, None], channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
def test_every_stem_and_the_mixture_can_be_heard_and_seen(channels: int) -> None:
    audio = tones(RATE, channels)
    html = Stems.of(audio.copy(), NAMES, RATE)._repr_html_()
    card = Card(html)
    expected = {"mixture": audio.sum(axis=0), **dict(zip(NAMES, audio, strict=True))}
    assert list(card.sounds) == list(expected)
    for name, sound in card.sounds.items():
        assert sound.shape == expected[name].shape
        assert np.abs(sound - expected[name])[:, 2000:-2000].max() < MP3_ERROR  # its edges ring
    assert len(card.pictures) == notebook.PICTURES
    assert all(picture.startswith(b"\x89PNG") for picture in card.pictures)
    assert "script" not in card.tags
    assert html is not None
    assert not re.search(r"(?:https?:)?//[a-z]", re.sub(r'src="data:[^"]*"', "", html))
    assert "48000 Hz, 0:01.0" in card.text
    assert "the first" not in card.text


def test_names_cannot_break_out() -> None:
    card = Card(Stems.of(tones(4800), ("<script>alert(1)</script>", 'a"b', "residual"), RATE)._repr_html_())
    assert "script" not in card.tags
    assert "<script>alert(1)</script>" in card.sounds


def test_loud_stems_are_scaled_together() -> None:
    card = Card(Stems.of(4.0 * tones(RATE), NAMES, RATE)._repr_html_())
    peaks = {name: np.abs(sound[:, 2000:-2000]).max() for name, sound in card.sounds.items()}
    assert peaks["mixture"] <= 1.0 + MP3_ERROR
    assert peaks["flute"] / peaks["oboe"] == pytest.approx(2.0, rel=3 * MP3_ERROR)


def test_size_does_not_grow_with_the_recording(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    monkeypatch.setattr(notebook, "MOST_SOUND_SECONDS", 8.0)
    noise = (0.1 * rng.standard_normal((3, 1, 6 * RATE))).astype(np.float32)
    html = Stems.of(noise, NAMES, RATE)._repr_html_()
    card = Card(html)
    assert {sound.shape for sound in card.sounds.values()} == {(1, 2 * RATE)}
    assert "0:06.0, here the first 0:02.0" in card.text
    sounds = len(re.findall(r'src="data:audio[^"]*"', html or "")[0])
    assert sounds < NOISE_BYTES_PER_SECOND * 2.0
    assert NOISE_BYTES_PER_SECOND * 240.0 < 10e6  # so a card is below 10 MB, whatever it shows
    monkeypatch.setattr(notebook, "MOST_SECONDS", 0.5)
    assert "here the first 0:00.5" in Card(Stems.of(noise, NAMES, RATE)._repr_html_()).text


def test_stems_without_residual_are_not_called_a_mixture() -> None:
    card = Card(Stems.of(tones(4800)[:2], NAMES[:2], RATE)._repr_html_())
    assert next(iter(card.sounds)) == "sum of the stems"


@pytest.mark.parametrize("n", [0, 1, 100])
def test_next_to_no_sound(n: int) -> None:
    card = Card(Stems.of(tones(n), NAMES, RATE)._repr_html_())
    assert len(card.sounds) == (4 if n else 0)


def test_separate_knows_what_it_returns(tiny_model: SeparationModel, rng: np.random.Generator) -> None:
    audio = (0.1 * rng.standard_normal((2, 3000))).astype(np.float32)
    stems = separate(tiny_model, audio, 44_100)
    assert (stems.stem_names, stems.sample_rate) == ((*tiny_model.source_names, "residual"), 44_100)
    assert stems.shape == (3, 2, 3000)
    assert list(Card(stems._repr_html_()).sounds) == ["mixture", *stems.stem_names]


def test_what_is_computed_from_stems_is_an_array_like_any_other(rng: np.random.Generator) -> None:
    """Its names could be wrong."""
    stems = Stems.of(rng.standard_normal((3, 1, 50)).astype(np.float32), NAMES, RATE)
    flute, _, _ = stems
    parts = (flute, stems[::-1], stems[..., ::2], 2 * stems, stems.sum(axis=0), copy.deepcopy(stems))
    for part in (*parts, pickle.loads(pickle.dumps(stems))):
        assert part._repr_html_() is None
    assert stems.stem_names == NAMES
    assert np.array_equal(2 * stems, 2 * np.asarray(stems))
    assert type(np.asarray(stems)) is np.ndarray


def test_without_matplotlib_there_are_players_and_facts(
    tiny_model: SeparationModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebook, "PICTURES", False)
    card = Card(Stems.of(tones(4800), NAMES, RATE)._repr_html_())
    assert (len(card.sounds), card.pictures) == (4, [])
    assert Card(tiny_model._repr_html_()).pictures == []


def test_model_shows_its_sources_and_their_harmonics(tiny_model: SeparationModel) -> None:
    card = Card(tiny_model._repr_html_())
    assert ", ".join(tiny_model.source_names) in card.text
    assert "512 samples every 64, at 48000 Hz" in card.text
    assert "latency511 samples, 10.6 ms" in card.text
    assert tiny_model.path.name in card.text
    assert len(card.pictures) == notebook.PICTURES
    assert "script" not in card.tags
