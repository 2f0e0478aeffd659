"""Many recordings at once: the same files however they are made, and a bad recording harms no other."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from bsep_stream.cli import main
from bsep_stream.effects.rack import rack_from_dict
from bsep_stream.errors import AudioError, ConfigError
from bsep_stream.files import recordings as recordings_module
from bsep_stream.files.audiofile import read_recording
from bsep_stream.files.recordings import separate_files
from bsep_stream.files.separation import separate_file
from bsep_stream.model.separation_model import SeparationModel


@pytest.fixture
def takes(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Two that are good and, between them, one that is not."""
    paths = [tmp_path / name for name in ("first.wav", "bad.wav", "last.flac")]
    soundfile.write(paths[0], 0.1 * rng.standard_normal((8_000, 2)), 44_100, subtype="FLOAT")
    soundfile.write(paths[1], np.full(100, np.nan), 48_000, subtype="FLOAT")
    soundfile.write(paths[2], 0.1 * rng.standard_normal((5_000, 1)), 48_000)
    return paths


def bsep(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["separate", *map(str, arguments)])


def sounds(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Every file below a folder, by its path there; samples, as the header of a WAV holds the time of its making."""
    return {str(path.relative_to(folder)): read_recording(path)[0] for path in sorted(folder.rglob("*.*"))}


def test_same_files_with_jobs_and_on_a_cluster(tiny_model: SeparationModel, takes: list[Path], tmp_path: Path) -> None:
    rack = rack_from_dict({"stems": {"flute": {"gain_db": -6.0, "effects": [{"type": "Reverb"}]}}})
    for name, recording in (("first", takes[0]), ("last", takes[2])):
        separate_file(tiny_model, recording, tmp_path / "one" / name, rack=rack, output="direct")
    expected = sounds(tmp_path / "one")
    assert len(expected) == 8

    def made(folder: str, **how: Any) -> None:
        output = tmp_path / folder
        ended = list(separate_files(tiny_model, takes, output, rack=rack, output="direct", **how))
        assert {each.recording.name: each.status for each in ended} == {
            "first.wav": "separated",
            "bad.wav": "failed",
            "last.flac": "separated",
        }
        assert all(path.exists() for each in ended if each.separated for path in each.paths.values())
        found = sounds(output)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], expected[name]) for name in expected)

    made("alone")
    made("jobs", workers=2)
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        made("cluster", scheduler=cluster.scheduler_address)


@pytest.mark.parametrize("jobs", [1, 2])
def test_line_for_each_and_a_summary(tiny_model_path: Path, takes: list[Path], tmp_path: Path, jobs: int) -> None:
    result = bsep(tiny_model_path, *takes, "--output", tmp_path / "out", "--jobs", jobs)
    assert result.exit_code == 1
    stems = "(flute.wav, oboe.wav, residual.wav)"
    assert sorted(result.stdout.splitlines()) == [
        f"{takes[0]}: {tmp_path}/out/first {stems}",
        f"{takes[2]}: {tmp_path}/out/last {stems}",
    ]
    assert f"{takes[1]} holds NaN or Inf" in result.stderr
    assert "2 separated, 1 failed\n" in result.stderr
    assert f"next: bsep report {tmp_path}/out/" in result.stderr


def test_resume_leaves_out_what_is_there_and_says_so(tiny_model_path: Path, takes: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    bsep(tiny_model_path, *takes, "--output", out)
    (out / "last" / "oboe.wav").unlink()  # as if the machine had stopped between two of them
    first = out / "first" / "flute.wav"
    before = first.stat().st_mtime_ns
    refused = bsep(tiny_model_path, takes[0], takes[2], "--output", out)
    assert (refused.exit_code, "--overwrite" in refused.stderr) == (2, True)
    result = bsep(tiny_model_path, takes[0], takes[2], "--output", out, "--resume")
    assert result.exit_code == 0, result.output
    assert f"{takes[0]}: skipped, {out / 'first'} has its files" in result.stdout
    assert "1 separated, 1 skipped" in result.stderr
    assert first.stat().st_mtime_ns == before
    assert (out / "last" / "oboe.wav").exists()


def test_summary_as_json(tiny_model_path: Path, takes: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    bsep(tiny_model_path, takes[2], takes[0], "--output", out)
    (out / "last" / "oboe.wav").unlink()
    result = bsep(tiny_model_path, *takes, "--output", out, "--resume", "--json")
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    assert values["counts"] == {"skipped": 1, "separated": 1, "failed": 1}
    files = {Path(each["recording"]).name: each for each in values["files"]}
    assert files["first.wav"]["status"] == "skipped"
    assert "NaN" in files["bad.wav"]["error"]
    assert files["last.flac"]["stems"]["oboe"] == str(out / "last" / "oboe.wav")
    assert files["last.flac"]["n_samples"] == 5_000


def test_one_recording_answers_in_json_too(tiny_model_path: Path, takes: list[Path], tmp_path: Path) -> None:
    good = bsep(tiny_model_path, takes[0], "--output", tmp_path / "out", "--json")
    assert json.loads(good.stdout)["files"][0]["stems"]["flute"] == str(tmp_path / "out" / "flute.wav")
    bad = bsep(tiny_model_path, takes[1], "--output", tmp_path / "other", "--json")
    assert (bad.exit_code, json.loads(bad.stdout)["counts"]) == (1, {"failed": 1})


@pytest.mark.parametrize("problem", ["rack", "exists", "twice", "jobs"])
def test_what_can_be_refused_is_refused_before_any_work(
    tiny_model: SeparationModel, takes: list[Path], tmp_path: Path, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_module, "run_jobs", lambda *_, **__: pytest.fail("work has begun"))
    how: dict[str, Any] = {}
    if problem == "rack":
        how["rack"] = rack_from_dict({"stems": {"tuba": {"gain_db": 1.0}}})
    elif problem == "exists":
        (tmp_path / "out" / "last").mkdir(parents=True)
        (tmp_path / "out" / "last" / "oboe.wav").touch()
    elif problem == "twice":
        takes = [*takes, takes[0]]
    else:
        how["workers"] = 0
    with pytest.raises((AudioError, ConfigError)):
        separate_files(tiny_model, takes, tmp_path / "out", **how)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
@pytest.mark.parametrize(("jobs", "sign"), [(1, signal.SIGINT), (2, signal.SIGINT), (2, signal.SIGTERM)])
def test_ctrl_c_keeps_what_is_finished_and_nothing_else(
    tiny_model_path: Path, takes: list[Path], tmp_path: Path, jobs: int, sign: signal.Signals
) -> None:
    """The signal comes when the first file is finished; another one takes for ever."""
    out, endless = tmp_path / "out", tmp_path / "endless.wav"
    os.mkfifo(tmp_path / "begun")
    soundfile.write(endless, np.zeros(1_000), 48_000)
    code = (
        "import sys, os, signal, threading\n"
        "from pathlib import Path\n"
        "from bsep_stream.files import separation\n"
        "blocks = separation.Recording.blocks\n"
        f"begun = Path({str(tmp_path / 'begun')!r})\n"
        "def stuck(recording):\n"
        "    yield from blocks(recording)\n"
        "    if recording.path.name == 'endless.wav':\n"
        "        begun.write_text('')\n"
        "        threading.Event().wait()\n"
        "separation.Recording.blocks = stuck\n"
        "if __name__ == '__main__':\n"
        "    from bsep_stream.cli import main\n"
        "    main()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), "separate", str(tiny_model_path), str(takes[2]), str(endless)]
    with subprocess.Popen(
        [*command, "--output", str(out), "--jobs", str(jobs)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        (tmp_path / "begun").read_text()
        assert child.stdout.readline().startswith(str(takes[2]))
        child.send_signal(sign)
        told = child.stderr.read()
    assert child.returncode == 130
    assert "1 separated; the same command with --resume goes on" in told
    assert "Traceback" not in told
    left = sorted(path.name for path in out.rglob("*") if path.is_file())
    assert left == ["flute.wav", "oboe.wav", "residual.wav"]
    assert not (out / "endless").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_name_that_is_no_text_is_a_name(tiny_model_path: Path, takes: list[Path], tmp_path: Path) -> None:
    odd = takes[0].rename(tmp_path / os.fsdecode(b"\xff[red].wav"))
    result = bsep(tiny_model_path, odd, takes[2], "--output", tmp_path / "out")
    assert result.exit_code == 0
    assert "2 separated" in result.stderr
    assert len(sounds(tmp_path / "out")) == 6
