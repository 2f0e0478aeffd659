"""Sessions beside each other in headless Chromium, and their rooms: two tabs, exchanged and hostile names, a phone.

The tests of this file are one visit, in their order.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import studiovisit
from studiovisit import CHROMIUM, DRIVER, SECONDS, UNREACHABLE, Visit

for module in ("torch", "onnx", "safetensors", "starlette", "uvicorn", "tomli_w"):
    pytest.importorskip(module)

from bsep_stream.model.separation_model import SeparationModel
from bsep_stream.studio.house import House
from bsep_stream.studio.sessions import change

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
    visit.wait("document.documentElement?.dataset.state === 'ready'")
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


def test_a_passage_in_which_one_plays_alone_is_marked(visit: Visit, house: House) -> None:
    from selenium.webdriver import ActionChains

    folder = house.sessions.find(DUET)
    change(folder, {"sources": [{"name": name, "tones": 1} for name in ("recorder", "english_horn")]})
    visit.go(DUET, "session")
    visit.wait("document.querySelectorAll('.solo-form option').length === 3")
    wave = visit.find(".wave-frame")
    width = wave.size["width"]
    ActionChains(visit.driver).move_to_element_with_offset(wave, -width // 4, 0).click_and_hold().move_by_offset(
        width // 4, 0
    ).release().perform()  # the second second
    visit.choose('[aria-label="Who plays alone in the passage"]', "recorder")
    visit.press(".solo-form .primary")
    visit.wait("document.querySelectorAll('.solos li').length === 1")
    (solo,) = folder.read()["solos"]
    assert solo["source"] == "recorder"
    assert (solo["from"], solo["to"]) == pytest.approx((SECONDS / 4, SECONDS / 2), abs=0.15)
    assert visit.run("return document.querySelectorAll('.wave-frame .solo-bars div').length") == 1
    visit.press(".take-head .play")
    visit.wait("document.querySelector('.take-head .play').title.startsWith('Pause')")
    visit.press(".take-head .play")


def test_times_of_a_passage_are_typed_and_what_is_none_is_refused(visit: Visit, house: House) -> None:
    folder = house.sessions.find(DUET)
    before = folder.read()["solos"]
    visit.choose('[aria-label="Who plays alone in the passage"]', "english_horn")
    for begin, end, sentence in (
        ("x", "0:03", "A time looks like 0:08 or 8.5."),
        ("3", "0:02", "A passage ends after it begins."),
        ("1", "0:03.5", "Recorder plays alone from"),
        ("1:00", "1:08", "The recording ends at 0:04.0"),
    ):
        type_passage(visit, begin, end)
        visit.wait(f"document.querySelector('.toasts').textContent.toLowerCase().includes({sentence.lower()!r})")
        assert folder.read()["solos"] == before
    type_passage(visit, "3", "0:03,5")
    visit.wait("document.querySelectorAll('.solos li').length === 2")
    refused = [entry["message"] for entry in visit.driver.get_log("browser")]
    assert len(refused) == 2  # the browser tells what the server refuses
    assert all("/solos" in message for message in refused)
    assert folder.read()["solos"][1:] == [{"source": "english_horn", "from": 3.0, "to": 3.5}]
    visit.press(".solos li:first-child .bare")
    visit.wait("document.querySelectorAll('.solos li').length === 1")


def type_passage(visit: Visit, begin: str, end: str) -> None:
    """Both times, and the key that marks."""
    for label, text in (("begins", begin), ("ends", end)):
        field = visit.find(f'[aria-label="The passage {label} at"]')
        visit.run("arguments[0].value = ''", field)
        field.send_keys(text)
    field.send_keys("\n")


def test_a_passage_that_loops_is_marked_at_the_desk_and_learned_from(visit: Visit, house: House) -> None:
    folder = house.sessions.find("demo-duet")
    folder.write({**folder.read(), "iterations": 8})
    visit.go("demo-duet", "listen")
    visit.wait("studio.store.deck.sounding")
    visit.run_async("const done = arguments[0]; studio.store.deck.desk.setRegion([1, 2]).then(done)")
    visit.choose('[aria-label="Who plays alone in the chosen passage"]', "english_horn")
    visit.wait("document.querySelectorAll('.overview .solo-bars div').length === 1 && studio.store.news.newSolos")
    before = visit.run("return studio.store.news.stems.duet.learned")
    visit.go("demo-duet", "session")
    assert visit.find('[data-do="anew"]').text == "Learn again with the passages"
    visit.press('[data-do="anew"]')
    visit.wait(f"studio.store.news.training.phase === 'done' && studio.store.news.stems.duet.learned > {before}")
    assert json.loads((folder.run / "config.json").read_text())["hints"]["solos"] == [[1, 1.0, 2.0]]
    assert not visit.run("return studio.store.news.newSolos")
    assert not visit.find('[data-do="anew"]').is_displayed()


def test_a_recording_of_the_folder_is_picked(visit: Visit, house: House, duet: Path) -> None:
    folder = house.sessions.folder
    (folder / "tour").mkdir()
    (folder / "tour/mix.flac").write_bytes(duet.read_bytes())
    visit.run("location.hash = '#/'")
    visit.wait("document.querySelectorAll('.shelf-item').length === 1")
    visit.wait("document.documentElement?.dataset.state === 'ready'")
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


def test_who_hurries_through_the_rooms_comes_to_the_last(visit: Visit) -> None:
    visit.driver.refresh()  # no room has been loaded
    visit.wait("document.getElementById('panel')?.dataset.ready")
    hurry = "for (const tab of ['live', 'correct', 'listen', 'home', 'session'])"
    visit.run(f"{hurry} location.hash = `#/demo-duet/${{tab}}`")
    visit.wait("document.getElementById('panel').dataset.ready === 'session'")
    assert visit.run("return document.querySelector('#panel > *').className") == "setup"
    assert visit.driver.find_elements("css selector", ".toast.bad") == []


def test_hostile_names_are_only_words(visit: Visit, house: House) -> None:
    folder = house.sessions.create("<img src=x onerror=window.hacked=1>")
    visit.run("location.hash = '#/'")
    visit.wait("document.documentElement?.dataset.state === 'ready' && document.querySelectorAll('.tile').length === 3")
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
