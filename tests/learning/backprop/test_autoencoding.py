"""Autoencoders: they start as the DBN, their losses are the formulas, they learn and resume exactly."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from deepbelief.checkpoint import load_autoencoder, load_state, save_autoencoder, save_state
from deepbelief.data import TensorSource
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.learning.backprop.autoencoding import AutoencoderSettings, AutoencoderTraining
from deepbelief.models.autoencoder import Autoencoder, unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, Units
from deepbelief.models.views import standardise
from deepbelief.randomness import Random

STACKS: dict[str, list[Units]] = {
    "binary": [Bernoulli(9), Bernoulli(6), Bernoulli(4)],
    "linear code": [Bernoulli(9), Bernoulli(6), Gaussian(2)],
    "real": [Gaussian(9), Bernoulli(6), Bernoulli(4)],
    "joint": [Joint(Bernoulli(6), Categorical(1, 3)), Bernoulli(4)],
}
stacks = pytest.mark.parametrize("stack", STACKS)


def dbn_of(stack: str) -> DBN:
    dbn = DBN.from_units(STACKS[stack], Random(0), weight_std=0.8).double()
    random = Random(1)
    with torch.no_grad():
        for parameter in dbn.parameters():
            parameter.add_(random.normal(parameter.shape, 0.3))
    if stack == "real":
        standardise(dbn, TensorSource(values(5.0)))
    return dbn


def values(scale: float = 1.0) -> Tensor:
    return Random(2).uniform((40, 9)).double() * scale


@stacks
def test_it_starts_as_exactly_the_dbn(stack: str) -> None:
    dbn = dbn_of(stack)
    autoencoder = unroll(dbn)
    assert torch.equal(autoencoder(values()), dbn.reconstruct(values()))
    assert torch.equal(autoencoder.encode(values()), dbn.encode(values()))


def test_code_of_real_units_is_linear_and_others_are_not() -> None:
    hidden = values()[:, :6]
    for stack, linear in (("linear code", True), ("binary", False)):
        top = unroll(dbn_of(stack)).encoder.layer(2)
        ends = top.hidden_mean(hidden[:1]) + top.hidden_mean(hidden[1:2])
        assert torch.allclose(ends, 2 * top.hidden_mean((hidden[:1] + hidden[1:2]) / 2)) is linear


def test_the_losses_are_their_formulas() -> None:
    v = values()
    binary = unroll(dbn_of("binary"))
    r = binary(v)
    expected = torch.nn.functional.binary_cross_entropy(r, v, reduction="none").sum(dim=1)
    torch.testing.assert_close(binary.cross_entropy(v), expected)
    torch.testing.assert_close(binary.squared_error(v), ((v - r) ** 2).sum(dim=1))
    real = unroll(dbn_of("real"))
    scale = real.decoder.standardisation.scale.double()  # type: ignore[union-attr]
    precision = torch.exp(real.decoder.layer(1).visible.log_precision)  # type: ignore[operator]
    normal = torch.distributions.Normal(real(v), scale / precision.sqrt())  # of the values themselves
    torch.testing.assert_close(real.cross_entropy(v), -normal.log_prob(v).sum(dim=1))


@stacks
def test_the_two_halves_are_untied_copies_and_all_that_matters_learns(stack: str) -> None:
    dbn = dbn_of(stack)
    before = [tensor.clone() for tensor in dbn.state_dict().values()]
    autoencoder = unroll(dbn)
    v = dbn.layer(1).visible.sample(torch.zeros(40, 9, dtype=torch.float64), Random(3))
    settings = AutoencoderSettings(epochs=30, batch_size=10, learning_rate=0.01)
    records = list(AutoencoderTraining(autoencoder, TensorSource(v), None, settings, Random(0)).steps())
    assert records[-1].loss < records[0].loss - 0.1
    assert all(torch.equal(a, b) for a, b in zip(before, dbn.state_dict().values(), strict=True))
    up, down = autoencoder.encoder.layer(1), autoencoder.decoder.layer(1)
    assert not torch.equal(up.weights, down.weights)
    assert torch.equal(up.visible.bias, dbn.layer(1).visible.bias)
    for learnt in (up.hidden.bias, down.visible.bias, up.weights, down.weights):
        assert learnt.grad is not None
        assert learnt.grad.abs().sum() > 0


def job(seed: int = 0, **changes: object) -> tuple[Autoencoder, AutoencoderTraining]:
    random = Random(seed, "autoencoder")
    autoencoder = unroll(DBN.from_sizes([9, 6, 2], random))
    given = {"epochs": 6, "batch_size": 16, "learning_rate": 0.01, "patience": 3, **changes}
    parts = TensorSource(values().float()), TensorSource(values().float()[:10])
    return autoencoder, AutoencoderTraining(autoencoder, *parts, AutoencoderSettings(**given), random)  # type: ignore[arg-type]


@pytest.mark.parametrize("squared_error", [False, True])
@pytest.mark.parametrize("stop_after", [0, 1, 4])
def test_a_restored_training_ends_bit_for_bit_the_same(tmp_path: Path, stop_after: int, squared_error: bool) -> None:
    whole, training = job(squared_error=squared_error)
    list(training.steps())
    _, interrupted = job(squared_error=squared_error)
    steps = interrupted.steps()
    for _ in range(stop_after):
        next(steps)
    save_state(tmp_path / "state", interrupted.state())
    resumed, going_on = job(seed=99, squared_error=squared_error)
    going_on.restore(load_state(tmp_path / "state"))
    list(going_on.steps())
    assert going_on.records == training.records
    pairs = zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_without_patience_the_last_epoch_is_kept_and_still_measured() -> None:
    autoencoder, training = job(patience=0, learning_rate=0.3)
    last = {}
    for _ in training.steps():
        last = {name: tensor.clone() for name, tensor in autoencoder.state_dict().items()}
    assert all(record.validation_accuracy is not None for record in training.records)
    assert all(torch.equal(tensor, last[name]) for name, tensor in autoencoder.state_dict().items())


def test_an_empty_held_out_set_is_none() -> None:
    autoencoder, source = unroll(DBN.from_sizes([9, 3], Random(0))), TensorSource(values())
    nothing, settings = TensorSource(values()[:0]), AutoencoderSettings(epochs=1)
    (record,) = AutoencoderTraining(autoencoder, source, nothing, settings, Random(0)).steps()
    assert record.validation_accuracy is None
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        AutoencoderTraining(autoencoder, source, nothing, AutoencoderSettings(patience=2), Random(0))


@stacks
def test_an_autoencoder_comes_back(tmp_path: Path, stack: str) -> None:
    autoencoder = unroll(dbn_of(stack))
    save_autoencoder(tmp_path / "model", autoencoder)
    loaded = load_autoencoder(tmp_path / "model")
    assert torch.equal(loaded(values()), autoencoder(values()))


def test_real_units_keep_their_least_spread() -> None:
    """Items that are always the same, whose density has no end."""
    autoencoder = unroll(DBN.from_units([Gaussian(9, min_std=0.9), Bernoulli(3)], Random(0)))
    settings = AutoencoderSettings(epochs=4, batch_size=10, learning_rate=0.1)
    list(AutoencoderTraining(autoencoder, TensorSource(torch.zeros(60, 9)), None, settings, Random(0)).steps())
    std = torch.exp(-0.5 * autoencoder.decoder.layer(1).visible.get_parameter("log_precision").detach())
    torch.testing.assert_close(std, torch.full((9,), 0.9))


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    autoencoder = unroll(DBN.from_sizes([8, 3], Random(0)))
    with pytest.raises(SettingsError, match="the autoencoder sees 8 values, the data have 9"):
        AutoencoderTraining(autoencoder, TensorSource(values()), None, AutoencoderSettings(), Random(0))
    autoencoder = unroll(DBN.from_sizes([9, 3], Random(0)))
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        AutoencoderTraining(autoencoder, TensorSource(values()), None, AutoencoderSettings(patience=2), Random(0))
    with pytest.raises(ValueError, match="learning_rate"):
        AutoencoderSettings(learning_rate=-1)
    save_state(tmp_path / "other", job()[1].state())
    with pytest.raises(DeepBeliefError, match="holds no autoencoder"):
        load_autoencoder(tmp_path / "other")
