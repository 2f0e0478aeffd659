"""Both sides of stereo recordings, frame by frame: what tells where a tone comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.session.labels import frames_at
from bsep_stream.train.session.recording import Session

MONO = -1


@dataclass(frozen=True)
class Sides:
    """The stereo spectra of frames of a session, made when they are asked for: all of them would be too large.

    Parameters
    ----------
    session : Session
    take : ndarray, shape (n_frames,), int64
        Take of every frame; :data:`MONO` where that has no two sides.
    centre : ndarray, shape (n_frames,), int64
        Sample of the take in the middle of every frame.
    geometry : FrameGeometry
    """

    session: Session
    take: NDArray[np.int64]
    centre: NDArray[np.int64]
    geometry: FrameGeometry

    def at(self, frames: NDArray[np.int64]) -> NDArray[np.complex64]:
        """Spectra of both sides in frames of stereo takes, shape (n, 2, n_bins)."""
        spectra = np.zeros((len(frames), 2, self.geometry.n_bins), np.complex64)
        for take in np.unique(self.take[frames]):
            place = self.take[frames] == take
            recording, centres = self.session.takes[take], self.centre[frames[place]]
            assert recording.side is not None, "asked for the sides of a recording in mono"
            middle, side = (frames_at(signal, centres, self.geometry) for signal in (recording.samples, recording.side))
            spectra[place, 0], spectra[place, 1] = middle + side, middle - side
        return spectra


def sides_of(
    session: Session, pieces: Sequence[tuple[int, NDArray[np.int64]]], geometry: FrameGeometry
) -> Sides | None:
    """The sides of frames that follow one another in pieces (take, centres); None where all takes are mono."""
    if all(take.side is None for take in session.takes):
        return None
    numbers = [MONO if session.takes[take].side is None else take for take, _ in pieces]
    return Sides(
        session,
        np.concatenate([np.full(len(centres), number) for number, (_, centres) in zip(numbers, pieces, strict=True)]),
        np.concatenate([centres for _, centres in pieces]),
        geometry,
    )
