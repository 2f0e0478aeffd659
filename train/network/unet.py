"""U-Net over the frequency axis (method section 4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from bsep_stream.errors import ConfigError
from bsep_stream.train.config.trainconfig import NetworkConfig


def same_padding(kernel_size: int, stride: int) -> tuple[int, int]:
    """Padding with which a convolution divides, and a transposed one multiplies, a length by its stride exactly.

    Returns
    -------
    padding, output_padding : int
        `padding` is the smallest symmetric one for which lengths that are multiples of the stride work out
        (where one side needs more, it is the lower frequencies); `output_padding` belongs to the transposed one.
    """
    padding = (kernel_size - stride + 1) // 2
    return padding, stride + 2 * padding - kernel_size


def needed_lengths(config: NetworkConfig, n_bins: int, n_out: int) -> list[int]:
    """How much of its output every layer of the decoder must give for the first `n_out` bins of the maps.

    Returns
    -------
    list of int
        In the order of the decoder: the last entry is at full resolution.
    """
    lengths = [min(n_bins, n_out + config.head_kernel_size // 2)]
    length = n_bins
    for stride in config.strides[:-1]:
        padding, _ = same_padding(config.kernel_size, stride)
        length //= stride
        # The last output that is needed gets something from inputs up to this one.
        lengths.append(min(length, (lengths[-1] - 1 + padding) // stride + 1))
    return lengths[::-1]


def _pointwise(hidden: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Convolution with a kernel of length 1. On CPUs the gradient of a matrix product is three times as fast."""
    if not torch.is_grad_enabled() or hidden.device.type != "cpu":
        return functional.conv1d(hidden, weight, bias)
    product = torch.bmm(weight[:, :, 0].expand(hidden.shape[0], -1, -1), hidden)
    return product if bias is None else product + bias[:, None]


class UNet(nn.Module):
    """Encoder and decoder of equal depth with concatenated skips, and a head at full resolution.

    Parameters
    ----------
    config : NetworkConfig
    n_channels : int
        Input channels that the first convolution and the head see.
    n_extra_channels : int
        Input channels that only the first convolution sees (besides the ramp).
    n_maps : int
        Output channels.
    n_bins : int
        Length of the input.
    n_out : int or None
        Length of the output: the first bins only, which are the same as with all of them; None: all. The decoder
        computes no more than that needs.

    Raises
    ------
    ConfigError
        If `n_bins` is not a multiple of the product of the strides.
    """

    ramp: Tensor

    def __init__(
        self,
        config: NetworkConfig,
        n_channels: int,
        n_extra_channels: int,
        n_maps: int,
        n_bins: int,
        n_out: int | None = None,
    ) -> None:
        super().__init__()
        self.n_channels = n_channels
        self.n_out = n_bins if n_out is None else n_out
        self.lengths = needed_lengths(config, n_bins, self.n_out)
        product = 1
        for stride in config.strides:
            product *= stride
        if n_bins % product:
            raise ConfigError(f"n_bins must be a multiple of {product}, the product of the strides, got {n_bins}")
        self.register_buffer("ramp", torch.linspace(config.ramp, 0.0, n_bins).reshape(1, 1, n_bins), persistent=False)
        widths = (n_channels + n_extra_channels + 1, *config.encoder_channels)
        self.encoder = nn.ModuleList()
        for depth, stride in enumerate(config.strides):
            padding, _ = same_padding(config.kernel_size, stride)
            self.encoder.append(
                nn.Conv1d(widths[depth], widths[depth + 1], config.kernel_size, stride=stride, padding=padding)
            )
        self.decoder = nn.ModuleList()
        n_in = widths[-1]
        # From the bottom up: as many channels as the encoder's tensor of the layer below had.
        for depth in reversed(range(len(config.strides))):
            stride = config.strides[depth]
            padding, output_padding = same_padding(config.kernel_size, stride)
            n_out = widths[depth + 1]
            self.decoder.append(
                nn.ConvTranspose1d(
                    n_in, n_out, config.kernel_size, stride=stride, padding=padding, output_padding=output_padding
                )
            )
            n_in = n_out + (widths[depth] if depth else n_channels)
        head = config.head_channels
        self.head_wide = nn.Conv1d(n_in, head, config.head_kernel_size, padding=config.head_kernel_size // 2)
        self.head_point = nn.Conv1d(head, head, 1)
        self.head_maps = nn.Conv1d(head, n_maps, 1, bias=False)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Glorot-uniform weights, zero biases."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.ConvTranspose1d):
                fan_sum = (module.weight.shape[0] + module.weight.shape[1]) * module.weight.shape[2]
                bound = (6.0 / fan_sum) ** 0.5
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.zero_()

    def forward(self, inputs: Sequence[Tensor], extra: Tensor | None, map_scales: Tensor) -> Tensor:
        """Maps of frames.

        Parameters
        ----------
        inputs : sequence of Tensor, shape (batch, any, n_bins)
            Together `n_channels` channels.
        extra : Tensor or None, shape (batch, n_extra_channels, n_bins)
        map_scales : Tensor, shape (n_maps,)
            Factor on every map; it goes into the last weights, which are few.

        Returns
        -------
        Tensor, shape (batch, n_maps, n_out)
        """
        ramp = self.ramp.expand(inputs[0].shape[0], -1, -1)
        hidden = torch.cat([*inputs, ramp] if extra is None else [*inputs, extra, ramp], dim=1)
        skips = [hidden[:, : self.n_channels]]
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
            skips.append(hidden)
        skips.pop()
        for layer, length in zip(self.decoder, self.lengths, strict=True):
            skip = skips.pop()[..., :length]
            # One layer makes a stride's worth more than the next one needs.
            hidden = torch.cat([functional.relu(layer(hidden)[..., :length]), skip], dim=1)
        hidden = functional.relu(self.head_wide(hidden)[..., : self.n_out])
        hidden = functional.relu(_pointwise(hidden, self.head_point.weight, self.head_point.bias))
        return _pointwise(hidden, self.head_maps.weight * map_scales[:, None, None], None)
