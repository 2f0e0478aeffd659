"""The studio's server: who is let in, what is refused, and what comes out; without a browser."""

from __future__ import annotations

import errno
import io
import re
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile

pytest.importorskip("httpx2")
pytest.importorskip("starlette")
import studioclient
from starlette.testclient import TestClient
from studioclient import FLAC_STEP, HOST, RATE, STEMS, TAKE, TOKEN, N, error_of, home, planar

from bsep_stream.studio.house import House

house = studioclient.house
stranger = studioclient.stranger
client = studioclient.client
sounds = studioclient.sounds


def test_only_the_link_lets_in(stranger: TestClient) -> None:
    for path in ("/", "/?token=wrong", "/api/sessions", "/page/app.js", "/api/live/devices"):
        assert stranger.get(path).status_code == 403
    assert stranger.post("/api/sessions", json={"title": "x"}).status_code == 403
    answer = stranger.get("/", params={"token": TOKEN})
    assert 'content="0;url=/"' in answer.text  # the token does not stay in the address
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert stranger.get("/api/sessions").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8642", "127.0.0.1", "127.0.0.1:80", ""])
def test_another_name_of_this_machine_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/api/sessions", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1:8642", "http://127.0.0.1:3000", "null"])
def test_another_page_is_refused(client: TestClient, origin: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert client.request(method, "/api/sessions", headers={"Origin": origin}).status_code == 403
    assert client.get("/api/sessions", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/api/sessions", headers={"Origin": f"http://{HOST}"}).status_code == 200


def test_every_icon_that_a_browser_asks_for_is_there(client: TestClient, stranger: TestClient) -> None:
    welcome = stranger.get("/", params={"token": TOKEN}).text
    for page in (welcome, client.get("/").text):
        (address,) = re.findall(r'<link rel="icon" href="([^"]+)"', page)
        assert client.get(address).headers["content-type"] == "image/svg+xml"
    assert client.get("/favicon.ico").headers["content-type"] == "image/svg+xml"  # beside what is no page


def test_no_code_from_elsewhere_may_run(client: TestClient) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "http://" not in answer.text.replace("http://www.w3.org", "")
    assert "https://" not in answer.text


@pytest.mark.parametrize("name", ["..%2fserver.py", "server.py", "%2e%2e/__init__.py", ".hidden.js", "..%5cserver.py"])
def test_assets_are_those_of_the_page(client: TestClient, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404


def test_every_module_of_the_page_is_served(client: TestClient) -> None:
    seen, waiting = set(), {"/page/app.js"}
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"].startswith("text/javascript")
        found = {piece.split('"')[0] for piece in answer.text.split('"/page/')[1:]}
        waiting |= {f"/page/{name}" for name in found if name.endswith(".js")} - seen
    assert len(seen) > 20


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("x.wav", b"", "0 bytes"),
        ("x.wav", b"no sound at all", "cannot be read as audio"),
        ("../../x", b"RIFF", "cannot be read as audio"),
        ("", b"RIFF", "cannot be the name of a file"),
        ("%00", b"RIFF", "cannot be"),
    ],
)
def test_hostile_files_are_refused_and_leave_nothing(
    client: TestClient, house: House, name: str, content: bytes, sentence: str
) -> None:
    client.post("/api/sessions", json={"title": "x"})
    answer = client.post(f"/api/sessions/x/recordings?name={name}", content=content)
    assert sentence in error_of(answer)
    assert str(house.sessions.folder) not in answer.text
    assert client.get("/api/sessions/x").json()["takes"] == []
    assert not [path for path in house.sessions.folder.rglob("*") if path.is_file() and path.name != "session.json"]


def test_uploads_are_bounded(client: TestClient, house: House) -> None:
    house.largest_upload = 1000
    client.post("/api/sessions", json={"title": "x"})
    assert "A recording may have" in error_of(
        client.post("/api/sessions/x/recordings?name=a.wav", content=bytes(2000))
    )  # as announced

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield bytes(100)

    assert "A recording may have" in error_of(
        client.post("/api/sessions/x/recordings?name=a.wav", content=pieces())
    )  # as it comes
    assert not list(house.sessions.folder.rglob("*.wav"))


def test_hostile_titles_are_only_words(client: TestClient) -> None:
    title = "<img src=x onerror=alert(1)>"
    name = client.post("/api/sessions", json={"title": title}).json()["name"]
    assert name == "img-src-x-onerror-alert-1"
    answer = client.get(f"/api/sessions/{name}")
    assert answer.json()["title"] == title
    assert answer.headers["content-type"] == "application/json"
    for bad in ("", " ", "x" * 200, None, 3):
        assert "title" in error_of(client.put(f"/api/sessions/{name}", json={"title": bad}))


def test_tracks_arrive_to_the_sample(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    desk = client.get(TAKE).json()
    assert [track["name"] for track in desk["tracks"]] == ["mixture", *STEMS]
    for name, expected in sounds.items():
        content = client.get(f"{TAKE}/sound/{name}?start=700&n={N}").content
        audio, rate = soundfile.read(io.BytesIO(content), dtype="float32")
        assert rate == RATE
        assert len(audio) == N - 700
        assert np.abs(audio - expected[700:]).max() < FLAC_STEP
    part = planar(client.get(f"{TAKE}/samples/flute?start=1000&n=500").content)
    assert np.array_equal(part, sounds["flute"][1000:1500])
    for query in ("start=-1&n=5", "start=0&n=0", "start=x&n=5", f"start={N}&n=5", "n=5"):
        error_of(client.get(f"{TAKE}/samples/flute?{query}"))
    error_of(client.get(f"{TAKE}/sound/nobody?start=0&n=5"))


def test_everything_is_taken_home(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    names = client.get(f"{TAKE}/home").json()["names"]
    for audio_format, error in (("wav", 1e-9), ("flac", FLAC_STEP), ("mp3", 0.06)):
        answer = home(client, f"flute.{audio_format}")
        audio, _ = soundfile.read(io.BytesIO(answer.content), dtype="float32")
        assert len(audio) == N
        assert np.abs(audio - sounds["flute"]).std() < error
        assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''duet-flute.{audio_format}"
    archive = zipfile.ZipFile(io.BytesIO(home(client, "all.zip?format=flac").content))
    assert archive.testzip() is None
    assert {f"duet/{name.replace('.wav', '.flac')}" for name in names} == set(archive.namelist())
    for name in ("nobody.wav", "session.json", "..%2fsession.json", "model.onnx"):
        assert client.post(f"{TAKE}/home/{name}").status_code in (400, 404)


def test_a_parcel_is_fetched_once_and_leaves_nothing(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    from bsep_stream.studio.parcels import MOST_WAITING

    links = [client.post(f"{TAKE}/home/rack.toml").json()["link"] for _ in range(2)]
    assert client.get(links[0]).status_code == 200
    assert "fetched already" in error_of(client.get(links[0]))
    for _ in range(MOST_WAITING):
        client.post(f"{TAKE}/home/rack.toml")
    assert "ask for it again" in error_of(client.get(links[1]))  # nobody came for it


def test_a_full_disk_is_said_and_loses_nothing(
    client: TestClient, sounds: dict[str, np.ndarray], house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bsep_stream.studio import parcels, sessionfolder

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = client.get("/api/sessions/duet").json()
    with monkeypatch.context() as patch:
        patch.setattr(parcels, "write_rack", full)
        patch.setattr(sessionfolder.Path, "write_text", full)
        answers = [
            client.post(f"{TAKE}/home/rack.toml"),
            client.put("/api/sessions/duet", json={"title": "Other"}),
            client.post("/api/sessions", json={"title": "Third"}),
        ]
    for answer in answers:
        assert answer.status_code == 507
        assert "The disk is full; nothing that was there is lost" in answer.json()["error"]
    assert client.get("/api/sessions/duet").json() == before
    assert [path.name for path in house.sessions.folder.iterdir()] == ["duet"]


def test_what_is_not_there_is_said(client: TestClient, sounds: dict[str, np.ndarray]) -> None:
    assert "no session" in error_of(client.get("/api/sessions/nobody"))
    assert "no stems" in error_of(client.get(TAKE.replace("first", "learned")))
    assert "no such recording" in error_of(client.get(TAKE.replace("take", "other")))
    assert "not being trained" in error_of(client.post("/api/sessions/duet/training", json={"do": "pause"}))
    assert "not 'dance'" in error_of(client.post("/api/sessions/duet/training", json={"do": "dance"}))
    assert "no model yet" in error_of(client.post("/api/sessions/duet/live", json={"do": "start"}))
    assert "JSON" in error_of(client.post("/api/sessions/duet/training", content=b"{"))
    client.post("/api/sessions", json={"title": "Empty"})
    assert "recording first" in error_of(client.post("/api/sessions/empty/training", json={"do": "start"}))
