"""A studio that is asked without a browser, with stems of a take."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

pytest.importorskip("httpx2")
pytest.importorskip("starlette")
from starlette.testclient import TestClient

from bsep_stream.studio.house import House
from bsep_stream.studio.server import make_app
from bsep_stream.studio.sessionfolder import FIRST

HOST = "127.0.0.1:8642"
TOKEN = "a token of the tests"
RATE = 16_000
N = 2 * RATE
STEMS = ("flute", "oboe", "residual")
FLAC_STEP = 1.01 / 2**15
TAKE = "/api/sessions/duet/stems/first/take"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House.at(tmp_path / "sessions")


@pytest.fixture
def stranger(house: House) -> Iterator[TestClient]:
    with TestClient(make_app(house, TOKEN, [HOST, "localhost:8642"]), base_url=f"http://{HOST}") as client:
        yield client


@pytest.fixture
def client(stranger: TestClient) -> TestClient:
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    return stranger


@pytest.fixture
def sounds(client: TestClient, house: House, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A session with stems of noise."""
    client.post("/api/sessions", json={"title": "Duet"})
    stems = {name: (0.1 * rng.standard_normal(N)).astype(np.float32) for name in STEMS}
    mixture = sum(stems.values(), np.zeros(N, np.float32))
    content = io.BytesIO()
    soundfile.write(content, mixture, RATE, format="WAV", subtype="FLOAT")
    assert client.post("/api/sessions/duet/recordings?name=take.wav", content=content.getvalue()).status_code == 201
    sources = [{"name": name, "tones": 1} for name in STEMS[:2]]
    assert client.put("/api/sessions/duet", json={"sources": sources}).status_code == 200
    folder = house.sessions.find("duet").stems(FIRST, "take")
    folder.mkdir(parents=True)
    for name, audio in stems.items():
        soundfile.write(folder / f"{name}.wav", audio, RATE, subtype="FLOAT")
    return {"mixture": mixture, **stems}


def home(client: TestClient, name: str) -> Any:
    """A file as the page takes it home: packed, then fetched."""
    packed = client.post(f"{TAKE}/home/{name}")
    assert packed.status_code == 200, packed.text
    return client.get(packed.json()["link"])


def planar(content: bytes) -> np.ndarray:
    return np.frombuffer(content, "<f4")


def error_of(answer: Any) -> str:
    assert answer.status_code == 400, answer.text
    return str(answer.json()["error"])
