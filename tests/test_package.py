"""What the distribution installs, and what the run time imports."""

import subprocess
import sys
import zipfile
from importlib.metadata import files, requires
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

CHECKOUT = Path(__file__).parent.parent


def wheel_names(folder: Path) -> list[str]:
    """Build the wheel from a copy of the checkout (a build writes into its source) and list its files."""
    pytest.importorskip("setuptools")
    for name in ("bsep_stream", "train", "export"):
        copytree(CHECKOUT / name, folder / name, ignore=ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (folder / name).write_bytes((CHECKOUT / name).read_bytes())
    code = "from setuptools import build_meta; print(build_meta.build_wheel('dist'))"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def installed_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in site-packages: of the wheel of this checkout or, outside a checkout, of what is installed."""
    if (CHECKOUT / "pyproject.toml").exists():
        return wheel_names(tmp_path_factory.mktemp("wheel"))
    return [str(path) for path in files("bsep-stream") or [] if not str(path).startswith("..")]


def test_nothing_but_the_package_lands_at_the_top(installed_names: list[str]) -> None:
    tops = {name.split("/")[0] for name in installed_names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"bsep_stream"}


@pytest.mark.parametrize(
    "name",
    [
        "bsep_stream/py.typed",
        "bsep_stream/train/__init__.py",
        "bsep_stream/train/search/session.py",
        "bsep_stream/export/__init__.py",
        "bsep_stream/cli/__init__.py",
        "bsep_stream/demo/mix.flac",
        "bsep_stream/demo/recorder.flac",
        "bsep_stream/demo/english_horn.flac",
        "bsep_stream/demo/rack.toml",
        "bsep_stream/demo/meta.json",
    ],
)
def test_wheel_holds(name: str, installed_names: list[str]) -> None:
    assert name in installed_names


def test_base_install_needs_neither_torch_nor_onnx() -> None:
    base = [line for line in requires("bsep-stream") or [] if "extra ==" not in line]
    assert base
    assert not [line for line in base if line.startswith(("torch", "onnx>", "safetensors", "sounddevice"))]


def test_run_time_never_imports_training() -> None:
    """Every module outside train and export imports with torch and onnx absent, and pulls in neither folder."""
    code = (
        "import sys, pkgutil, importlib, importlib.util\n"
        "sys.modules['torch'] = sys.modules['onnx'] = sys.modules['safetensors'] = None\n"
        "import bsep_stream\n"
        "folders = ('bsep_stream.train', 'bsep_stream.export')\n"
        "for module in pkgutil.walk_packages(bsep_stream.__path__, 'bsep_stream.', onerror=lambda name: None):\n"
        "    absent = module.name.startswith('bsep_stream.studio.') and not importlib.util.find_spec('starlette')\n"
        "    if not module.name.startswith(folders) and not absent:\n"
        "        importlib.import_module(module.name)\n"
        "assert not [name for name in sys.modules if name.startswith(folders)]\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("folder", ["train", "export"])
def test_training_and_export_without_torch_say_what_to_install(folder: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import bsep_stream.{folder}"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "MissingDependency" in result.stderr
    assert 'pip install "bsep-stream[train]"' in result.stderr
