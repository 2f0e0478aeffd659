"""``python -m bsep_stream.train.workshop.smoothness``: how smooth the studio's page is with four stems of five minutes.

Needs Chromium with its driver, and selenium. A headless browser opens a made session, loads, plays, zooms, seeks, moves
an effect, drags over notes and gives them away. Of every step: the longest task of the page, which holds everything
else up; how much of a processor the page had, as a machine that does other work makes a task longer; the task without
that; the time between two pictures, and whose script it was when one was late.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np

from bsep_stream.errors import MissingDependency
from bsep_stream.studio.house import House
from bsep_stream.studio.server import HERE, make_app, serve
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.train.workshop.longsession import long_session
from bsep_stream.trust.terminal import say

SECONDS = 300.0
PATIENCE_SECONDS = 300
TOKEN = "token-of-the-measurement"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
WINDOW = (1380, 900)

WATCH = """
globalThis.seen = { tasks: [], frames: [], scripts: [] };
new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ duration }) => duration)))
  .observe({ type: 'longtask', buffered: true });
new PerformanceObserver((list) => {
  for (const { scripts } of list.getEntries()) for (const script of scripts) {
    const place = script.sourceURL.split('/').at(-1) || 'the browser';
    seen.scripts.push([script.duration, `${place} ${script.sourceFunctionName || script.invoker}`]);
  }
}).observe({ type: 'long-animation-frame', buffered: true });
let last = null;
const frame = (now) => {
  if (last !== null) seen.frames.push(now - last);
  last = now;
  requestAnimationFrame(frame);
};
requestAnimationFrame(frame);
"""
"""Runs before the page does: tasks above 50 ms, the scripts of late pictures, and the time between pictures."""

READ = """
const { tasks, frames, scripts } = seen;
globalThis.seen = { tasks: [], frames: [], scripts: [] };
return [tasks, frames, scripts];
"""

STEPS: Mapping[str, str] = {
    "load": """
        location.hash = `#/${session}/listen`;
        await until(() => globalThis.studio?.store?.deck?.sounding && studio.store.deck.spectra);""",
    "play": """
        const { desk } = studio.store.deck;
        await desk.play();
        await until(() => desk.position > 4);""",
    "zoom": """
        for (const key of '++++++------0++--0') { press(key); await pictures(4); }""",
    "scroll": """
        const { timeline } = studio.store.deck;
        const from = timeline.seconds / 3;
        for (let i = 0; i < 40; i++) { timeline.set(from + i / 4, from + 10 + i / 4); await pictures(1); }
        timeline.showAll();""",
    "seek": """
        const views = [...document.querySelectorAll('.track .view')];
        for (let i = 0; i < 12; i++) { click(views[i % views.length], (i * 7 % 12) / 12, 0.5); await pictures(6); }""",
    "mute, solo": """
        const keys = [...document.querySelectorAll('.toggle.mute, .toggle.solo')];
        for (const key of [...keys, ...keys]) { key.click(); await pictures(3); }""",
    "effect": """
        const { desk } = studio.store.deck;
        document.querySelector('.toggle.fx').click();
        await pictures(2);
        const menu = document.querySelector('.add-effect');
        menu.value = 'Reverb';
        menu.dispatchEvent(new Event('change', { bubbles: true }));
        await until(() => desk.effects && desk.remixer.heard > 3);
        const slider = document.querySelector('[data-parameter=room_size]');
        for (let i = 0; i < 60; i++) {
          slider.value = 40 + 5 * i;
          slider.dispatchEvent(new Event('input', { bubbles: true }));
          await pictures(2);
        }
        desk.pause();""",
    "open notes": """
        location.hash = `#/${session}/correct`;
        await until(() => globalThis.studio.roll && document.getElementById('panel').dataset.ready === 'correct');
        await pictures(10);""",
    "drag notes": """
        const { roll } = studio;
        drag(roll.canvas, [0.3, 0.2]);
        for (let i = 0; i < 60; i++) { move(roll.canvas, [0.3 + i / 200, 0.2 + i / 150]); await pictures(1); }
        drop(roll.canvas, [0.6, 0.6]);
        await pictures(4);
        const { timeline } = studio.store.deck;
        timeline.set(timeline.seconds / 3, timeline.seconds / 3 + 15);
        for (let i = 0; i < 20; i++) { move(roll.canvas, [0.2 + i / 40, 0.5]); await pictures(1); }""",
    "give notes": """
        const { deck } = studio.store;
        const note = deck.notes.find(({ source, start }) => source === 'oboe' && start > deck.timeline.from + 5);
        studio.roll.choose([note.id]);
        const patched = new Promise((resolve) => deck.addEventListener('patched', resolve, { once: true }));
        document.querySelector('.give[data-source=flute]').click();
        await patched;
        await pictures(10);""",
}
"""What is done in the page, in this order."""

TOOLS = """
const [session, done] = arguments;
const pictures = async (n) => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => requestAnimationFrame(resolve));
};
const until = async (reached) => { while (!reached()) await pictures(1); };
const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
const point = (kind, element, [x, y]) => {
  const { left, top, width, height } = element.getBoundingClientRect();
  const place = { clientX: left + x * width, clientY: top + y * height, pointerId: 1, bubbles: true };
  element.dispatchEvent(new PointerEvent(kind, place));
};
for (const kind of ['setPointerCapture', 'releasePointerCapture']) Element.prototype[kind] = () => {};
const drag = (element, place) => point('pointerdown', element, place);
const move = (element, place) => point('pointermove', element, place);
const drop = (element, place) => point('pointerup', element, place);
const click = (element, x, y) => (drag(element, [x, y]), drop(element, [x, y]));
(async () => { BODY })().then(() => done(null), (error) => done(`${error}`));
"""


@click.command()
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), help="Folder of sessions; what is there is used."
)
@click.option(
    "--seconds", type=click.FloatRange(min=20.0), default=SECONDS, show_default=True, help="Of the recording."
)
@click.option(
    "--times", type=click.IntRange(min=1), default=3, show_default=True, help="How often; the median is printed."
)
def main(keep: Path | None, seconds: float, times: int) -> None:
    """Print of every step the longest task of the page, and the time between its pictures."""
    with ExitStack() as stack:
        place = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bsep-")))
        there = sorted(place.glob("*/session.json"))
        folder = SessionFolder(there[0].parent) if there else long_session(place, seconds)
        link = stack.enter_context(_studio(place))
        visits = []
        for _ in range(times):
            folder.rack.unlink(missing_ok=True)  # that of the visit before
            visits.append(_visit(link, folder))
    say(f"{'':12} {'longest task':>24} {'processor':>10} {'its work':>9} {'picture p50':>12} {'p95':>9}  whose")
    for name in STEPS:
        rows = sorted((visit[name] for visit in visits), key=lambda row: row.longest)
        row = rows[len(rows) // 2]
        span = f"{row.longest:.0f} ms ({rows[0].longest:.0f} to {rows[-1].longest:.0f})"
        work = f"{row.longest * row.share:6.0f} ms"
        say(f"{name:12} {span:>24} {row.share:10.0%} {work} {row.p50:9.1f} ms {row.p95:6.1f} ms  {row.whose}")
    say(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


@dataclass(frozen=True)
class Seen:
    """What was seen of a step.

    Parameters
    ----------
    longest : float
        Task, in milliseconds; 0: none above 50.
    share : float
        Of a processor that the page had while it was at work: below 1 others had it.
    p50, p95 : float
        Milliseconds between pictures.
    whose : str
        The script that took longest of a picture that was late.
    """

    longest: float
    share: float
    p50: float
    p95: float
    whose: str


@contextmanager
def _studio(place: Path) -> Iterator[str]:
    """A studio in a thread: its link."""
    with socket.socket() as listening:
        listening.bind((HERE, 0))
        listening.set_inheritable(True)
        port = listening.getsockname()[1]
        started, ending = threading.Event(), threading.Event()
        app = make_app(House.at(place), TOKEN, [f"{HERE}:{port}"])
        thread = threading.Thread(target=serve, args=(app, listening, started.set), kwargs={"until": ending})
        thread.start()
        try:
            started.wait()
            yield f"http://{HERE}:{port}/?token={TOKEN}"
        finally:
            ending.set()
            thread.join()


def _visit(link: str, folder: SessionFolder) -> dict[str, Seen]:
    """What a browser saw in every step."""
    with _browser() as driver:
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        driver.execute_cdp_cmd("Performance.enable", {})
        driver.get(link)
        _do(driver, "await until(() => document.documentElement?.dataset.state);")
        found = {}
        for name, step in STEPS.items():
            driver.execute_script(READ)
            before = _work(driver)
            _do(driver, f"{step}; await pictures(20);", folder.name)
            processor, clock = np.subtract(_work(driver), before)
            tasks, frames, scripts = driver.execute_script(READ)
            p50, p95 = np.percentile(frames or [0.0], (50, 95))
            share = min(1.0, processor / max(clock, 1e-9))
            found[name] = Seen(max(tasks, default=0.0), share, p50, p95, str(max(scripts, default=[0, ""])[1]))
        return found


def _work(driver: Any) -> tuple[float, float]:
    """Seconds that the page has been at work, by the processor and by the clock."""
    metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    values = {metric["name"]: metric["value"] for metric in metrics}
    return values["ThreadTime"], values["TaskDuration"]


def _do(driver: Any, step: str, session: str = "") -> None:
    trouble = driver.execute_async_script(TOOLS.replace("BODY", step), session)
    if trouble:
        raise click.ClickException(trouble)


@contextmanager
def _browser() -> Iterator[Any]:
    try:
        from selenium import webdriver
    except ModuleNotFoundError as error:
        raise MissingDependency("this measures in a browser: pip install selenium") from error
    chromium, driver_path = next(filter(None, map(shutil.which, CHROMIUM)), None), shutil.which("chromedriver")
    if chromium is None or driver_path is None:
        raise MissingDependency("this measures in Chromium: install chromium and its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio"):
        options.add_argument(argument)
    options.add_argument("--autoplay-policy=no-user-gesture-required")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver_path))
    driver.set_script_timeout(PATIENCE_SECONDS)
    driver.set_window_size(*WINDOW)
    try:
        yield driver
    finally:
        driver.quit()


if __name__ == "__main__":
    main()
