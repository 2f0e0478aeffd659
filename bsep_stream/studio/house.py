"""What all addresses of the server share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from bsep_stream.errors import ConfigError
from bsep_stream.studio.parcels import Counter
from bsep_stream.studio.remix import Desks
from bsep_stream.studio.renaming import finish_renaming, rename_sources
from bsep_stream.studio.sessionfolder import SessionFolder
from bsep_stream.studio.sessions import Sessions
from bsep_stream.studio.stage import Stage
from bsep_stream.studio.training import Trainings

LARGEST_UPLOAD = 2 * 2**30
"""Bytes of a recording: an hour of stereo at 48 kHz in floating point is 1.4 GB."""


@dataclass
class House:
    """Sessions, trainings, desks and the stage of one server.

    Parameters
    ----------
    sessions : Sessions
    trainings : Trainings
    desks : Desks
    stage : Stage
    counter : Counter
    largest_upload : int
        Bytes.
    """

    sessions: Sessions
    trainings: Trainings = field(default_factory=Trainings)
    desks: Desks = field(default_factory=Desks)
    stage: Stage = field(default_factory=Stage)
    counter: Counter = field(default_factory=Counter)
    largest_upload: int = LARGEST_UPLOAD

    @classmethod
    def at(cls, folder: Path) -> House:
        """The house of a folder of sessions."""
        house = cls(Sessions(folder))
        for about in house.sessions.folder.glob("*/session.json"):  # the one before may have been killed
            finish_renaming(SessionFolder(about.parent))
        return house

    def rename(self, folder: SessionFolder, names: object) -> None:
        """Give the instruments of a session other names; ConfigError while it is trained or plays live."""
        if self.stage.owner == folder.name:
            raise ConfigError("this session plays live: stop it first, then give other names")
        with self.trainings.resting(folder):
            rename_sources(folder, names)
        self.desks.forget(folder)

    def close(self) -> None:
        """Stop the stage, and let trainings save and end."""
        self.stage.stop()
        self.trainings.close()
        self.counter.close()


def house_of(request: Request) -> House:
    """The house that a request came to."""
    house: House = request.app.state.house
    return house


def session_of(request: Request) -> SessionFolder:
    """The session that an address names; ConfigError if there is none."""
    return house_of(request).sessions.find(str(request.path_params["session"]))


def take_of(request: Request) -> tuple[SessionFolder, str, str]:
    """Session, version of the stems and take that an address names; ConfigError if there is no such take."""
    folder = session_of(request)
    version, take = str(request.path_params["version"]), str(request.path_params["take"])
    if take not in folder.takes():
        raise ConfigError("there is no such recording in this session")
    return folder, version, take


def number(request: Request, name: str) -> int:
    """A whole number of the query; ConfigError if it is none."""
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise ConfigError(f"{name} must be a whole number")
    return int(text)
