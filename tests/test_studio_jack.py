"""The stage of `bsep studio` on a real JACK server with its dummy driver. Run by `make test-live`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jackserver
import pytest

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

pytestmark = pytest.mark.servers

server = jackserver.server
PATIENCE_SECONDS = 60.0
Ask = Callable[..., Any]


@pytest.fixture
def ask(server: subprocess.Popen[bytes], tmp_path: Path, models_folder: Path) -> Iterator[Ask]:
    """Ask a studio that has a session with a model; its process finds the server through the environment."""
    session = tmp_path / "sessions" / "duet"
    session.mkdir(parents=True)
    shutil.copy(models_folder / "split_fast.onnx", session / "model.onnx")
    sources = [{"name": "flute", "tones": 1}, {"name": "oboe", "tones": 1}]
    about = {"title": "Duet", "created": 0.0, "sources": sources, "recordings": [], "minutes": None}
    (session / "session.json").write_text(json.dumps(about), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "bsep_stream", "studio", str(session.parent), "--no-browser", "--port", str(port)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            link = process.stdout.readline().strip()
            with urllib.request.urlopen(link, timeout=PATIENCE_SECONDS) as answer:
                cookie = answer.headers["Set-Cookie"].split(";")[0]

            def asking(path: str, values: Any = None) -> Any:
                body = None if values is None else json.dumps(values).encode()
                request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"Cookie": cookie})
                return urllib.request.urlopen(request, timeout=PATIENCE_SECONDS)

            yield asking
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_SECONDS)


def test_it_plays_on_jack_and_shows_its_counters(ask: Ask, tmp_path: Path) -> None:
    devices = json.load(ask("/api/live/devices"))["devices"]
    system = next(device for device in devices if device["name"].startswith("system"))
    wishes = {"do": "start", "input": system["number"], "output": system["number"], "latency": "quality"}
    assert json.load(ask("/api/sessions/duet/live", wishes))["playing"]
    json.load(ask("/api/sessions/duet/live", {"do": "move", "mute": ["flute", True], "wet": 0.5}))
    json.load(ask("/api/sessions/duet/live", {"do": "record", "on": True}))
    with ask("/api/live/events") as events:
        for line in events:  # until it has played for two seconds
            status = json.loads(line[6:]) if line.startswith(b"data: ") else {}
            if status.get("seconds", 0.0) > 2.0:
                break
    assert status["failure"] is None
    assert status["connected"]
    assert status["counters"]["hops"] > 20
    assert status["strips"]["flute"]["mute"]
    assert status["recording"]
    assert not json.load(ask("/api/sessions/duet/live", {"do": "stop"}))["playing"]
    assert {path.name for path in (tmp_path / "sessions/duet/live").glob("*/*.wav")} >= {"input.wav", "mix.wav"}
