"""Constants of the network: its shape, and what it is given and asked for."""

from __future__ import annotations

from dataclasses import dataclass

from bsep_stream.errors import ConfigError

MAP_NAMES = (
    "logit", "amplitude", "width", "offset", "gamma_shape", "gamma_rate", "on", "direct_real", "direct_imag"
)  # fmt: skip


@dataclass(frozen=True)
class NetworkConfig:
    """Shape of the U-Net.

    Parameters
    ----------
    encoder_channels, strides : tuple of int
        Channels and stride of every convolution of the encoder; the decoder mirrors them.
    head_channels : int
        Channels of the layers at full resolution.
    kernel_size, head_kernel_size : int
        Length of the kernels of encoder and decoder, and of the first layer of the head.
    initial_scales : tuple of 9 floats
        Initial scale of every map, in the order of :data:`MAP_NAMES`.
    ramp : float
        First value of the linear ramp over frequency that only the first convolution sees.
    salience : bool
        One more channel per source for the first convolution: harmonic sum of what is left of the frame.
    salience_logit : float
        The salience also goes straight to the logits, multiplied by this and by the scale of the logit map: an
        untrained network then tries the tones that the dictionary explains best. 0: as published.
    start_from_frame : bool
        The direct maps are added to what is left of the frame, and the amplitude to the one that fits dictionary to
        direct tone: an untrained network explains all that lies on a tone's harmonics, and learns only to share it.
    lifted_modulus : bool
        The modulus channels are lifted (about a square root), so that quiet partials are seen.
    input_gradient : bool
        Differentiate through the tones that a later pass gets as input. Published: yes. Without it the
        gradient of the loss lacks the (small) path over the input, and is cheaper and steadier.
    direct_maps : bool
        The network says what the direct tones are fitted to, over all bins (published). Without, they are fitted to
        what is left of the frame, nothing is to be said above the highest pitch, and the decoder ends there: a third of
        the cost at full resolution. Needs `start_from_frame`.
    """

    encoder_channels: tuple[int, ...] = (80, 160, 240, 320, 400, 480, 560)
    strides: tuple[int, ...] = (4, 4, 4, 4, 4, 3, 2)
    head_channels: int = 80
    kernel_size: int = 5
    head_kernel_size: int = 3
    initial_scales: tuple[float, ...] = (10_000.0, 1.0, 3.0, 1.0, 30.0, 30.0, 1_000.0, 1.0, 1.0)
    ramp: float = 1e-2
    salience: bool = False
    salience_logit: float = 0.0
    start_from_frame: bool = False
    lifted_modulus: bool = False
    input_gradient: bool = True
    direct_maps: bool = True

    def __post_init__(self) -> None:
        if not self.encoder_channels or len(self.encoder_channels) != len(self.strides):
            lengths = f"{len(self.encoder_channels)} and {len(self.strides)}"
            raise ConfigError(f"encoder_channels and strides must have the same length, at least 1, got {lengths}")
        if min(self.encoder_channels + self.strides) < 1 or max(self.strides) > self.kernel_size:
            raise ConfigError(
                f"channels must be at least 1 and strides 1 to kernel_size = {self.kernel_size}, "
                f"got {self.encoder_channels} and {self.strides}"
            )
        if self.salience_logit and not self.salience:
            raise ConfigError(f"salience_logit = {self.salience_logit} needs salience = true")
        if not (self.direct_maps or self.start_from_frame):
            raise ConfigError("direct_maps = false needs start_from_frame = true, for direct tones to be fitted to")
        if len(self.initial_scales) != len(MAP_NAMES) or not min(self.initial_scales) > 0:
            raise ConfigError(f"initial_scales must be {len(MAP_NAMES)} positive numbers, got {self.initial_scales}")

    @property
    def n_maps(self) -> int:
        """Maps of one source: the first of :data:`MAP_NAMES`."""
        return len(MAP_NAMES) if self.direct_maps else MAP_NAMES.index("direct_real")
