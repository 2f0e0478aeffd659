"""Passages in which one instrument plays alone, as the user marks them: the next training takes them as given.

They stand in ``session.json`` as ``{"source": "oboe", "from": 72.0, "to": 80.0}``, in seconds of the recording.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bsep_stream.errors import ConfigError
from bsep_stream.studio.recordings import look_at
from bsep_stream.studio.sessionfolder import SessionFolder, read_json, write_json

SHORTEST_SECONDS = 0.2
"""Less holds no note."""

LATEST = 1e6
"""No recording is that long."""

MOST_SOLOS = 200
HEARD = "solos.json"
"""In :attr:`SessionFolder.search`: what the search was told, by the place of the instrument, whatever it is called."""

Solo = dict[str, Any]


def mark_solo(folder: SessionFolder, values: Mapping[str, object]) -> None:
    """Keep a passage; what it meets of the same instrument becomes one with it.

    Raises
    ------
    ConfigError
        If it makes no sense; nothing is changed then.
    """
    about = folder.read()
    solo = _checked(folder, about, values)
    source, begin, end = solo["source"], solo["from"], solo["to"]
    kept: list[Solo] = []
    for other in about.get("solos", []):
        shared = min(end, other["to"]) - max(begin, other["from"])  # 0: one right after the other
        if shared >= 0 and other["source"] == source:
            begin, end = min(begin, other["from"]), max(end, other["to"])
        elif shared <= 0:
            kept.append(other)
        else:
            name, times = other["source"].replace("_", " "), f"from {clock(other['from'])} to {clock(other['to'])}"
            raise ConfigError(f"{name} plays alone {times}, as you marked it: only one can play alone")
    if len(kept) >= MOST_SOLOS:
        raise ConfigError(f"a session has up to {MOST_SOLOS} passages; a few of each instrument are enough")
    about["solos"] = sorted([*kept, {"source": source, "from": begin, "to": end}], key=lambda each: float(each["from"]))
    folder.write(about)


def unmark_solo(folder: SessionFolder, values: Mapping[str, object]) -> None:
    """Take a passage out again; ConfigError if there is none such."""
    about = folder.read()
    solos = about.get("solos", [])
    kept = [solo for solo in solos if any(solo[key] != values.get(key) for key in ("source", "from", "to"))]
    if len(kept) == len(solos):
        raise ConfigError("there is no such passage any more")
    folder.write({**about, "solos": kept})


def solos_under(solos: Sequence[Solo], before: Sequence[str], now: Sequence[str]) -> list[Solo]:
    """Passages under the names that instruments have now.

    An instrument that is new, at the place of one that has gone, is the same under another name; else passages go with
    their instrument.
    """
    new_of = {name: name for name in before if name in now}
    for place, name in enumerate(before):
        if name not in now and place < len(now) and now[place] not in before:
            new_of[name] = now[place]
    return [{**solo, "source": new_of[solo["source"]]} for solo in solos if solo["source"] in new_of]


def solo_options(folder: SessionFolder) -> list[str]:
    """The passages as they would stand behind ``bsep train --solo``."""
    return [f"{solo['source']}={solo['from']:.3f}-{solo['to']:.3f}" for solo in folder.read().get("solos", [])]


def keep_heard(folder: SessionFolder) -> None:
    """Write down what a search has just been told."""
    write_json(folder.search / HEARD, _by_place(folder))


def are_new(folder: SessionFolder) -> bool:
    """Whether a search was told something else than what is marked now."""
    return folder.search.exists() and _by_place(folder) != (read_json(folder.search / HEARD) or [])


def clock(seconds: float) -> str:
    """A time as the page writes it."""
    minutes, rest = divmod(round(seconds, 1), 60.0)
    return f"{int(minutes)}:{rest:04.1f}"


def _by_place(folder: SessionFolder) -> list[list[float]]:
    about = folder.read()
    names = [source["name"] for source in about.get("sources", [])]
    solos = [solo for solo in about.get("solos", []) if solo["source"] in names]
    return [[names.index(solo["source"]), solo["from"], solo["to"]] for solo in solos]


def _checked(folder: SessionFolder, about: Mapping[str, Any], values: Mapping[str, object]) -> Solo:
    names = [source["name"] for source in about.get("sources", [])]
    takes = folder.takes()
    source = values.get("source")
    if len(takes) != 1:
        raise ConfigError("passages are marked in a session of one recording: their times are those of it")
    if source not in names:
        raise ConfigError("name the instruments first, then say which of them plays alone")
    (path,) = takes.values()
    seconds = float(look_at(path, folder.cache)["seconds"])
    begin, end = _time(values.get("from")), _time(values.get("to"))
    if not begin < end:
        raise ConfigError("a passage ends after it begins")
    if begin >= seconds:
        raise ConfigError(f"the recording ends at {clock(seconds)}, the passage begins at {clock(begin)}")
    first, last = round(begin, 3), round(min(end, seconds), 3)
    if last - first < SHORTEST_SECONDS:
        raise ConfigError(f"a passage lasts at least {SHORTEST_SECONDS:g} s: less holds no note")
    return {"source": source, "from": first, "to": last}


def _time(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < LATEST:
        raise ConfigError("a passage goes from one time to another, such as 0:03 to 0:08")
    return float(value)
