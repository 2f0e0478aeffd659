"""The report page in headless Chromium: all players load and play in step, mute and solo act, nothing complains."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import soundfile

from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.report.overview import write_report

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: pip install selenium")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)

RATE = 48_000
N = 2 * RATE
STEMS = ("flute", "oboe", "residual")
PATIENCE_SECONDS = 30  # for a busy machine: until the page is ready, not a limit on anything that is measured
MP3_ERROR = 0.25  # of the RMS: MP3 changes such noise by 0.15; one sample out of step would be 0.5
SILENT = 1e-6

SCRIPT = """
const [flags, done] = arguments;
const { desk, renderMix } = bsep;
desk.tracks.forEach((track) => desk.set(track, { muted: false, solo: false, level: 0, ...flags[track.name] }));
renderMix(desk, 0, 0.25).then((buffer) => done(Array.from(buffer.getChannelData(0))));
"""


@pytest.fixture(scope="module")
def sounds() -> dict[str, np.ndarray]:
    """Noise of eight samples' memory, another for every stem, and a tone: what is out of step does not fit."""
    rng = np.random.default_rng(5)
    tones = np.sin(2 * np.pi * np.outer([440.0, 1000.0, 2500.0], np.arange(N) / RATE))
    noise = np.apply_along_axis(lambda x: np.convolve(x, np.ones(8) / 8, "same"), 1, rng.standard_normal((3, N)))
    stems = dict(zip(STEMS, (0.1 * noise + 0.05 * tones).astype(np.float32), strict=True))
    return {"mixture": sum(stems.values(), np.zeros(N, np.float32)), **stems, "remix": 0.5 * stems["flute"]}


@pytest.fixture(scope="module")
def browser(
    sounds: dict[str, np.ndarray], models: dict[str, SeparationModel], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("page")
    for name in (*STEMS, "remix"):
        soundfile.write(folder / f"{name}.wav", sounds[name], RATE, subtype="FLOAT")
    write_report(folder, folder / "report.html", model=models["split_fast"])
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    driver.set_script_timeout(PATIENCE_SECONDS)
    try:
        driver.execute_cdp_cmd("Network.enable", {})
        driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions",
            {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0},
        )
        driver.get((folder / "report.html").as_uri())
        wait_for(driver, "document.documentElement?.dataset.state !== undefined")
        yield driver
    finally:
        driver.quit()


def wait_for(driver: Any, condition: str) -> None:
    """Until JavaScript says so; fails when patience ends."""
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(driver, PATIENCE_SECONDS, 0.02).until(lambda d: d.execute_script(f"return {condition}"))


@pytest.fixture(autouse=True)
def fresh_desk(browser: Any) -> None:
    """As the page opens: stems at their level, mixture and remix muted, at the beginning."""
    browser.execute_script(
        "const { desk } = bsep; desk.pause(); desk.seek(0);"
        "desk.tracks.forEach((t) => desk.set(t,"
        " { solo: false, level: 0, muted: t.kind === 'mixture' || t.kind === 'remix' }))"
    )


@pytest.fixture
def heard(browser: Any) -> Callable[..., np.ndarray]:
    """The first quarter second of what the desk plays, with mutes, solos and levels per track."""
    return lambda **flags: np.array(browser.execute_async_script(SCRIPT, flags))


@pytest.fixture
def press(browser: Any) -> Callable[[str], None]:
    """Click on the control with a label; it must not be hidden by another."""
    return lambda label: browser.find_element("css selector", f'[aria-label="{label}"]').click()


def error_of(found: np.ndarray, expected: np.ndarray) -> float:
    expected = expected[: len(found)]
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


def test_all_players_load(browser: Any) -> None:
    assert browser.execute_script("return document.documentElement?.dataset.state") == "ready"
    tracks = browser.execute_script(
        "return bsep.desk.tracks.map(({name, buffer}) => [name, buffer.sampleRate, buffer.duration])"
    )
    assert [name for name, _, _ in tracks] == ["mixture", "flute", "oboe", "residual", "remix"]
    for _, rate, seconds in tracks:
        assert rate == RATE
        assert seconds == pytest.approx(N / RATE, abs=1 / RATE)


@pytest.mark.parametrize("name", ["mixture", *STEMS, "remix"])
def test_solo_of_a_track_is_that_track_to_the_sample(
    name: str, heard: Callable[..., np.ndarray], sounds: dict[str, np.ndarray]
) -> None:
    assert error_of(heard(**{name: {"solo": True}}), sounds[name]) < MP3_ERROR


def test_stems_in_step_are_the_mixture(heard: Callable[..., np.ndarray], sounds: dict[str, np.ndarray]) -> None:
    off = {"muted": True}
    assert error_of(heard(mixture=off, remix=off), sounds["mixture"]) < MP3_ERROR
    without = heard(mixture=off, remix=off, oboe=off)
    assert error_of(without, sounds["flute"] + sounds["residual"]) < MP3_ERROR
    everything = {name: off for name in sounds}
    assert np.abs(heard(**everything)).max() < SILENT


def test_levels_are_in_decibels_and_the_lowest_is_silence(
    heard: Callable[..., np.ndarray], sounds: dict[str, np.ndarray]
) -> None:
    half = 20 * np.log10(0.5)
    assert error_of(heard(flute={"solo": True, "level": half}), 0.5 * sounds["flute"]) < MP3_ERROR
    assert np.abs(heard(flute={"solo": True, "level": -48})).max() < SILENT


def test_saved_mix_is_what_is_heard(
    browser: Any, heard: Callable[..., np.ndarray], sounds: dict[str, np.ndarray]
) -> None:
    script = """
    const done = arguments[0];
    bsep.renderMix(bsep.desk, 0, 0.25).then(bsep.wavOf).then((blob) => blob.arrayBuffer())
      .then((buffer) => done(Array.from(new Uint8Array(buffer))));
    """
    heard(oboe={"solo": True})
    audio, rate = soundfile.read(io.BytesIO(bytes(browser.execute_async_script(script))))
    assert (rate, audio.shape) == (RATE, (RATE // 4,))
    assert error_of(audio, sounds["oboe"]) < MP3_ERROR


def test_buttons_and_keys_do_what_they_say(browser: Any, press: Callable[[str], None]) -> None:
    def audible() -> list[str]:
        return list(
            browser.execute_script("return bsep.desk.tracks.filter((t) => bsep.desk.audible(t)).map((t) => t.name)")
        )

    def pressed(label: str) -> str:
        return str(browser.find_element("css selector", f'[aria-label="{label}"]').get_attribute("aria-pressed"))

    def mix(name: str) -> None:
        browser.find_element("css selector", f'[data-mix="{name}"]').click()

    mix("mixture")
    assert audible() == ["mixture"]
    mix("remix")
    assert audible() == ["remix"]
    mix("stems")
    assert audible() == list(STEMS)
    press("Mute oboe")
    assert audible() == ["flute", "residual"]
    assert pressed("Mute oboe") == "true"
    press("Solo oboe")
    assert audible() == ["oboe"]
    press("Solo oboe")
    press("Mute oboe")
    assert audible() == list(STEMS)
    body = browser.find_element("css selector", "body")
    body.send_keys("2")
    assert audible() == ["flute"]
    assert pressed("Solo flute") == "true"
    body.send_keys("2")
    assert pressed("Solo flute") == "false"


def test_playing_moves_all_players_together_and_seeking_by_click(browser: Any, press: Callable[[str], None]) -> None:
    loop = browser.find_element("css selector", "input[type=checkbox]")
    loop.click()  # however slow the machine, it still plays when it is asked
    press("Play")
    wait_for(browser, "bsep.desk.position > 0.2")
    started = browser.execute_script("return bsep.desk.playing.sources.length")
    assert started == 5
    wait_for(browser, "bsep.desk.peak(1) > 0.01 && bsep.desk.peak(0) === 0")  # the flute sounds, the mixture is muted
    press("Pause")
    loop.click()
    assert browser.execute_script("return bsep.desk.playing") is None
    view = browser.find_elements("css selector", ".view")[1]
    view.click()  # in its middle
    shown = float(browser.find_element("css selector", '[aria-label="Position"]').get_property("value"))
    assert shown == pytest.approx(N / RATE / 2, abs=N / RATE / 100)
    assert browser.execute_script("return bsep.desk.position") == pytest.approx(shown, abs=0.01)
    browser.find_element("css selector", "body").send_keys(" ")
    wait_for(browser, "bsep.desk.playing === null && bsep.desk.position === 0")  # at the end it stops and rewinds


def test_spectrograms_and_pitches_are_drawn(browser: Any) -> None:
    def colours(css: str) -> int:
        return int(
            browser.execute_script(
                "const c = document.querySelector(arguments[0]);"
                "const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
                "return new Set(new Uint32Array(p.buffer)).size",
                css,
            )
        )

    for index in range(5):
        assert colours(f'[data-index="{index}"] .levels') > 20
    # The model says 58.6 Hz for the flute, which is below the picture, and 117 Hz for the oboe.
    for index, drawn in enumerate([True, False, True, False, False]):
        assert (colours(f'[data-index="{index}"] .pitches') > 2) == drawn


def test_page_fits_a_phone_and_every_control_has_a_name(browser: Any) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    tree = browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    controls = [
        node
        for node in tree
        if node.get("role", {}).get("value") in ("button", "slider", "checkbox", "image") and not node.get("ignored")
    ]
    assert len(controls) > 25
    assert not [node for node in controls if not node.get("name", {}).get("value")]


def test_nothing_complained(browser: Any) -> None:
    """Last: the log of everything that the tests before did."""
    assert browser.get_log("browser") == []
