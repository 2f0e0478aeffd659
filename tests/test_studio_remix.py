"""The remix of the studio: its segments are those of the whole, sliders have no seam, racks are kept."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("httpx2")
pytest.importorskip("starlette")
import studioclient
from starlette.testclient import TestClient
from studioclient import RATE, TAKE, error_of, home, planar

from bsep_stream.effects.rack import load_rack
from bsep_stream.studio.house import House

house = studioclient.house
stranger = studioclient.stranger
client = studioclient.client
sounds = studioclient.sounds


def segments(client: TestClient, start: int, sizes: list[int], desk: str = "one") -> np.ndarray:
    parts = []
    for n in sizes:
        answer = client.get(f"{TAKE}/remix?desk={desk}&start={start}&n={n}")
        assert answer.status_code == 200, answer.text
        parts.append(planar(answer.content))
        start += n
    return np.concatenate(parts)


def test_segments_of_the_remix_are_the_remix(client: TestClient, sounds: dict[str, np.ndarray], house: House) -> None:
    rack = {
        "stems": {
            "flute": {"effects": [{"type": "Reverb", "room_size": 0.6}], "gain_db": -6.0},
            "oboe": {"effects": [{"type": "Delay", "delay_seconds": 0.05}]},
            "residual": {"mute": True},
        },
        "master": {"effects": [{"type": "BrickwallLimiter", "lookahead_ms": 5.0}]},
    }
    assert client.put("/api/sessions/duet/rack", json={"rack": rack}).status_code == 200
    whole, _ = soundfile.read(io.BytesIO(home(client, "remix.wav").content), dtype="float32")
    heard = segments(client, 0, [1, 2399, 2400, 7, 9000])
    assert np.abs(heard - whole[: len(heard)]).max() < 1e-6
    # What does not begin at the start has heard a second of what comes before, or all of it.
    later = segments(client, RATE // 2, [2000, 2000], "two")
    assert np.abs(later - whole[RATE // 2 : RATE // 2 + 4000]).max() < 1e-6
    loaded = load_rack(house.sessions.find("duet").rack)  # what the commands read
    assert loaded.stems["flute"].gain_db == -6.0


def test_a_slider_is_heard_without_a_seam(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    def rack(**parameters: float) -> dict[str, Any]:
        effects = [{"type": "LowpassFilter", **parameters}]
        return {"rack": {"stems": {"flute": {"effects": effects, "solo": True}}}}

    client.put("/api/sessions/duet/rack", json=rack(cutoff_frequency_hz=8000.0))
    bright = segments(client, 0, [4000])
    client.put("/api/sessions/duet/rack", json=rack(cutoff_frequency_hz=100.0))
    dark = segments(client, 4000, [4000])
    assert np.std(dark[1000:]) < 0.3 * np.std(bright)
    client.put("/api/sessions/duet/rack", json={"rack": {"stems": {"flute": {"solo": True}}}})  # the effect goes
    plain = segments(client, 8000, [4000])
    fade = round(0.03 * RATE)
    assert np.abs(plain[fade:] - sounds["flute"][8000 + fade : 12000]).max() < 1e-6
    assert abs(plain[0] - dark[-1]) < 0.05  # it fades in


@pytest.mark.parametrize(
    ("rack", "sentence"),
    [
        ({"stems": {"flute": {"effects": [{"type": "VST3", "path": "/bin/evil.vst3"}]}}}, "VST3"),
        ({"stems": {"flute": {"effects": [{"type": "Convolution", "mix": 0.5}]}}}, "Convolution"),
        ({"stems": {"flute": {"effects": [{"type": "Nonsense"}]}}}, "no effect"),
        ({"stems": {"nobody": {}}}, "no such stem"),
        ({"stems": {"flute": {"gain_db": 1e9}}}, "gain_db"),
        (None, "A rack is a table"),
    ],
)
def test_racks_that_make_no_sense_are_refused_and_the_old_one_stays(
    client: TestClient, sounds: dict[str, np.ndarray], rack: object, sentence: str
) -> None:
    before = client.get("/api/sessions/duet/rack").json()["rack"]
    assert sentence in error_of(client.put("/api/sessions/duet/rack", json={"rack": rack}))
    assert client.get("/api/sessions/duet/rack").json()["rack"] == before


def test_racks_are_saved_and_loaded_as_toml(client: TestClient, sounds: dict[str, np.ndarray], house: House) -> None:
    rack = {"stems": {"oboe": {"effects": [{"type": "Chorus", "depth": 0.5}]}}}
    kept = client.put("/api/sessions/duet/rack", json={"rack": rack, "save": "../My <rack>"}).json()["name"]
    assert kept == "My _rack_"
    assert load_rack(house.sessions.find("duet").racks / "My _rack_.toml").stems["oboe"].effects[0].type == "Chorus"
    client.put("/api/sessions/duet/rack", json={"load": ["shipped", "hall"]})
    assert client.get("/api/sessions/duet/rack").json()["rack"]["stems"]["flute"]["effects"]
    loaded = client.put("/api/sessions/duet/rack", json={"load": ["own", kept]}).json()
    assert loaded["rack"]["stems"]["oboe"]["effects"] == [{"type": "Chorus", "depth": 0.5}]
    assert "not valid TOML" in error_of(client.put("/api/sessions/duet/rack", json={"toml": "]["}))
    for wanted in (["own", "../../x"], ["shipped", ""], ["etc", "passwd"], "own"):
        assert "no such rack" in error_of(client.put("/api/sessions/duet/rack", json={"load": wanted}))


def test_every_effect_runs_with_what_its_sliders_say(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    for effect in client.get("/api/effects").json():
        for end in ("low", "high", "default"):
            values = {p["name"]: p.get(end, p["default"]) for p in effect["parameters"]}
            rack = {"stems": {"flute": {"effects": [{"type": effect["type"], **values}]}}}
            assert client.put("/api/sessions/duet/rack", json={"rack": rack}).status_code == 200, effect["type"]
