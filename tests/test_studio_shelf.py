"""Recordings that lie in the folder of the studio: listed, bounded, picked, and nothing beyond the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("httpx2")
pytest.importorskip("starlette")
from starlette.testclient import TestClient

from bsep_stream.studio import shelf
from bsep_stream.studio.house import House
from bsep_stream.studio.server import make_app

HOST, TOKEN, RATE = "127.0.0.1:8642", "token", 8_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With recordings at two depths, a session, and what is no business of the studio."""
    folder = tmp_path / "bsep"
    (folder / "concert" / "first evening").mkdir(parents=True)
    (folder / ".cache").mkdir()
    for place in ("duet.wav", "concert/first evening/Trio.FLAC", ".cache/hidden.wav"):
        soundfile.write(folder / place, np.full(2 * RATE, 0.1), RATE, format=place[-4:].lstrip(".").upper())
    soundfile.write(tmp_path / "elsewhere.wav", np.full(RATE, 0.1), RATE)
    (folder / "words.txt").write_text("no sound")
    return folder


@pytest.fixture
def client(folder: Path) -> Iterator[TestClient]:
    with TestClient(make_app(House.at(folder), TOKEN, [HOST]), base_url=f"http://{HOST}") as client:
        client.get("/", params={"token": TOKEN})
        client.post("/api/sessions", json={"title": "duet"})
        yield client


def pick(client: TestClient, name: str) -> tuple[int, str]:
    answer = client.post("/api/sessions/duet/recordings", params={"pick": name})
    return answer.status_code, answer.text


def test_recordings_of_the_folder_are_listed_and_picked(client: TestClient, folder: Path) -> None:
    rows = client.get("/api/shelf").json()["recordings"]
    assert {row["path"] for row in rows} == {"duet.wav", "concert/first evening/Trio.FLAC"}
    assert pick(client, "concert/first evening/Trio.FLAC")[0] == 201
    assert [take["file"] for take in client.get("/api/sessions/duet").json()["takes"]] == ["Trio.FLAC"]
    kept = folder / "duet/recordings/Trio.FLAC"
    assert kept.read_bytes() == (folder / "concert/first evening/Trio.FLAC").read_bytes()  # a copy
    assert len(client.get("/api/shelf").json()["recordings"]) == 2  # those of sessions are not listed


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "nothing.wav", "../elsewhere.wav", "/etc/passwd", ".cache/hidden.wav", "words.txt", "concert"),
        *("concert/../duet.wav", "duet/recordings/x.wav", "duet.wav\x00"),
    ],
)
def test_nothing_else_can_be_picked(client: TestClient, name: str) -> None:
    status, text = pick(client, name)
    assert status == 400
    assert "no such recording" in text


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_are_not_followed(client: TestClient, folder: Path) -> None:
    (folder / "link.wav").symlink_to(folder.parent / "elsewhere.wav")
    (folder / "way_out").symlink_to(folder.parent)
    assert len(client.get("/api/shelf").json()["recordings"]) == 2
    assert pick(client, "link.wav")[0] == pick(client, "way_out/elsewhere.wav")[0] == 400


def test_a_long_list_ends_and_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not shelf.shelf_of(folder)["more"]
    monkeypatch.setattr(shelf, "MOST_RECORDINGS", 1)
    assert shelf.shelf_of(folder)["more"]
    monkeypatch.setattr(shelf, "MOST_RECORDINGS", 200)
    monkeypatch.setattr(shelf, "MOST_LOOKED_AT", 1)
    assert shelf.shelf_of(folder)["more"]


def test_a_file_that_is_no_sound_leaves_nothing(client: TestClient, folder: Path) -> None:
    (folder / "noise.wav").write_text("no sound at all")
    status, text = pick(client, "noise.wav")
    assert status == 400
    assert "cannot be read as audio" in text
    assert str(folder) not in text
    assert not list((folder / "duet").rglob("*.wav"))
