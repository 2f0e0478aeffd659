"""A page whose studio ends, and comes back: with its token, or with another."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from studiovisit import CHROMIUM, DRIVER, Visit, open_browser, open_studio

for module in ("starlette", "uvicorn", "tomli_w"):
    pytest.importorskip(module)

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="Chromium is not installed: apt-get install chromium chromium-driver"
)

LOST = "document.querySelector('.lost')"


def test_a_page_says_that_its_studio_has_ended_and_goes_on_with_it(tmp_path: Path) -> None:
    with open_browser(tmp_path / "downloads") as driver:
        with open_studio(tmp_path / "sessions") as (house, link):
            folder = house.sessions.create("Duet")
            driver.get(link)
            visit = Visit(driver, link)
            visit.wait("document.documentElement?.dataset.state === 'ready'")
            visit.go("duet", "session")
            assert not visit.find(".lost").is_displayed()
        visit.wait(f"!{LOST}.hidden && {LOST}.textContent.includes('does not answer')")
        port = urlsplit(link).port
        assert port is not None
        with open_studio(tmp_path / "sessions", port):
            visit.wait(f"{LOST}.hidden")
            assert visit.run("return studio.store.news.training.phase") == "new"
            assert folder.about.exists()
        visit.wait(f"!{LOST}.hidden")
        with open_studio(tmp_path / "sessions", port, "another-token"):
            visit.wait(f"{LOST}.textContent.includes('was started anew')")
