"""A musician's session in headless Chromium: drop, name, train, hear, correct, mix, take home; nothing complains.

The tests of this file are one visit, in their order.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
import studiovisit
from studiovisit import CHROMIUM, DRIVER, SECONDS, Visit

for module in ("torch", "onnx", "safetensors", "starlette", "uvicorn", "tomli_w"):
    pytest.importorskip(module)

from bsep_stream.effects.rack import load_rack
from bsep_stream.notes.tables import read_notes
from bsep_stream.studio.house import House
from bsep_stream.studio.sessionfolder import FIRST, LEARNED

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)

duet, house_and_link, house = studiovisit.duet, studiovisit.house_and_link, studiovisit.house
downloads, visit = studiovisit.downloads, studiovisit.visit

DUET = "mix"
RACK_IS_KEPT = "!studio.store.deck.rack.pending && !studio.store.deck.rack.sending"  # what was moved is on the server
LOOP = "const { desk } = studio.store.deck; desk.setRegion([0, desk.seconds])"  # however late one looks, it plays
WRONG = 1  # the note that the tiny workshop gives to the wrong player: see tinyworkshop.py
STEP = 1e-3  # of FLAC with 16 bits, four tracks, against the sound itself

NULL_TEST = """
const done = arguments[0];
const { desk } = studio.store.deck;
const { renderMix } = studio.shared;
(async () => {
  const before = desk.tracks.map(({ muted, solo, level }) => ({ muted, solo, level }));
  const heard = async (audible) => {
    desk.tracks.forEach((track) => Object.assign(track, { solo: false, level: 0, muted: !audible(track) }));
    return (await renderMix(desk, 2, 1)).getChannelData(0);
  };
  const stems = await heard(({ kind }) => kind !== "mixture");
  const mixture = await heard(({ kind }) => kind === "mixture");
  desk.tracks.forEach((track, index) => Object.assign(track, before[index]));
  done([Math.max(...mixture.map(Math.abs)), Math.max(...mixture.map((value, i) => Math.abs(value - stems[i])))]);
})();
"""


def test_a_dropped_recording_is_a_session(visit: Visit, house: House, duet: Path) -> None:
    assert "token" not in visit.driver.current_url
    visit.drop(duet)
    assert f"0:0{SECONDS}.0 · mono · 48 kHz" in visit.find(".facts").text
    assert "mono" in visit.find(".remarks").text
    painted = visit.run(
        "const c = document.querySelector('.take canvas');"
        "return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((value) => value > 0)"
    )
    assert painted
    assert visit.find('[data-do="start"]').get_attribute("disabled")
    assert house.sessions.find(DUET).takes()[DUET].read_bytes() == duet.read_bytes()


def test_instruments_are_named_from_high_to_low(visit: Visit, house: House) -> None:
    for place, name in enumerate(("recorder", "english horn")):
        field = visit.driver.find_elements("css selector", ".instruments input")[place]
        field.send_keys(name)
        visit.run("arguments[0].blur()", field)
        visit.wait(f"studio.store.session.sources.length === {place + 1}")
    assert [source["name"] for source in house.sessions.find(DUET).read()["sources"]] == ["recorder", "english_horn"]
    visit.wait("!document.querySelector('[data-do=start]').disabled")


def test_first_stems_come_before_the_network_and_better_ones_at_the_end(visit: Visit, house: House, duet: Path) -> None:
    visit.press('[data-do="start"]')
    visit.wait("studio.store.news.training.running")
    visit.wait(f"studio.store.news.stems['{DUET}'].first")
    visit.wait("studio.store.news.training.phase === 'done'")
    visit.wait("document.querySelector('.chip.done')")
    assert "The tones explain" in visit.find(".verdict").text
    folder = house.sessions.find(DUET)
    mixture, _ = soundfile.read(duet, dtype="float32")
    for version in (FIRST, LEARNED):
        stems = [soundfile.read(path, dtype="float32")[0] for path in folder.stems(version, DUET).glob("*.wav")]
        assert len(stems) == 3
        assert np.abs(sum(stems) - mixture).max() < 1e-5


def test_who_wants_the_desk_while_it_is_opened_waits_for_it(visit: Visit) -> None:
    assert visit.run_async(
        "const done = arguments[0]; const { store } = studio;"
        "import('/page/deck.js').then(async ({ openDeck }) => {"
        "const decks = await Promise.all([openDeck(store, 'learned'), openDeck(store, 'learned')]);"
        "done(decks[0] === decks[1] && decks.every(({ desk }) => desk)); })"
    )


def test_players_play_in_step(visit: Visit) -> None:
    visit.go(DUET, "listen")
    visit.wait("studio.store.deck.sounding && studio.store.deck.spectra")
    peak, error = visit.run_async(NULL_TEST)
    assert peak > 0.05
    assert error < STEP
    visit.run(LOOP)
    visit.press('[aria-label="Play"]')
    visit.wait("studio.store.deck.desk.position > 0.3")
    assert visit.run("return studio.store.deck.desk.playing.sources.length") == 4
    visit.press('[aria-label="Pause"]')
    colours = visit.run(
        "const c = document.querySelector('[data-track=recorder] .levels');"
        "const p = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "return new Set(new Uint32Array(p.buffer)).size"
    )
    assert colours > 20


def test_a_region_loops_and_the_picture_zooms(visit: Visit) -> None:
    from selenium.webdriver import ActionChains

    overview = visit.find(".overview")
    width = overview.size["width"]
    ActionChains(visit.driver).move_to_element_with_offset(overview, -width // 4, 0).click_and_hold().move_by_offset(
        width // 8, 0
    ).release().perform()
    begin, end = visit.run("return studio.store.deck.desk.region")
    assert begin == pytest.approx(SECONDS / 4, abs=0.1)
    assert 0.3 < end - begin < 0.7
    visit.press('[aria-label="Play"]')
    visit.wait("studio.store.deck.desk.context.currentTime - studio.store.deck.desk.playing.at > 1.5")
    assert begin - 0.01 <= visit.run("return studio.store.deck.desk.position") <= end + 0.01
    visit.press('[aria-label="Pause"]')
    visit.find("body").send_keys("+")
    shown = visit.run("const t = studio.store.deck.timeline; return t.to - t.from")
    assert shown == pytest.approx(SECONDS / 2, abs=0.1)
    visit.find("body").send_keys("0")
    visit.find("body").send_keys("l")
    assert visit.run("return studio.store.deck.desk.region") is None


def test_an_effect_is_heard_while_its_slider_moves(visit: Visit, house: House) -> None:
    visit.press('[aria-label="Effects of recorder"]')
    visit.choose('[aria-label="Add an effect to recorder"]', "Reverb")
    visit.wait("studio.store.deck.desk.effects")
    visit.run(LOOP)
    visit.press('[aria-label="Play"]')
    visit.wait("studio.store.deck.desk.remixer.heard > 4")
    visit.run(
        "const s = document.querySelector('[data-parameter=room_size]'); s.value = 360;"
        "s.dispatchEvent(new Event('input', { bubbles: true }))"
    )
    already = visit.run("return studio.store.deck.desk.remixer.heard")
    visit.wait(f"!studio.store.deck.rack.sending && studio.store.deck.desk.remixer.heard > {already + 4}")
    visit.press('[aria-label="Pause"]')
    visit.find("body").send_keys("l")
    effects = load_rack(house.sessions.find(DUET).rack).stems["recorder"].effects
    assert [effect.type for effect in effects] == ["Reverb"]
    assert effects[0].parameters["room_size"] == pytest.approx(0.9)


def test_mute_solo_and_level_are_kept_with_the_session(visit: Visit, house: House) -> None:
    visit.press('[aria-label="Mute residual"]')
    visit.find("body").send_keys("2")  # solo of the first stem
    visit.wait("document.querySelector('[aria-label=\"Solo recorder\"]').getAttribute('aria-pressed') === 'true'")
    visit.find("body").send_keys("2")
    visit.run(
        "const f = document.querySelector('[aria-label=\"Level of english horn\"]'); f.value = -6;"
        "f.dispatchEvent(new Event('input'))"
    )
    visit.wait(RACK_IS_KEPT)
    rack = load_rack(house.sessions.find(DUET).rack)
    assert rack.stems["residual"].mute
    assert rack.stems["english_horn"].gain_db == -6.0
    assert not rack.stems["recorder"].solo


def test_what_another_window_moves_is_moved_here_and_not_undone(visit: Visit, house: House) -> None:
    visit.run_async(
        "const done = arguments[0]; const path = studio.store.path('/rack');"
        "fetch(path).then((answer) => answer.json()).then(({ rack }) => { rack.stems.recorder.gain_db = -9;"
        "return fetch(path, { method: 'PUT', body: JSON.stringify({ rack }) }); }).then(() => done(true));"
    )
    visit.wait("studio.store.deck.desk.tracks.find(({ name }) => name === 'recorder').level === -9")
    visit.run(
        "const { desk } = studio.store.deck;"
        "studio.store.deck.set(desk.tracks.find(({ name }) => name === 'english_horn'), { level: -4 });"
    )
    visit.wait(RACK_IS_KEPT)
    stems = load_rack(house.sessions.find(DUET).rack).stems
    assert (stems["recorder"].gain_db, stems["english_horn"].gain_db) == (-9.0, -4.0)


def test_a_rack_is_saved_and_loaded(visit: Visit, house: House) -> None:
    visit.find('[aria-label="Name of the rack"]').send_keys("evening")
    buttons = visit.driver.find_elements("css selector", ".master button")
    next(button for button in buttons if button.text == "Save").click()
    visit.wait("studio.store.deck.rack.saved.own.length === 1")
    assert load_rack(house.sessions.find(DUET).racks / "evening.toml").stems["recorder"].effects
    visit.choose('[aria-label="Load a rack"]', "shipped/hall")
    visit.wait("studio.store.deck.rack.strip('english_horn').effects.length > 0")
    visit.choose('[aria-label="Load a rack"]', "own/evening")
    visit.wait("studio.store.deck.rack.strip('english_horn').effects.length === 0")


def test_a_note_moves_and_its_sound_with_it(visit: Visit, house: House) -> None:
    from selenium.webdriver import ActionChains

    visit.go(DUET, "correct")
    visit.wait("studio.store.deck.version === 'first' && studio.store.deck.sounding")
    folder = house.sessions.find(DUET)
    note = visit.run("return studio.store.deck.notes.find(({ start }) => start > 0.55)")
    assert note["source"] == "english_horn"
    part = slice(round((note["start"] + 0.04) * 48_000), round((note["end"] - 0.04) * 48_000))

    def loudness(name: str) -> float:
        path = folder.stems(FIRST, DUET) / f"{name}.wav"
        return float(np.std(soundfile.read(path, dtype="float32")[0][part]))

    before = loudness("recorder"), loudness("english_horn")
    assert before[1] > 3 * before[0]
    left, top, width, height = visit.run("return studio.roll.box(arguments[0])", note)
    roll = visit.find(".roll")
    shift = left + width / 2 - roll.size["width"] / 2, top + height / 2 - roll.size["height"] / 2
    ActionChains(visit.driver).move_to_element_with_offset(roll, *map(round, shift)).click().perform()
    assert visit.run("return [...studio.roll.chosen]") == [note["id"]]
    visit.run(
        "window.patched = false; studio.store.deck.addEventListener('patched', () => (window.patched = true),"
        "{ once: true })"
    )
    visit.press('.give[data-source="recorder"]')
    visit.wait("window.patched")
    assert loudness("recorder") > 3 * loudness("english_horn")
    heard = visit.run(
        "const { desk } = studio.store.deck; const t = desk.tracks.find(({ name }) => name === 'recorder');"
        "return Math.max(...t.buffer.getChannelData(0).slice(arguments[0], arguments[1]).map(Math.abs))",
        part.start,
        part.stop,
    )
    assert heard > 0.02  # the page has the new samples, too
    table = read_notes(folder.notes(DUET, corrected=True))
    assert table["recorder"][WRONG, 0] == pytest.approx(note["start"], abs=1e-3)
    peak, error = visit.run_async(NULL_TEST)
    assert error < STEP
    assert peak > 0.05
    assert not visit.driver.find_elements("css selector", ".toast.bad")
    assert "another window" not in visit.find(".toasts").text  # it was this one
    body = visit.find("body")
    body.send_keys("1")  # chosen still, and his already: nothing moves
    assert "1 corrected" in visit.run("studio.roll.choose([]); return document.querySelector('.count').textContent")


def test_it_learns_again_with_the_correction(visit: Visit, house: House) -> None:
    before = visit.run("return studio.store.news.stems[arguments[0]].learned", DUET)
    visit.run("[...document.querySelectorAll('.giving .primary')].at(-1).click()")
    visit.wait("location.hash.endsWith('/session')")
    visit.wait(f"studio.store.news.training.phase === 'done' && studio.store.news.stems['{DUET}'].learned > {before}")
    with np.load(house.sessions.find(DUET).run / "labels.npz") as labels:
        seconds = labels["centre"] / 16_000
        inside = (seconds > 0.68) & (seconds < 0.76)
        assert (labels["f0_bin"][inside, 0] > 0).all()
        assert not labels["f0_bin"][inside, 1].any()
    given = json.loads((house.sessions.find(DUET).run / "config.json").read_text())["hints"]["notes"]
    assert any(source == 0 and 0.5 < onset < 0.7 for source, onset, *_ in given)  # as bsep train --notes has them


def test_a_reload_in_the_middle_loses_nothing(visit: Visit) -> None:
    visit.go(DUET, "listen")
    visit.driver.refresh()
    visit.wait("document.getElementById('panel')?.dataset.ready === 'listen' && studio.store.deck.sounding")
    assert visit.run("return studio.store.deck.rack.strip('recorder').effects.map(({ type }) => type)") == ["Reverb"]
    assert visit.run("return studio.store.deck.desk.tracks.find(({ name }) => name === 'residual').muted")
    note = visit.run("return studio.store.deck.notes.find(({ start }) => start > 0.55)")
    assert note["source"] == "recorder"


def test_everything_is_taken_home(visit: Visit, downloads: Path) -> None:
    visit.go(DUET, "home")
    visit.press(".parcels .all .primary")
    visit.wait("true")
    target = downloads / "mix.zip"
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(visit.driver, 120, 0.05).until(lambda _: target.exists() and zipfile.is_zipfile(target))
    names = zipfile.ZipFile(target).namelist()
    for name in ("recorder.wav", "remix.wav", "notes.mid", "notes.csv", "rack.toml", "report.html", "model.onnx"):
        assert f"mix/{name}" in names


def test_nothing_complained(visit: Visit) -> None:
    """Last: the log of everything that the tests before did."""
    assert visit.driver.get_log("browser") == []
