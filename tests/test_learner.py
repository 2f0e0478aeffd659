"""One iteration: gradients of network and dictionary, dropped steps, resuming."""

import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from bsep_stream.errors import ConfigError, RunError
from bsep_stream.model.geometry import FrameGeometry
from bsep_stream.train.config.presets import PRESET_NAMES, preset_config
from bsep_stream.train.config.trainconfig import LossConfig, NetworkConfig, OptimiserConfig, PolicyConfig, TrainConfig
from bsep_stream.train.learning.learner import Learner
from bsep_stream.train.learning.losses import importance_weights, policy_loss, rollout_losses
from bsep_stream.train.learning.rollouts import roll_out
from bsep_stream.train.network.frame_state import FrameState
from bsep_stream.train.network.policy import choice_logits, join_choice
from bsep_stream.train.network.prediction import predict
from bsep_stream.train.tones.dictionary import scale_prior_gradient
from bsep_stream.train.tones.spectra import as_complex


def tiny_config(**changes: object) -> TrainConfig:
    """Both sources, local peaks, a tree; 64 bins, so that an iteration takes milliseconds."""
    config = TrainConfig(
        preset="tiny",
        source_names=("one", "two"),
        geometry=FrameGeometry(n_fft=256, n_bins=64, hop_length=64, sigma_samples=32.0),
        n_harmonics=6,
        network=NetworkConfig(
            encoder_channels=(6, 8), strides=(4, 4), head_channels=6, salience=True, input_gradient=False,
            initial_scales=(10.0, *(1.0,) * 8),
        ),
        policy=PolicyConfig(
            sampling="tree", lowest_bin=4, highest_bin=20, gamma_clip=3.0, on_offset=3.0, lowest_width=0.8,
            highest_width=2.0, phase_floor=1e-3,
        ),
        rendering="local",
        batch_size=4,
        frame_noise=0.0,
    )  # fmt: skip
    return replace(config, **changes)  # type: ignore[arg-type]


def some_frames(seed: int, n_frames: int = 4, n_bins: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.complex(*torch.randn(2, n_frames, n_bins, generator=generator))


@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("n_sources", [1, 2, 3, 4])
def test_presets_go_through_json_and_back(preset: str, n_sources: int) -> None:
    config = preset_config(preset, ("a", "b", "c", "d")[:n_sources])
    values = json.loads(json.dumps(config.to_dict()))
    assert TrainConfig.from_dict(values) == config
    assert config.policy.candidates or config.n_rollouts == 3**n_sources
    if not config.policy.candidates:  # a run of before there were any
        del values["policy"]["candidates"], values["own_timbre"], values["start_decays"]
        for name in ("credit", "entropy", "discount_all", "timbre_weight"):
            del values["loss"][name]
        assert TrainConfig.from_dict(values) == config


def test_unknown_keys_and_presets_are_errors() -> None:
    values = preset_config("fast", ("a",)).to_dict()
    with pytest.raises(ConfigError, match="learning_rate"):
        TrainConfig.from_dict({**values, "learning_rate": 1})
    with pytest.raises(ConfigError, match="tempo"):
        TrainConfig.from_dict({**values, "policy": {**values["policy"], "tempo": 1}})
    with pytest.raises(ConfigError, match="one of " + ", ".join(PRESET_NAMES)):
        preset_config("quick", ("a",))


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("network", {"strides": (4,)}, "same length"),
        ("network", {"strides": (4, 4, 4, 4, 4, 7)}, "strides 1 to kernel_size"),
        ("network", {"initial_scales": (1.0,)}, "9 positive numbers"),
        ("network", {"salience": False}, "needs salience"),
        ("network", {"start_from_frame": False}, "for direct tones to be fitted to"),
        ("policy", {"sampling": "random"}, "crossed or tree"),
        ("policy", {"inverse_temperatures": ()}, "must be positive"),
        ("policy", {"highest_width": 0.9}, "enclose 1"),
        ("policy", {"highest_width": None}, "local rendering needs a limit"),
        ("policy", {"inharmonicity_floor": 0.0}, "inharmonicity_floor"),
        ("optimiser", {"micro_batches": 5}, "multiple of micro_batches"),
    ],
)
def test_settings_that_make_no_sense_are_refused(part: str, changes: dict[str, object], message: str) -> None:
    config = preset_config("fast", ("a",))
    with pytest.raises(ConfigError, match=message):
        replace(config, **{part: replace(getattr(config, part), **changes)})


@pytest.mark.parametrize("names", [(), ("a", "a"), ("a", ""), tuple("abcde")])
def test_source_names_that_cannot_be_used_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="source"):
        preset_config("fast", names)


@pytest.mark.parametrize(("rendering", "sampling"), [("local", "tree"), ("dense", "crossed")])
def test_one_backward_pass_gives_both_gradients(rendering: str, sampling: str) -> None:
    """Against two separate backward passes, network and dictionary each with the loss that is theirs."""
    config = tiny_config(rendering=rendering, loss=LossConfig(scale=7.0))
    config = replace(config, policy=replace(config.policy, sampling=sampling))
    learner = Learner(config, seed=1)
    frames = torch.stack([some_frames(2).real, some_frames(2).imag], dim=1)
    state = learner.generator.get_state()
    got = learner.gradients(frames)

    learner.generator.set_state(state)
    rollouts = roll_out(learner.separator, frames, learner.generator)
    amplitudes = learner.separator.dictionary.relative_amplitudes
    on = rollouts.on.reshape(4, 9, 2)
    terms = rollout_losses(
        frames, rollouts.direct(), rollouts.dictionary(amplitudes.expand(36, -1, -1)), on, config.loss
    )
    weights = importance_weights(rollouts.log_prob - rollouts.behaviour_log_prob)
    (by_dictionary,) = torch.autograd.grad(7 * (weights * terms.total).sum(), amplitudes, retain_graph=True)
    by_network = torch.autograd.grad(
        7 * policy_loss(terms.total, rollouts.behaviour_log_prob, 0.1), learner.separator.network_parameters()
    )
    torch.testing.assert_close(got.dictionary, by_dictionary, atol=1e-5, rtol=1e-4)
    for mine, reference in zip(got.network, by_network, strict=True):
        torch.testing.assert_close(mine, reference)
    assert all(bool(gradient.any()) for gradient in got.network)


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_one_iteration_changes_network_and_dictionary_by_one_step_size_at_most(preset: str) -> None:
    config = tiny_config(frame_noise=1e-10)
    if preset == "paper":
        config = replace(
            config,
            rendering="dense",
            network=NetworkConfig(encoder_channels=(6, 8), strides=(4, 4), head_channels=6),
            policy=PolicyConfig(),
        )
    learner = Learner(config, seed=1)
    before = {key: value.clone() for key, value in learner.separator.named_parameters()}
    report = learner.step(some_frames(3))
    assert report.finite
    assert set(report.losses) == {"total", "dictionary", "direct", "agreement"}
    assert report.losses["total"] == pytest.approx(
        report.losses["dictionary"] + report.losses["direct"] + report.losses["agreement"], rel=1e-5
    )
    for key, value in learner.separator.named_parameters():
        largest = (value - before[key]).abs().max().item()
        step = config.optimiser.dictionary_step_size if key.startswith("dictionary") else config.optimiser.step_size
        assert 0 < largest <= step * 1.01, key


def test_micro_batches_add_their_gradients() -> None:
    """With the same random numbers one batch of four is the sum of four of one."""
    frames = some_frames(4)
    learner = Learner(tiny_config(), seed=1)
    parts = torch.stack([frames.real, frames.imag], dim=1)
    summed = None
    for part in parts.chunk(4):
        gradients = learner.gradients(part)
        summed = gradients.dictionary if summed is None else summed + gradients.dictionary
    expected = summed + scale_prior_gradient(learner.separator.dictionary.relative_amplitudes)

    other = Learner(tiny_config(optimiser=OptimiserConfig(micro_batches=4)), seed=1)
    assert other.step(frames).finite
    mean = other.dictionary_optimiser.means[0]  # after one step: (1 - beta) times the gradient
    torch.testing.assert_close(mean / (1 - 0.99), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_a_step_that_is_not_finite_changes_nothing_and_is_counted(bad: float) -> None:
    learner = Learner(tiny_config(), seed=1)
    learner.step(some_frames(1))
    before = learner.state_dict()
    frames = some_frames(2)
    frames[1, 30] = bad
    report = learner.step(frames)
    assert not report.finite
    assert learner.dropped_steps == 1
    after = learner.state_dict()
    for key, value in before.items():
        if key not in ("generator", "iteration", "dropped_steps"):
            assert torch.equal(after[key], value), key
    assert learner.step(some_frames(3)).finite
    assert learner.iteration == 3


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() -> None:
    whole = Learner(tiny_config(), seed=5)
    for seed in range(6):
        whole.step(some_frames(seed))
    first = Learner(tiny_config(), seed=5)
    for seed in range(3):
        first.step(some_frames(seed))
    resumed = Learner(tiny_config(), seed=99)
    resumed.load_state_dict(first.state_dict())
    for seed in range(3, 6):
        resumed.step(some_frames(seed))
    expected = whole.state_dict()
    assert set(expected) == set(resumed.state_dict())
    for key, value in resumed.state_dict().items():
        assert torch.equal(value, expected[key]), key


def test_seeds_differ_and_repeat() -> None:
    first, second, other = (Learner(tiny_config(), seed=seed) for seed in (1, 1, 2))
    weights = [learner.separator.network.encoder[0].weight for learner in (first, second, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_state_of_another_configuration_is_refused() -> None:
    state = Learner(tiny_config(), seed=1).state_dict()
    other = Learner(tiny_config(source_names=("one",)), seed=1)
    with pytest.raises(RunError, match="does not fit"):
        other.load_state_dict(state)
    del state["generator"]
    with pytest.raises(RunError, match="generator"):
        Learner(tiny_config(), seed=1).load_state_dict(state)


def test_labels_can_be_imitated() -> None:
    """The probability of given tones rises, the dictionary stays."""
    learner = Learner(tiny_config(optimiser=OptimiserConfig(step_size=3e-3)), seed=1)
    frames = some_frames(6)
    state = FrameState.start(torch.stack([frames.real, frames.imag], dim=1), (1, 1))
    source, bin_index = torch.tensor([0, 1, 0, 1]), torch.tensor([5, 9, 13, 17])
    rows = learner.separator.dictionary.relative_amplitudes.detach().clone()
    policy = learner.config.policy
    losses = []
    for _ in range(30):
        maps = learner.separator.maps(state)
        logits = choice_logits(maps.logit, state.used, policy)
        loss = torch.nn.functional.cross_entropy(logits, join_choice(source, bin_index, maps.logit.shape[-1], policy))
        losses.append(loss.item())
        assert learner.apply(loss)
    assert losses[-1] < losses[0] - 1
    assert torch.equal(rows, learner.separator.dictionary.relative_amplitudes)


def test_a_loss_from_elsewhere_that_is_not_finite_is_dropped() -> None:
    learner = Learner(tiny_config(), seed=1)
    weight = learner.separator.network.head_maps.weight
    before = weight.detach().clone()
    assert not learner.apply(weight.sum() * float("nan"))
    assert learner.dropped_steps == 1
    assert torch.equal(weight, before)
    rows = learner.separator.dictionary.relative_amplitudes
    assert learner.apply(weight.square().sum(), rows.square().sum())
    assert not torch.equal(weight, before)


def test_training_finds_a_stationary_tone() -> None:
    """One source, one tone of three harmonics: after a hundred iterations prediction names it and explains half."""
    config = tiny_config(source_names=("one",), loss=LossConfig(scale=1e3), optimiser=OptimiserConfig(step_size=3e-3))
    bins = torch.arange(64.0)
    frame = torch.zeros(64)
    for order, height in ((1, 0.4), (2, 0.2), (3, 0.1)):
        frame += height * torch.exp(-0.5 * ((bins - 10.2 * order) / config.geometry.sigma_bins) ** 2)
    frames = (frame * torch.exp(torch.tensor(0.7j))).to(torch.complex64).expand(4, -1)
    learner = Learner(config, seed=3)
    for _ in range(120):
        learner.step(frames)
    with torch.no_grad():
        prediction = predict(learner.separator, frames[:1])
    assert prediction.f0_bin.item() == pytest.approx(10.2, abs=1.0)
    left = (frames[0] - as_complex(prediction.direct)[0, 0]).abs().square().sum()
    assert left < 0.5 * frames[0].abs().square().sum()
