"""Hypotheses: which pitches a source may have beside the likeliest one."""

import pytest

torch = pytest.importorskip("torch")

from dataclasses import replace

from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.config.trainconfig import MAP_NAMES
from bsep_stream.train.network.hypotheses import IMPOSSIBLE_NATS, NEIGHBOUR_BINS, OFF_LOGITS, Hypotheses, hypotheses
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Maps, Separator

BEST, NEXT, THIRD = 60, 90, 120
ON = 10.0
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def separator() -> Separator:
    """Preset fast; on if the map of on says more than minus the offset."""
    return Separator(preset_config("fast", ("recorder", "violin")), torch.Generator().manual_seed(1))


def found(separator: Separator, gap: float, third: float = 1e5, on: float = ON) -> tuple[Hypotheses, torch.Tensor]:
    """Source 1 has its best pitch at BEST; at NEXT it is less likely by so many nats."""
    policy = separator.config.policy
    n_out = separator.network.n_out
    logit = torch.full((1, 2, n_out), -1e6)
    nat = 1.0 / separator.config.imitation.inverse_temperature
    heights = {BEST: 0.0, NEXT: -gap * nat, THIRD: -third * nat, BEST + NEIGHBOUR_BINS: -0.01}  # the last: same tone
    for bin_index, height in heights.items():
        if bin_index < n_out:
            logit[0, 1, bin_index] = height
    logit[0, 0, BEST - 2 * NEIGHBOUR_BINS] = 100.0  # another source's
    parameters = torch.zeros(1, 2, 6, n_out)
    parameters[:, :, MAP_NAMES.index("on") - 1] = on - policy.on_offset
    maps = Maps(logit, parameters, torch.zeros(1, 1, 2, separator.config.geometry.n_bins))
    tones, _, margin, on_margin = hypotheses(separator, maps, torch.tensor([[1]]), torch.tensor([[BEST]]))
    assert on_margin.item() == pytest.approx(abs(on - OFF_LOGITS[0]), abs=ROUNDING)
    return tones, margin


def test_the_next_best_pitch_of_the_same_source_is_taken_along(separator: Separator) -> None:
    tones, margin = found(separator, gap=1.0, third=3.0)
    assert tones.f0_bin.tolist() == [[BEST, NEXT]]
    torch.testing.assert_close(tones.weight, torch.tensor([[1.0, 1.0 - 1.0 / IMPOSSIBLE_NATS]]), atol=ROUNDING, rtol=0)
    nat = 1.0 / separator.config.imitation.inverse_temperature
    assert margin.item() == pytest.approx(2.0 * nat)


def test_what_is_impossible_has_no_weight(separator: Separator) -> None:
    tones, margin = found(separator, gap=IMPOSSIBLE_NATS + 0.1, third=IMPOSSIBLE_NATS + 0.1)
    assert tones.weight.tolist() == [[1.0, 0.0]]
    nat = 1.0 / separator.config.imitation.inverse_temperature
    assert margin.item() == pytest.approx(0.1 * nat, rel=1e-3)  # from what would be possible


@pytest.mark.parametrize(
    ("logit", "weight"), [(OFF_LOGITS[0] - 1, 0.0), (sum(OFF_LOGITS) / 2, 0.5), (OFF_LOGITS[1], 1.0)]
)
def test_a_tone_that_is_rather_off_still_counts(separator: Separator, logit: float, weight: float) -> None:
    tones, _ = found(separator, gap=0.0, on=logit)
    torch.testing.assert_close(tones.weight, torch.full((1, 2), weight), atol=ROUNDING, rtol=0)


def test_a_range_of_one_pitch_has_no_other(separator: Separator) -> None:
    config = replace(separator.config, policy=replace(separator.config.policy, lowest_bin=BEST, highest_bin=BEST))
    made = Separator(config, torch.Generator().manual_seed(1))
    tones, _ = found(made, gap=0.0)
    assert tones.f0_bin[0, 0] == BEST
    assert tones.weight[0, 1] == 0.0


def test_masks_hear_a_tone_that_the_network_takes_for_off(separator: Separator) -> None:
    """All tones are said to be off, but not beyond doubt: the timbre shares out the frame all the same."""
    policy = replace(separator.config.policy, on_offset=OFF_LOGITS[1] + 0.5)
    made = Separator(replace(separator.config, policy=policy), torch.Generator().manual_seed(1))
    noise = torch.Generator().manual_seed(2)
    frames = torch.randn(2, made.config.geometry.n_bins, dtype=torch.complex64, generator=noise)
    with torch.no_grad():
        made.log_scales[MAP_NAMES.index("on")] = -20.0  # the map itself says nothing
        prediction = predict(made, frames)
    assert not prediction.on.any()
    assert (prediction.timbre.sum(dim=2) > 0).all()
