"""Registers: a pitch that was not heard goes to the source whose register it continues."""

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.train.config.presets import preset_config
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.network.separator import Separator
from bsep_stream.train.tones.registers import LARGEST_NATS, WEIGHT, Registers

CONFIG = preset_config("fast", ("oboe", "euphonium"))
HIGH, LOW = torch.arange(60.0, 90.0), torch.arange(15.0, 25.0)
UNHEARD_HIGH, HEARD_HIGH = 130, 75


def session(times: int = 40) -> torch.Tensor:
    """Labels of a session in which the first source is high and the second low; (n_frames, 2)."""
    n = times * len(HIGH)
    return torch.stack([HIGH.repeat(times), LOW.repeat(n // len(LOW) + 1)[:n]], dim=1)


@pytest.fixture
def registers() -> Registers:
    made = Registers(CONFIG)
    made.fit(session())
    return made


def test_a_pitch_above_all_that_was_heard_belongs_to_the_high_source(registers: Registers) -> None:
    odds = registers.log_odds[:, UNHEARD_HIGH]
    assert odds[0] > -0.01
    assert odds[1] < -5.0


def test_odds_are_bounded_and_never_in_favour(registers: Registers) -> None:
    assert registers.log_odds.max() <= 0.0
    assert registers.log_odds.min() >= -WEIGHT * LARGEST_NATS


def test_what_a_source_was_heard_to_play_is_left_to_the_network() -> None:
    """The low source plays one high pitch for long: there the odds hold no longer, three semitones on they do."""
    both = torch.cat([session(), torch.tensor([[0.0, float(HEARD_HIGH)]]).expand(400, -1)])
    registers = Registers(CONFIG)
    registers.fit(both)
    near, far = registers.log_odds[1, HEARD_HIGH], registers.log_odds[1, round(HEARD_HIGH * 2 ** (4 / 12))]
    assert far < 10 * near < 0


def test_a_source_that_never_sounds_leaves_all_odds_even() -> None:
    registers = Registers(CONFIG)
    registers.fit(torch.tensor([[50.0, 0.0]]).expand(100, -1))
    assert not registers.log_odds.any()


def test_prediction_follows_the_registers() -> None:
    """Two networks, alike but for their registers: one gives the higher tone to the first source, one to the second."""
    found = []
    for labels in (session(), session().flip(1)):
        separator = Separator(CONFIG, torch.Generator().manual_seed(3))
        assert separator.registers is not None
        separator.registers.fit(labels)
        frame = torch.zeros(1, CONFIG.geometry.n_bins, dtype=torch.complex64)
        frame[0, [UNHEARD_HIGH * k for k in range(1, 8)]] = 1.0
        frame[0, [11 * k for k in range(1, 40)]] += 0.5
        with torch.no_grad():
            found.append(predict(separator, frame).f0_bin[0])
    assert found[0][0] > found[0][1]
    assert found[1][0] < found[1][1]
