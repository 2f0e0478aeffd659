"""Sessions beside each other in headless Chromium, and their rooms: two tabs, exchanged and hostile names, a phone.

The tests of this file are one visit, in their order.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import studiovisit
from studiovisit import CHROMIUM, DRIVER, UNREACHABLE, Visit

for module in ("torch", "onnx", "safetensors", "starlette", "uvicorn", "tomli_w"):
    pytest.importorskip(module)

from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.studio.house import House

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)

duet, house_and_link, house = studiovisit.duet, studiovisit.house_and_link, studiovisit.house
downloads, visit = studiovisit.downloads, studiovisit.visit

DUET = "mix"


def test_two_sessions_side_by_side(visit: Visit, house: House, duet: Path) -> None:
    visit.drop(duet)
    first = visit.driver.current_window_handle
    visit.driver.switch_to.new_window("tab")
    visit.driver.get(visit.link)
    visit.wait("document.documentElement.dataset.state === 'ready'")
    visit.run("[...document.querySelectorAll('.or button')][0].click()")
    visit.wait("location.hash === '#/demo-duet/session' && studio.store?.name === 'demo-duet'")
    folder = house.sessions.find("demo-duet")
    folder.write({**folder.read(), "iterations": 100_000})
    visit.press('[data-do="start"]')
    visit.wait("studio.store.news.training.running && studio.store.news.training.phase !== 'starting'")
    assert not house.trainings.state(house.sessions.find(DUET))["running"]
    visit.wait("studio.store.news.stems.duet.first")
    visit.driver.close()  # the tab goes, the training does not
    visit.driver.switch_to.window(first)
    assert visit.run("return studio.store.name") == DUET
    assert house.trainings.state(folder)["running"]


def test_a_training_is_paused_and_goes_on(visit: Visit) -> None:
    visit.go("demo-duet", "session")
    visit.wait("studio.store.news.training.phase === 'learning' && studio.store.news.training.iterations > 3")
    visit.press('[data-do="pause"]')
    visit.wait("studio.store.news.training.phase === 'paused' && !studio.store.news.training.running")
    assert "Everything is saved" in visit.find(".training .message").text
    reached = visit.run("return studio.store.news.training.iterations")
    visit.press('[data-do="start"]')
    visit.wait(f"studio.store.news.training.iterations > {reached + 2}")
    visit.press('[data-do="finish"]')
    visit.wait("studio.store.news.training.phase === 'done'")


def test_a_recording_of_the_folder_is_picked(visit: Visit, house: House, duet: Path) -> None:
    folder = house.sessions.folder
    (folder / "tour").mkdir()
    (folder / "tour/mix.flac").write_bytes(duet.read_bytes())
    visit.run("location.hash = '#/'")
    visit.wait("document.querySelectorAll('.shelf-item').length === 1")
    visit.wait("document.documentElement.dataset.state === 'ready'")
    visit.press(".from-folder summary")
    visit.press(".shelf-item")
    visit.wait("location.hash === '#/mix-2/session' && document.getElementById('panel')?.dataset.ready === 'session'")
    assert house.sessions.find("mix-2").takes()["mix"].read_bytes() == duet.read_bytes()
    house.sessions.delete("mix-2")
    shutil.rmtree(folder / "tour")
    visit.go("demo-duet", "session")


def test_names_that_came_out_wrong_are_exchanged_without_learning(visit: Visit, house: House) -> None:
    folder = house.sessions.find("demo-duet")
    run, model = (folder.run / "checkpoint.safetensors").read_bytes(), SeparationModel(folder.model)
    folder.rack.write_text('[stems.recorder]\neffects = [{ type = "Reverb" }]\n', encoding="utf-8")

    def press(css: str, text: str | None, names: list[str]) -> None:
        visit.run("window.before = true")
        if text is None:
            visit.press(css)
        else:
            field = visit.find(css)
            visit.run("arguments[0].value = ''", field)
            field.send_keys(text)
            visit.run("arguments[0].blur()", field)
        visit.wait("!window.before && document.getElementById('panel')?.dataset.ready === 'session'")
        assert visit.run("return studio.store.session.sources.map(({ name }) => name)") == names

    visit.go("demo-duet", "session")
    press(".instruments ~ [title^='If both']", None, ["english_horn", "recorder"])
    assert SeparationModel(folder.model).source_names == ("english_horn", "recorder")
    assert (folder.run / "checkpoint.safetensors").read_bytes() == run
    visit.go("demo-duet", "listen")
    visit.wait("studio.store.deck.sounding")
    assert visit.run("return studio.store.deck.desk.tracks.map(({ name }) => name)")[1:3] == [
        "english_horn",
        "recorder",
    ]
    assert visit.run("return studio.store.deck.rack.strip('english_horn').effects.length") == 1
    visit.go("demo-duet", "session")
    press(
        "[aria-label^='Name of instrument 1']", "recorder", list(model.source_names)
    )  # a name that is there: exchange
    assert SeparationModel(folder.model).source_names == model.source_names


def test_hostile_names_are_only_words(visit: Visit, house: House) -> None:
    folder = house.sessions.create("<img src=x onerror=window.hacked=1>")
    visit.run("location.hash = '#/'")
    visit.wait("document.documentElement.dataset.state === 'ready' && document.querySelectorAll('.tile').length === 3")
    assert "<img src=x" in visit.find(".sessions").text
    visit.go(folder.name, "session")
    assert visit.run("return [window.hacked ?? null, document.querySelectorAll('main img').length]") == [None, 0]
    house.sessions.delete(folder.name)


@pytest.mark.parametrize("tab", ["session", "listen", "correct", "home", "live"])
def test_every_room_fits_a_phone_and_names_its_controls(visit: Visit, tab: str) -> None:
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    visit.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    visit.go("demo-duet", tab)
    assert visit.run("return document.documentElement.scrollWidth") <= 360
    visit.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    names = visit.names_of_controls()
    assert len(names) > 8
    assert all(names)
    assert visit.run(UNREACHABLE) == []


def test_nothing_complained(visit: Visit) -> None:
    """Last: the log of everything that the tests before did."""
    assert visit.driver.get_log("browser") == []
