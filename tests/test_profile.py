"""What an iteration costs, and where it goes."""

import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner

from bsep_stream.train.benchmark.profile import STAGES, command, markdown, measure, noise_batch, part_of
from bsep_stream.train.config.trainconfig import TrainConfig


@pytest.mark.parametrize(
    ("operation", "part"),
    [
        ("aten::convolution_backward", "convolutions, backward"),
        ("aten::mkldnn_convolution", "convolutions, forward"),
        ("aten::addmm", "matrix products"),
        ("aten::_linalg_solve_ex", "solves"),
        ("aten::scatter_add_", "gather and scatter"),
        ("aten::sqrt", "all else"),
    ],
)
def test_operations_belong_to_parts(operation: str, part: str) -> None:
    assert part_of(operation) == part


def test_the_batch_has_sounding_and_silent_labels_within_the_range(duet_config: TrainConfig) -> None:
    frames, labels = noise_batch(duet_config, 64)
    assert frames.shape == (64, duet_config.geometry.n_bins)
    assert 0 < (labels == 0).float().mean() < 0.5
    sounding = labels[labels > 0]
    assert sounding.min() >= duet_config.policy.lowest_bin
    assert sounding.max() <= duet_config.policy.highest_bin


def test_costs_grow_with_the_frames_and_their_parts_sum_to_all(duet_config: TrainConfig) -> None:
    costs = [measure(duet_config, stage, n_frames, 1) for stage in STAGES for n_frames in (2, 4)]
    for few, many in (costs[:2], costs[2:]):
        assert 1.5 * few.operations < many.operations <= 2 * few.operations
    # The policy gradient has the labels beside it, and more passes.
    assert costs[2].operations > 2 * costs[0].operations
    for cost in costs:
        assert cost.seconds > 0
        assert sum(cost.shares.values()) == pytest.approx(1.0)
        assert cost.shares["convolutions, backward"] > 0
    lines = markdown(costs, 2).splitlines()
    assert len({line.count("|") for line in lines}) == 1


def test_an_unknown_preset_is_refused() -> None:
    result = CliRunner().invoke(command, ["--preset", "slow"])
    assert result.exit_code == 2
    assert "paper" in result.output
