"""What can be chosen about masks."""

from __future__ import annotations

from dataclasses import dataclass

from bsep_stream.errors import ConfigError

DEFAULT_RING = 0.3
"""Of models that do not say how long their sources ring on."""


@dataclass(frozen=True)
class MaskSettings:
    """How masks are made from the spectra of the tones.

    Parameters
    ----------
    exponent : float
        ``p`` in ``timbre**p``. 2 gives Wiener masks (shares of power), 1 shares of modulus; larger
        is harder: the louder source takes the bin, with less leakage and more artefacts.
    smoothing_bins : float
        Standard deviation of the Gaussian that smooths ``timbre**p`` and ``|mixture|**p`` over
        frequency. Larger gives more of what lies between the harmonics (breath, attack, room) to
        the source nearby; 0 switches it off.
    floor_db : float
        Level, against the mixture in the same bin, of what no tone explains and ``residual``
        keeps. Where the tones are weaker than this, the bin stays in ``residual``.
    excess_db : float or None
        Where the mixture is louder than its tones by more than this, what is above stays in ``residual``. None: the
        sources share it, and ``strike_db`` does nothing. Without effect where masks are made from the tones of another
        frame (all latency settings but ``quality``), as there a new note is above them as well. 18 keeps more of a
        metronome out of the stems, and with it the hammers of a piano.
    strike_db : float or None
        Where the mixture is louder than its tones by more than this in the mean of all bins around (12 dB more at low
        frequencies), something strikes that no tone explains: a click, a chair, a metronome. There ``excess_db``
        shrinks to 10. None: there as anywhere.
    ring : float or None
        Share of the power of a frame that rings on in the next, of every source: the room, a string, a key that was
        let go. None: as long as the sources of the model were heard to ring when it was trained
        (``SeparationModel.decay_seconds``); a model that does not say has 0.3. A number is without effect where masks
        are made from the tones of another frame.
    noise_db : float or None
        So far above the noise that is always there a stem begins: what is below stays in ``residual`` (hiss, hum of
        an amplifier, a fan). None: the sources share the noise.
    metronome : bool
        Whether the strikes of a metronome that training found in its recording stay in ``residual``
        (:mod:`bsep_stream.masks.metronome`). Without effect where masks are made from the tones of another frame.
    places : bool
        In stereo, whether the sources are told apart by their places as well (:mod:`bsep_stream.masks.places`).

    Notes
    -----
    By measurement (docs/laboratory.md): the timbre makes better masks than the tones of the frame itself. A larger
    exponent trades SAR for SIR; smoothing trades SIR for SAR; a smaller excess trades SAR for a cleaner residual.

    Examples
    --------
    >>> from bsep_stream import MaskSettings, separate
    >>> stems = separate("duet.onnx", "duet.wav", mask=MaskSettings(exponent=1.0))
    """

    exponent: float = 2.0
    smoothing_bins: float = 0.0
    floor_db: float = -60.0
    excess_db: float | None = 28.0
    strike_db: float | None = 14.0
    noise_db: float | None = 8.0
    ring: float | None = None
    metronome: bool = True
    places: bool = True

    def __post_init__(self) -> None:
        if not 0.5 <= self.exponent <= 4.0:
            raise ConfigError(f"the exponent of a mask must be 0.5 to 4, got {self.exponent}")
        if not 0.0 <= self.smoothing_bins <= 50.0:
            raise ConfigError(f"smoothing_bins must be 0 to 50, got {self.smoothing_bins}")
        if not -300.0 <= self.floor_db <= 0.0:
            raise ConfigError(f"floor_db must be -300 to 0, got {self.floor_db}")
        if self.ring is not None and not 0.0 <= self.ring <= 0.9:
            raise ConfigError(f"ring must be 0 to 0.9 or None, got {self.ring}")
        for name in ("excess_db", "strike_db", "noise_db"):
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 60.0:
                raise ConfigError(f"{name} must be 0 to 60 or None, got {value}")


FOREIGN_TO_STEMS = MaskSettings(excess_db=None, strike_db=None, noise_db=None, metronome=False)
"""The sources share whatever sounds while they play."""

FOREIGN_TO_STEMS_NEVER = MaskSettings(excess_db=18.0, strike_db=8.0, noise_db=14.0)
"""Clean stems before complete ones: hammers and breath stay in the residual in part."""
