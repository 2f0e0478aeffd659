"""The U-Net in the form that ONNX Runtime runs fastest on one core; up to rounding it gives the same numbers.

Encoder and head are convolutions over two dimensions of which one has the length 1, with multiples of 8 channels: only
for those there are kernels in blocked layout. The decoder's levels have 1 to some 100 bins; there a transposed
convolution mostly spends its time on rearranging weights and results, and a matrix product over bins with constant,
prepacked weights takes half as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from bsep_stream.train.network.unet import UNet

_CHANNEL_BLOCK = 8


class BlockNetwork(nn.Module):
    """Stands in for a trained :class:`~bsep_stream.train.network.unet.UNet`: see there for arguments and result."""

    constant_channels: Tensor
    no_channels: Tensor

    def __init__(self, network: UNet) -> None:
        super().__init__()
        self.n_channels, self.n_out, self.lengths = network.n_channels, network.n_out, network.lengths
        n_bins = int(network.ramp.shape[-1])
        encoder = [layer for layer in network.encoder if isinstance(layer, nn.Conv1d)]
        decoder = [layer for layer in network.decoder if isinstance(layer, nn.ConvTranspose1d)]
        missing = -encoder[0].in_channels % _CHANNEL_BLOCK
        self.register_buffer("constant_channels", torch.cat([network.ramp, torch.zeros(1, missing, n_bins)], dim=1))
        self.encoder = nn.ModuleList([FlatConvolution(encoder[0], missing), *map(FlatConvolution, encoder[1:])])
        for layer in encoder:
            n_bins //= layer.stride[0]
        self.decoder = nn.ModuleList()
        for layer_up, length in zip(decoder, network.lengths, strict=True):
            self.decoder.append(TransposedProduct(layer_up, n_bins))
            n_bins = length
        missing = -network.head_wide.in_channels % _CHANNEL_BLOCK
        self.register_buffer("no_channels", torch.zeros(1, missing, n_bins))
        self.head_wide = FlatConvolution(network.head_wide, missing)
        self.head_point = FlatConvolution(network.head_point)
        self.head_maps = network.head_maps.weight.detach()[:, :, None]

    def forward(self, inputs: Sequence[Tensor], extra: Tensor | None, map_scales: Tensor) -> Tensor:
        """Maps of frames."""
        batch = inputs[0].shape[0]
        constant, nothing = (each.expand(batch, -1, -1) for each in (self.constant_channels, self.no_channels))
        first = torch.cat([*inputs, constant] if extra is None else [*inputs, extra, constant], dim=1)
        hidden, skips = first[:, :, None], [first]
        for layer in self.encoder:
            hidden = functional.relu(layer(hidden))
            skips.append(hidden.squeeze(2))
        skips.pop()
        rows = hidden.squeeze(2).transpose(1, 2)
        for number, (layer, length) in enumerate(zip(self.decoder, self.lengths, strict=True), start=1):
            rows, skip = layer(rows)[:, :length], skips.pop()[..., :length]
            if number < len(self.decoder):
                rows = torch.cat([rows, skip.transpose(1, 2)], dim=2)
        skip = skip[:, : self.n_channels]
        hidden = torch.cat([rows.transpose(1, 2), skip, nothing], dim=1)[:, :, None]
        # What is beyond the last bin is cut off at last: between convolutions it would have to leave their layout.
        hidden = functional.relu(self.head_point(functional.relu(self.head_wide(hidden))))
        return functional.conv2d(hidden, self.head_maps * map_scales[:, None, None, None]).squeeze(2)[..., : self.n_out]


class FlatConvolution(nn.Module):
    """A convolution over the last of two dimensions, for an input with `missing` more channels of no weight."""

    weight: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Conv1d, missing: int = 0) -> None:
        super().__init__()
        self.register_buffer("weight", functional.pad(layer.weight.detach(), (0, 0, 0, missing))[:, :, None])
        assert layer.bias is not None
        self.register_buffer("bias", layer.bias.detach())
        self.stride, self.padding = layer.stride[0], int(layer.padding[0])

    def forward(self, hidden: Tensor) -> Tensor:
        """Activations (batch, n_in, 1, n_bins) to (batch, n_out, 1, n_bins / stride)."""
        return functional.conv2d(hidden, self.weight, self.bias, stride=(1, self.stride), padding=(0, self.padding))


class TransposedProduct(nn.Module):
    """A transposed convolution and its activation, channels last.

    A bin of the input and its neighbours make `stride` bins of the output, which are one row of a matrix product.
    Output bin ``stride * i + number`` gets tap ``number + padding - stride * shift`` from input bin ``i + shift``.

    Parameters
    ----------
    layer : nn.ConvTranspose1d
    n_bins : int
        Length of the input. Taps that only ever meet the zeros beyond it are left out.
    """

    bias: Tensor

    def __init__(self, layer: nn.ConvTranspose1d, n_bins: int) -> None:
        super().__init__()
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        self.n_bins, self.stride, self.n_out = n_bins, stride, layer.out_channels
        assert layer.bias is not None
        self.register_buffer("bias", layer.bias.detach().repeat(stride))
        taps = layer.weight.detach()  # (n_in, n_out, kernel)
        self.places: list[tuple[int, int, int]] = []  # shift, empty channels before and after
        reach = min(kernel, n_bins - 1)
        for shift in sorted(range(-reach, reach + 1), key=abs):
            numbers = [number for number in range(stride) if 0 <= number + padding - stride * shift < kernel]
            if not numbers:
                continue
            matrix = torch.cat([taps[:, :, number + padding - stride * shift] for number in numbers], dim=1)
            self.register_buffer(f"matrix_{len(self.places)}", matrix)
            self.places.append((shift, numbers[0] * self.n_out, (stride - 1 - numbers[-1]) * self.n_out))

    def forward(self, rows: Tensor) -> Tensor:
        """Activations (batch, n_bins, n_in) to (batch, n_bins * stride, n_out)."""
        total = self.bias
        for number, (shift, before, after) in enumerate(self.places):
            part = rows @ getattr(self, f"matrix_{number}")
            if shift or before or after:
                part = functional.pad(part, (before, after, -shift, shift))
            total = part + total
        return functional.relu(total).reshape(-1, self.n_bins * self.stride, self.n_out)
