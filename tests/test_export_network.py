"""The network in the form in which it is exported equals the one that was trained."""

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.export.network import BlockNetwork, TransposedProduct
from bsep_stream.train.config.network_config import NetworkConfig
from bsep_stream.train.network.unet import UNet, same_padding

# float32 in another order of additions; activations are near 1.
TOLERANCE = 1e-5


@pytest.mark.parametrize("n_out", [None, 1, 70])
@pytest.mark.parametrize(
    ("channels", "strides", "kernel", "n_bins"),
    [
        ((8, 16), (4, 4), 5, 96),
        ((6, 8), (4, 4), 5, 96),  # channels that are no multiples of 8
        ((8, 8, 8, 8), (4, 4, 3, 2), 5, 96),  # one bin at the bottom
        ((8, 8), (1, 5), 5, 100),
        ((8, 8), (2, 2), 7, 96),  # taps that reach over two bins
        ((8, 8), (3, 4), 4, 96),
    ],
)
@pytest.mark.parametrize("extra_channels", [0, 2])
def test_equals_the_trained_network(
    channels: tuple[int, ...],
    strides: tuple[int, ...],
    kernel: int,
    n_bins: int,
    n_out: int | None,
    extra_channels: int,
) -> None:
    config = NetworkConfig(encoder_channels=channels, strides=strides, kernel_size=kernel, head_channels=5)
    network = UNet(config, 7, extra_channels, 6, n_bins, n_out)
    generator = torch.Generator().manual_seed(4)
    network.initialise(generator)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.uniform_(-0.5, 0.5, generator=generator)
        inputs = torch.randn(3, 7, n_bins, generator=generator)
        extra = torch.randn(3, extra_channels, n_bins, generator=generator) if extra_channels else None
        scales = torch.rand(6, generator=generator)
        expected = network([inputs], extra, scales)
        got = BlockNetwork(network)([inputs], extra, scales)
    assert expected.abs().max() > 0.01
    torch.testing.assert_close(got, expected, atol=TOLERANCE, rtol=1e-4)


def test_taps_that_only_meet_what_is_beyond_the_frame_are_left_out() -> None:
    padding, output_padding = same_padding(5, 2)
    layer = torch.nn.ConvTranspose1d(3, 4, 5, stride=2, padding=padding, output_padding=output_padding)
    product = TransposedProduct(layer, 1)
    assert sum(buffer.numel() for name, buffer in product.named_buffers() if name != "bias") == 3 * 4 * 2
    ones = torch.ones(1, 3, 1)
    torch.testing.assert_close(product(ones.transpose(1, 2)).transpose(1, 2), torch.relu(layer(ones)))
