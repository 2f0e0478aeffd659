"""Random notes: what the sources play around the moment of a frame.

A frame hears a melody at a random moment: in every source one note ends and the next begins, somewhere near or far from
the middle of the frame, and each of them may be a rest. Held notes, onsets, releases, decays, room tails under the next
note and silence all come out of this one picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bsep_stream.train.pretraining.instruments import Instruments, chance, uniform

BOUNDARY_SECONDS = 0.3
"""The change of notes is so far from the middle of the frame at most; a frame hears about 0.05 s to either side."""

_CONSONANCES = (0.0, 3.0, 4.0, 5.0, 7.0, 12.0, 12.0, 19.0, 24.0)
_NEPER_PER_CENT = math.log(2.0) / 1_200.0


@dataclass(frozen=True)
class Notes:
    """Notes of frames: the last index is 0 for the note before the boundary, 1 for the one after it.

    Attributes
    ----------
    f0_hz : Tensor, shape (n_frames, n_sources, 2)
        Mean pitch.
    gain : Tensor, same shape
        RMS of the held note; 0: a rest.
    boundary, attack, release : Tensor, same shape
        Seconds: change of notes from the middle of the frame; time constants.
    room_share, room_seconds : Tensor, same shape
        Part of the note that lives on in the room after its release, and its time constant.
    decay_seconds : Tensor, same shape
    vibrato_cents, vibrato_hz, vibrato_phase, glide_cents : Tensor, same shape
        Glide in cents a second.
    tremolo : Tensor, same shape
        Of the amplitude, with the vibrato.
    """

    f0_hz: Tensor
    gain: Tensor
    boundary: Tensor
    attack: Tensor
    release: Tensor
    room_share: Tensor
    room_seconds: Tensor
    decay_seconds: Tensor
    vibrato_cents: Tensor
    vibrato_hz: Tensor
    vibrato_phase: Tensor
    glide_cents: Tensor
    tremolo: Tensor

    @classmethod
    def draw(
        cls, instruments: Instruments, n_frames: int, lowest_hz: float, highest_hz: float, generator: torch.Generator
    ) -> Notes:
        """Random notes of a session's instruments, pitches within limits."""
        n_sources = len(instruments.register)
        shape = (n_frames, n_sources, 2)

        def by_source(low: float, high: float) -> Tensor:  # how an instrument is played, and the room
            return uniform(generator, low, high, n_sources, 1).expand(shape)

        def by_note(low: float, high: float) -> Tensor:
            return uniform(generator, low, high, *shape)

        octave = _melodies(instruments, n_frames, generator)
        sounding = ~chance(generator, 0.22, *shape)
        sliding = chance(generator, 0.5, *shape)
        level_db = by_source(-12.0, 0.0) + 4.0 * torch.randn(shape, generator=generator)
        return cls(
            f0_hz=(2**octave).clamp(lowest_hz, highest_hz),
            gain=sounding * 10 ** (level_db / 20),
            boundary=uniform(generator, -BOUNDARY_SECONDS, BOUNDARY_SECONDS, n_frames, n_sources, 1).expand(shape),
            attack=10 ** (by_source(-2.7, -1.5) + 0.2 * torch.randn(shape, generator=generator)),
            release=10 ** (by_source(-2.3, -1.0) + 0.2 * torch.randn(shape, generator=generator)),
            room_share=by_note(0.0, 1.0) * uniform(generator, 0.0, 0.5),
            room_seconds=(10 ** uniform(generator, -1.3, -0.3)).expand(shape),
            decay_seconds=instruments.decay_seconds[:, None].expand(shape),
            vibrato_cents=by_source(0.0, 50.0) * by_note(0.0, 1.0),
            vibrato_hz=by_source(4.0, 7.0),
            vibrato_phase=by_note(0.0, 2.0 * math.pi),
            glide_cents=by_source(0.0, 400.0) * sliding * torch.randn(shape, generator=generator),
            tremolo=by_source(0.0, 0.3) * by_note(0.0, 1.0),
        )

    def envelopes(self, time: Tensor) -> Tensor:
        """Amplitudes over time without the gains: seconds (n_samples,) to (n_frames, n_sources, 2, n_samples)."""
        since = time - self.boundary[..., None]
        tail = since.clamp_min(0.0)
        share = self.room_share[..., None]
        before = (1.0 - share) * torch.exp(-tail / self.release[..., None])
        before = before + share * torch.exp(-tail / self.room_seconds[..., None])
        after = 1.0 - torch.exp(-tail / self.attack[..., None])
        note = torch.stack([before[..., 0, :], after[..., 1, :]], dim=-2)
        swing = 1.0 + self.tremolo[..., None] * torch.sin(self._vibrato_angle(time))
        return note * swing * torch.exp(-since / self.decay_seconds[..., None])

    def detuning(self, time: Tensor) -> Tensor:
        """Relative deviation from f0 over time, shape (n_frames, n_sources, 2, n_samples)."""
        vibrato = self.vibrato_cents[..., None] * torch.sin(self._vibrato_angle(time))
        return _NEPER_PER_CENT * (vibrato + self.glide_cents[..., None] * time)

    def cycles(self, time: Tensor) -> Tensor:
        """Integral of the frequency of the first partial from anywhere, in periods; shape as of `detuning`."""
        rate = 2.0 * math.pi * self.vibrato_hz[..., None]
        wave = -self.vibrato_cents[..., None] * torch.cos(self._vibrato_angle(time)) / rate
        moved = _NEPER_PER_CENT * (wave + 0.5 * self.glide_cents[..., None] * time.square())
        return self.f0_hz[..., None] * (time + moved)

    def _vibrato_angle(self, time: Tensor) -> Tensor:
        return 2.0 * math.pi * self.vibrato_hz[..., None] * time + self.vibrato_phase[..., None]


def _melodies(instruments: Instruments, n_frames: int, generator: torch.Generator) -> Tensor:
    """Pitches, log2 Hz, (n_frames, n_sources, 2): steps of a scale, and more consonances than chance would bring."""
    n_sources = len(instruments.register)
    semitones = 12.0 * (instruments.register + instruments.span * torch.randn(n_frames, n_sources, generator=generator))
    interval = torch.tensor(_CONSONANCES)[torch.randint(len(_CONSONANCES), (n_frames, n_sources), generator=generator)]
    below = chance(generator, 0.8, n_frames, n_sources)
    consonant = semitones[:, :1] - torch.where(below, interval, -interval)
    together = chance(generator, 0.25, n_frames, n_sources)
    together[:, 0] = False
    semitones = torch.where(together, consonant, semitones)
    step = (4.0 * torch.randn(n_frames, n_sources, generator=generator)).round()
    first_known = chance(generator, 0.5, n_frames, n_sources)
    pair = torch.stack([semitones - step * ~first_known, semitones + step * first_known], dim=-1)
    tuning = uniform(generator, 0.0, 1.0)
    return (pair.round() + tuning + 0.1 * torch.randn(pair.shape, generator=generator)) / 12.0
