"""``bsep studio`` as it is typed: it opens, says where, shares when asked, and closes cleanly."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")

from bsep_stream.cli import main
from bsep_stream.errors import ConfigError
from bsep_stream.files.outputlock import locked_folder
from bsep_stream.studio.server import HERE, listening_socket, own_address

PATIENCE_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as free:
        free.bind((HERE, 0))
        return int(free.getsockname()[1])


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_opens_says_its_link_and_closes_on_ctrl_c(tmp_path: Path) -> None:
    port = free_port()
    folder = str(tmp_path / "s")
    arguments = [sys.executable, "-m", "bsep_stream", "studio", folder, "--no-browser", "--port", str(port)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        try:
            assert str(tmp_path / "s") in process.stdout.readline()
            link = process.stdout.readline().strip()
            assert link.startswith(f"http://{HERE}:{port}/?token=")
            with urllib.request.urlopen(link, timeout=PATIENCE_SECONDS) as answer:
                assert answer.status == 200
                cookie = answer.headers["Set-Cookie"].split(";")[0]
            page = urllib.request.Request(f"http://{HERE}:{port}/", headers={"Cookie": cookie})
            with urllib.request.urlopen(page, timeout=PATIENCE_SECONDS) as answer:
                assert b"bsep <b>studio</b>" in answer.read()
        finally:
            process.send_signal(signal.SIGINT)
        assert "nothing is lost" in process.communicate(timeout=PATIENCE_SECONDS)[0]
        assert process.returncode in (0, 130)


def test_a_folder_that_is_open_in_another_studio_is_refused(tmp_path: Path) -> None:
    with locked_folder(tmp_path):
        result = CliRunner().invoke(main, ["studio", str(tmp_path), "--no-browser"])
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path} is open in another studio" in result.stderr


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = CliRunner().invoke(main, ["studio", str(tmp_path / "unused"), "--no-browser", "--port", str(port)])
    assert result.exit_code == 2
    assert f"port {port} cannot be used" in result.output
    assert not (tmp_path / "unused").exists()


def test_it_listens_on_this_machine_only_unless_it_is_shared() -> None:
    with listening_socket(free_port(), share=False) as listening:
        assert listening.getsockname()[0] == HERE
    with listening_socket(free_port(), share=True) as listening:
        assert listening.getsockname()[0] == "0.0.0.0"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_shared_it_answers_at_its_own_address_and_at_no_other(tmp_path: Path) -> None:
    try:
        address = own_address()
    except ConfigError as error:
        pytest.skip(str(error))
    port = free_port()
    arguments = [sys.executable, "-m", "bsep_stream", "studio", str(tmp_path / "s"), "--no-browser", "--share"]
    with subprocess.Popen(
        [*arguments, "--port", str(port)], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            said = [process.stdout.readline() for _ in range(5)]
            link = said[3].strip()
            assert link.startswith(f"http://{address}:{port}/?token=")
            assert "█" in said[4]  # the code for a phone begins
            with urllib.request.urlopen(link, timeout=PATIENCE_SECONDS) as answer:
                cookie = answer.headers["Set-Cookie"].split(";")[0]
                assert answer.headers["Cross-Origin-Opener-Policy"] is None  # browsers complain of it there
            for host, status in ((f"{address}:{port}", 200), (f"0.0.0.0:{port}", 421), (f"else.where:{port}", 421)):
                asked = http.client.HTTPConnection(address, port, timeout=PATIENCE_SECONDS)
                asked.request("GET", "/api/sessions", headers={"Host": host, "Cookie": cookie})
                assert asked.getresponse().status == status
                asked.close()
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=PATIENCE_SECONDS)


def test_an_invitation_has_a_code_for_a_phone(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("segno")
    from bsep_stream.cli.studio import _invite

    _invite("http://192.168.1.2:8642/?token=x")
    said = capsys.readouterr().out
    assert "http://192.168.1.2:8642/?token=x" in said
    assert "not encrypted" in said
    assert said.count("\n") > 10


def test_the_server_never_imports_torch() -> None:
    code = (
        "import sys, bsep_stream.studio.server, bsep_stream.cli.studio\nassert not {'torch', 'onnx'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=PATIENCE_SECONDS)


@pytest.mark.parametrize("module", ["starlette", "uvicorn"])
def test_what_is_not_installed_is_told(module: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from bsep_stream.cli import main\n"
        f"main(['studio', {str(tmp_path)!r}, '--no-browser'])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert result.returncode == 2
    assert 'pip install "bsep-stream[studio]"' in result.stderr
