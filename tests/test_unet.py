"""The network is the published one, and any other of its kind keeps lengths."""

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError
from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import NetworkConfig
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.network.unet import UNet, same_padding

NAMES = ("one", "two", "three", "four")


@pytest.mark.parametrize(("n_sources", "published"), [(1, 11_685_760), (2, 11_689_040), (3, 11_692_320)])
def test_paper_network_has_the_published_number_of_parameters(n_sources: int, published: int) -> None:
    with torch.device("meta"):
        network = Separator(preset_config("paper", NAMES[:n_sources])).network
    assert sum(parameter.numel() for parameter in network.parameters()) == published


def test_paper_maps_start_at_the_published_scales() -> None:
    config = preset_config("paper", NAMES[:1])
    scales = dict(
        zip(
            ("logit", "amplitude", "width", "offset", "gamma_shape", "gamma_rate", "on", "direct_real", "direct_imag"),
            config.network.initial_scales,
            strict=True,
        )
    )
    assert scales == {
        "logit": 10_000, "amplitude": 1, "width": 3, "offset": 1, "gamma_shape": 30, "gamma_rate": 30,
        "on": 1_000, "direct_real": 1, "direct_imag": 1,
    }  # fmt: skip


def test_weights_are_glorot_uniform_and_biases_zero() -> None:
    config = NetworkConfig(encoder_channels=(32, 64), strides=(4, 2), head_channels=16)
    network = UNet(config, 10, 0, 9, 64)
    network.initialise(torch.Generator().manual_seed(1))
    for module in network.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.ConvTranspose1d):
            fans = sum(module.weight.shape[:2]) * module.weight.shape[2]
            largest = module.weight.abs().max().item()
            assert 0.9 * (6 / fans) ** 0.5 < largest <= (6 / fans) ** 0.5
            if module.bias is not None:
                assert not module.bias.any()


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("n_out", [1, 2, 7])
def test_same_padding_divides_and_multiplies_lengths_by_the_stride(stride: int, n_out: int) -> None:
    padding, output_padding = same_padding(5, stride)
    down = torch.nn.Conv1d(1, 1, 5, stride=stride, padding=padding)
    up = torch.nn.ConvTranspose1d(1, 1, 5, stride=stride, padding=padding, output_padding=output_padding)
    assert down(torch.zeros(1, 1, n_out * stride)).shape[-1] == n_out
    assert up(torch.zeros(1, 1, n_out)).shape[-1] == n_out * stride


def test_a_length_that_the_strides_do_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiple of 8"):
        UNet(NetworkConfig(encoder_channels=(4, 4), strides=(4, 2)), 10, 0, 9, 60)


@pytest.mark.parametrize("n_sources", [1, 2, 3, 4])
def test_fast_maps_end_at_the_highest_pitch(n_sources: int) -> None:
    separator = Separator(preset_config("fast", NAMES[:n_sources]))
    frames = torch.randn(2, 2, 2_048, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        maps = separator.maps(FrameState.start(frames, (1,) * n_sources))
    assert maps.logit.shape == (2, n_sources, 769)
    assert maps.parameters.shape == (2, n_sources, 6, 769)
    torch.testing.assert_close(maps.direct[:, 0], frames)


@pytest.mark.parametrize("strides", [(4, 4), (4, 3, 2), (2, 1, 4)])
@pytest.mark.parametrize("n_out", [1, 13, 40, 95, 96])
def test_first_bins_alone_are_those_of_all(strides: tuple[int, ...], n_out: int) -> None:
    # The same sums, rounded in another order: relative to outputs of about 1.
    tolerance = 1e-5
    config = NetworkConfig(encoder_channels=(6, 8, 10)[: len(strides)], strides=strides, head_channels=8)
    whole, part = UNet(config, 10, 0, 9, 96), UNet(config, 10, 0, 9, 96, n_out)
    whole.initialise(torch.Generator().manual_seed(5))
    part.load_state_dict(whole.state_dict())
    inputs = torch.randn(2, 10, 96, generator=torch.Generator().manual_seed(6))
    maps = part([inputs], None, torch.ones(9))
    assert maps.shape == (2, 9, n_out)
    torch.testing.assert_close(maps, whole([inputs], None, torch.ones(9))[..., :n_out], atol=tolerance, rtol=tolerance)


def test_decoder_computes_little_more_than_is_asked_for() -> None:
    network = Separator(preset_config("fast", NAMES[:2])).network
    assert network.lengths == [2, 4, 13, 49, 193, 770]


def test_pointwise_layers_are_the_same_with_and_without_gradient() -> None:
    # Two ways of computing the same sum of 16 products, rounded in another order.
    tolerance = 1e-5
    network = UNet(NetworkConfig(encoder_channels=(8,), strides=(4,), head_channels=16), 10, 0, 9, 64)
    network.initialise(torch.Generator().manual_seed(3))
    inputs = torch.randn(3, 10, 64, generator=torch.Generator().manual_seed(4))
    scales = torch.ones(9)
    trained = network([inputs], None, scales).detach()
    with torch.no_grad():
        predicted = network([inputs], None, scales)
    torch.testing.assert_close(trained, predicted, atol=tolerance, rtol=tolerance)
