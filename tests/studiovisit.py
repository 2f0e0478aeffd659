"""A studio that is open, a browser in it, and the recording that is taken along."""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile

import bsep_stream.demo

PATIENCE_SECONDS = 120  # for a busy machine: not a limit on anything that is measured
TOKEN = "token-of-the-tests"
WORKSHOP = Path(__file__).with_name("tinyworkshop.py")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
SECONDS = 4
"""Of the recording that is shipped: its first notes, and a fifth of the work."""

UNREACHABLE = """
return [...document.querySelectorAll('button, input, select, summary, a[href], [role=slider], [role=application]')]
  .filter((each) => each.checkVisibility() && !each.disabled && !each.matches('.ghost, .unseen') && each.tabIndex < 0)
  .map((each) => each.getAttribute('aria-label') ?? each.textContent);
"""
"""Controls that can be seen and that Tab does not come to."""


def write_duet(path: Path) -> Path:
    """A duet of :data:`SECONDS`."""
    rate = soundfile.info(bsep_stream.demo.MIX).samplerate
    soundfile.write(path, soundfile.read(bsep_stream.demo.MIX, frames=SECONDS * rate)[0], rate)
    return path


@pytest.fixture(scope="module")
def duet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording to drop, ``mix.flac``."""
    return write_duet(tmp_path_factory.mktemp("recording") / "mix.flac")


@pytest.fixture(scope="module")
def house_and_link(duet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A studio whose demo is the same duet, and its link."""
    with pytest.MonkeyPatch.context() as patch, open_studio(tmp_path_factory.mktemp("sessions")) as opened:
        patch.setattr(bsep_stream.demo, "MIX", duet)
        yield opened


@pytest.fixture(scope="module")
def house(house_and_link: tuple[Any, str]) -> Any:
    """What its pages show."""
    return house_and_link[0]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the browser puts what is taken home."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def visit(house_and_link: tuple[Any, str], downloads: Path) -> Iterator[Visit]:
    """A person who has just come in."""
    with open_browser(downloads) as driver:
        driver.get(house_and_link[1])
        visit = Visit(driver, house_and_link[1])
        visit.wait("document.documentElement?.dataset.state === 'ready'")
        yield visit


@contextmanager
def open_studio(folder: Path, port: int = 0, token: str = TOKEN) -> Iterator[tuple[Any, str]]:
    """A server in a thread, whose trainings are tiny: its house, and the link. Port 0: any that is free."""
    from bsep_stream.studio.house import House
    from bsep_stream.studio.server import HERE, listening_socket, make_app, serve
    from bsep_stream.studio.sessions import Sessions
    from bsep_stream.studio.training import Trainings

    house = House(Sessions(folder), trainings=Trainings([sys.executable, str(WORKSHOP)]))
    with listening_socket(port, False) as listening:
        port = listening.getsockname()[1]
        started, ending = threading.Event(), threading.Event()
        app = make_app(house, token, [f"{HERE}:{port}"])
        thread = threading.Thread(target=serve, args=(app, listening, started.set), kwargs={"until": ending})
        thread.start()
        try:
            assert started.wait(PATIENCE_SECONDS)
            yield house, f"http://{HERE}:{port}/?token={token}"
        finally:
            ending.set()
            thread.join(PATIENCE_SECONDS)


@contextmanager
def open_browser(downloads: Path) -> Iterator[Any]:
    """Headless Chromium that may play."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    still = ("--mute-audio", "--force-prefers-reduced-motion")
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *still):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    driver.set_script_timeout(PATIENCE_SECONDS)
    driver.set_window_size(1380, 900)
    try:
        yield driver
    finally:
        driver.quit()


class Visit:
    """What a person does: look, press, choose, wait."""

    def __init__(self, driver: Any, link: str) -> None:
        self.driver, self.link = driver, link

    def run(self, script: str, *values: Any) -> Any:
        """A script in the page."""
        return self.driver.execute_script(script, *values)

    def run_async(self, script: str, *values: Any) -> Any:
        """A script whose last argument is to be called with its answer."""
        return self.driver.execute_async_script(script, *values)

    def wait(self, condition: str) -> None:
        """Until JavaScript says so."""
        from selenium.common.exceptions import TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        try:
            WebDriverWait(self.driver, PATIENCE_SECONDS, 0.03).until(lambda d: d.execute_script(f"return {condition}"))
        except TimeoutException:
            seen = self.run("return document.body.innerText.slice(0, 1500)")
            raise AssertionError(f"waited in vain for {condition}; the page says: {seen}") from None

    def find(self, css: str) -> Any:
        """The first element, once it is there."""
        self.wait(f"document.querySelector({css!r}) !== null")
        return self.driver.find_element("css selector", css)

    def press(self, css: str) -> None:
        """Click; it must not be hidden by another."""
        element = self.find(css)
        self.run("arguments[0].scrollIntoView({ block: 'center' })", element)
        element.click()

    def choose(self, css: str, value: str) -> None:
        """An entry of a menu."""
        from selenium.webdriver.support.ui import Select

        Select(self.find(css)).select_by_value(value)

    def go(self, session: str, tab: str) -> None:
        """To a room of a session."""
        self.run("location.hash = arguments[0]", f"#/{session}/{tab}")
        self.wait(f"document.getElementById('panel')?.dataset.ready === '{tab}' && studio.store.name === '{session}'")

    def drop(self, path: Path) -> None:
        """Drop a recording in the lobby: a session of its name."""
        self.driver.find_element("css selector", ".drop input").send_keys(str(path))
        ready = "document.getElementById('panel')?.dataset.ready === 'session'"
        self.wait(f"location.hash === '#/{path.stem}/session' && {ready}")

    def names_of_controls(self) -> list[Any]:
        """As a screen reader has them."""
        tree = self.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
        roles = ("button", "slider", "checkbox", "combobox", "textbox", "image", "link", "tab")
        nodes = [node for node in tree if node.get("role", {}).get("value") in roles and not node.get("ignored")]
        return [node.get("name", {}).get("value") for node in nodes]
