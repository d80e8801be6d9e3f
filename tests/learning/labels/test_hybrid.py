"""The discriminative and the hybrid RBM: gradients against autograd and enumeration, averaging, exact resumption."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from deepbelief.checkpoint import load_state, save_state
from deepbelief.data import TensorSource
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.learning.labels.averaging import Averaged
from deepbelief.learning.labels.discriminative import Discriminative, combine
from deepbelief.learning.labels.hybrid import HybridSettings, HybridTraining
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.statistics import Statistics
from deepbelief.models.feedforward import accuracy
from deepbelief.models.labelled import LabelledRBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Units
from deepbelief.randomness import Random
from tests.small_models import all_states, log_z, randomise, some_values

CLASSES = 3


def small(values: Units, hidden: Units) -> LabelledRBM:
    random = Random(0, "small")
    model = LabelledRBM(values, CLASSES, hidden, random)
    randomise(model.rbm, random, 0.7)
    return model


def items(model: LabelledRBM, n: int = 7) -> tuple[Tensor, Tensor]:
    values = some_values(model.rbm.visible, n, Random(1))[:, : model.values]
    return values, torch.arange(n) % CLASSES


def assert_slopes(found: Statistics, model: LabelledRBM, value: Tensor) -> None:
    """The sums are the slopes of a value along every parameter."""
    sums = found.by_parameter()
    named = dict(model.rbm.named_parameters())
    slopes = torch.autograd.grad(value, list(named.values()), allow_unused=True)
    for (name, parameter), slope in zip(named.items(), slopes, strict=True):
        expected = torch.zeros_like(parameter) if slope is None else slope
        torch.testing.assert_close(sums.get(name, torch.zeros_like(parameter)), expected, rtol=1e-8, atol=1e-12)


kinds = pytest.mark.parametrize(
    ("values", "hidden"),
    [
        (Bernoulli(5), Bernoulli(4)),
        (Gaussian(3), Bernoulli(4)),
        (Categorical(2, 3), Categorical(2, 2)),
        (Gaussian(2), Categorical(1, 4)),
    ],
    ids=str,
)


@kinds
def test_the_discriminative_gradient_is_that_of_autograd(values: Units, hidden: Units) -> None:
    model = small(values, hidden)
    v, y = items(model)
    step = Discriminative(model, 9)
    for part in (slice(0, 7), slice(2, 5)):  # the second batch finds the memory of the first
        found = step.statistics(model.join(v[part], y[part]), Random(2))
        log_p = model.predict_log_proba(v[part])[torch.arange(len(y[part])), y[part]].sum()
        assert found.batch_size == len(y[part])
        torch.testing.assert_close(step.loss, -log_p.detach(), rtol=1e-10, atol=0)
        assert_slopes(found, model, log_p)


def test_units_that_drop_out_have_no_say() -> None:
    model = small(Bernoulli(5), Bernoulli(6))
    v, y = items(model, 8)
    found = Discriminative(model, 8, dropout=0.4).statistics(model.join(v, y), Random(2))
    kept = (Random(2).dropout_mask(torch.empty(8, 6, dtype=torch.float64), 0.4) > 0).double()
    assert 0 < kept.mean() < 1
    rbm = model.rbm
    fields = v @ rbm.weights[:5] + rbm.weights[5:, None]  # (classes, batch, hidden)
    says = torch.nn.functional.softplus(rbm.hidden.bias + fields) * kept / 0.6
    log_p = (says.sum(dim=2).T + rbm.visible.bias[5:]).log_softmax(dim=1)[torch.arange(8), y].sum()
    assert_slopes(found, model, log_p)


@kinds
def test_the_hybrid_gradient_with_an_exact_negative_phase_is_that_of_the_loss(values: Units, hidden: Units) -> None:
    model, weight = small(values, hidden), 0.3
    v, y = items(model)
    joined = model.join(v, y)
    named = dict(model.rbm.named_parameters())
    log_joint = -model.rbm.free_energy(joined).sum() - len(y) * log_z(model.rbm)
    slopes = dict(zip(named, torch.autograd.grad(log_joint, list(named.values())), strict=True))
    exact = Statistics(
        weights=slopes.pop("weights"),
        visible=slopes.pop("visible.bias"),
        hidden=slopes.pop("hidden.bias"),
        batch_size=len(y),
        further=slopes,
    )
    found = combine(Discriminative(model, 7).statistics(joined, Random(2)), exact, weight)
    log_p = model.predict_log_proba(v)[torch.arange(len(y)), y].sum()
    again = -model.rbm.free_energy(joined).sum() - len(y) * log_z(model.rbm)
    assert_slopes(found, model, log_p + weight * again)


def test_log_z_of_labelled_models_counts_every_label() -> None:
    model = small(Bernoulli(4), Bernoulli(3))
    v, h = all_states(model.rbm.visible), all_states(model.rbm.hidden)
    assert len(v) == 2**4 * CLASSES
    pairs = torch.stack([model.rbm.energy(v, one.expand(len(v), -1)) for one in h])
    torch.testing.assert_close(log_z(model.rbm), torch.logsumexp(-pairs.flatten(), dim=0))


# Training.


def problem(n: int = 240, seed: int = 0) -> tuple[TensorSource, Tensor]:
    """Three noisy binary patterns."""
    random = Random(seed, "problem")
    labels = torch.arange(n) % CLASSES
    clear = one_hot(labels, CLASSES).repeat_interleave(3, dim=1).float()
    return TensorSource((clear - (random.uniform(clear.shape) < 0.2).float()).abs()), labels


def job(seed: int = 0, **changes: object) -> tuple[LabelledRBM, HybridTraining]:
    random = Random(seed, "hybrid")
    model = LabelledRBM(Bernoulli(9), CLASSES, Bernoulli(12), random)
    given = {"epochs": 6, "batch_size": 16, "patience": 3, "dropout": 0.2, **changes}
    settings = HybridSettings(**given)  # type: ignore[arg-type]
    return model, HybridTraining(model, problem(), settings, random=random, held_out=problem(60, seed=1))


def tensors(model: torch.nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


@pytest.mark.parametrize("changes", [{"generative_weight": 0.0}, {}, {"persistent_chains": 10}, {"averaging": 0.0}])
def test_it_learns_the_problem(changes: dict[str, object]) -> None:
    model, training = job(epochs=20, patience=0, learning_rate=0.01, **changes)
    records = list(training.epochs())
    assert records[-1].loss < 0.5 * records[0].loss
    assert accuracy(model, *problem(300, seed=2)) > 0.85


def test_the_generative_part_teaches_what_the_data_look_like() -> None:
    (plain, without), (hybrid, training) = (
        job(epochs=30, patience=0, learning_rate=0.01, dropout=0.0, generative_weight=weight) for weight in (0.0, 0.5)
    )
    list(without.epochs())
    list(training.epochs())
    source, labels = problem()
    likelihoods = []
    for model in (plain, hybrid):
        model.double()
        joined = model.join(source.values.double(), labels)
        likelihoods.append((-model.rbm.free_energy(joined).mean() - log_z(model.rbm)).item())
    assert likelihoods[1] > likelihoods[0] + 0.5


@pytest.mark.parametrize("changes", [{}, {"persistent_chains": 10}, {"averaging": 0.0}, {"patience": 0}])
@pytest.mark.parametrize("stop_after", [0, 1, 3])
def test_a_restored_training_ends_bit_for_bit_the_same(
    tmp_path: Path, stop_after: int, changes: dict[str, object]
) -> None:
    whole, training = job(**changes)
    list(training.epochs())
    _, interrupted = job(**changes)
    epochs = interrupted.epochs()
    for _ in range(stop_after):
        next(epochs)
    save_state(tmp_path / "state", interrupted.state())
    resumed, going_on = job(seed=99, **changes)
    going_on.restore(load_state(tmp_path / "state"))
    list(going_on.epochs())
    assert going_on.records == training.records
    assert going_on.best_epoch == training.best_epoch
    assert all(torch.equal(a, b) for a, b in zip(tensors(whole), tensors(resumed), strict=True))


WHOLE = {
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 0.02,
    "momentum": 0.7,
    "generative_weight": 0.4,
    "weight_decay": 0.1,
    "averaging": 0.5,  # epochs: a mean at first, and then one that forgets
    "patience": 0,
}


def written_out(
    model: LabelledRBM, data: tuple[TensorSource, Tensor], s: HybridSettings, random: Random
) -> Iterator[float]:
    """The training as its formulas read; gives the loss of each epoch, the model then being the average."""
    (source, labels), rbm, n = data, model.rbm, len(data[1])
    trained = dict(copy.deepcopy(rbm).named_parameters())
    first = {name: torch.zeros_like(one) for name, one in trained.items()}
    second = {name: torch.zeros_like(one) for name, one in trained.items()}
    average, step, batches = copy.deepcopy(rbm), 0, -(-n // s.batch_size)
    if s.persistent_chains:
        chains = random.bernoulli(torch.sigmoid(rbm.hidden.bias.expand(s.persistent_chains, -1)))
        phase = PersistentContrastiveDivergence(rbm, n, chains, s.gibbs_steps)
    else:
        phase = ContrastiveDivergence(rbm, n, s.gibbs_steps, visible_samples=s.visible_samples)
    for epoch in range(s.epochs):
        order, total = random.permutation(n), 0.0
        for index, rows in enumerate(order.split(s.batch_size)):
            rbm.load_state_dict(trained)
            values = source.values[rows]
            joined, seen = model.join(values, labels[rows]), values
            if s.input_dropout:
                seen = values * random.dropout_mask(values, s.input_dropout)
            with torch.enable_grad():
                log_p = model(seen)[torch.arange(len(rows)), labels[rows]].sum()
                slopes = torch.autograd.grad(log_p, list(rbm.parameters()))
            generative = phase.statistics(joined, random).by_parameter()
            rate, step, total = s.learning_rate * (1 - (epoch + index / batches) / s.epochs), step + 1, total - log_p
            for (name, one), slope in zip(trained.items(), slopes, strict=True):
                slope = (slope + s.generative_weight * generative[name]) / len(rows)
                first[name] = s.momentum * first[name] + (1 - s.momentum) * slope
                second[name] = 0.999 * second[name] + 0.001 * slope**2
                m, v = first[name] / (1 - s.momentum**step), second[name] / (1 - 0.999**step)
                decay = s.weight_decay * one.detach() if name == "weights" else 0
                one.data.add_(rate * (m / (v.sqrt() + 1e-8) - decay))
                mean = average.get_parameter(name).data
                mean.lerp_(one.data, max(1 / (s.averaging * batches), 1 / step) if s.averaging else 1.0)
        rbm.load_state_dict(average.state_dict())
        yield float(total) / n


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"averaging": 0.0},
        {"gibbs_steps": 3, "visible_samples": False},
        {"persistent_chains": 7, "gibbs_steps": 2},
        {"input_dropout": 0.3},
    ],
)
def test_a_whole_training_is_the_loop_written_out(changes: dict[str, object]) -> None:
    settings = HybridSettings(**{**WHOLE, **changes})  # type: ignore[arg-type]
    (source, labels), held_out = problem(52), problem(60, seed=1)
    data = TensorSource(source.values.double()), labels
    ours, theirs = (LabelledRBM(Bernoulli(9), CLASSES, Bernoulli(12), Random(0)).double() for _ in range(2))
    expected = written_out(theirs, data, settings, Random(1))
    training = HybridTraining(ours, data, settings, random=Random(1), held_out=held_out)
    for record in training.epochs():
        assert record.loss == pytest.approx(next(expected), rel=1e-9)
        assert record.score == accuracy(theirs, *held_out)
    for (name, found), wanted in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-10, msg=name)


def test_early_stopping_keeps_the_best_epoch() -> None:
    model, training = job(epochs=40, patience=2, learning_rate=0.02)
    records = list(training.epochs())
    scores = [record.score or 0 for record in records]
    assert training.best_epoch == scores.index(max(scores)) + 1
    assert len(records) == training.best_epoch + 2 < 40
    assert accuracy(model, *problem(60, seed=1)) == max(scores)


def test_an_empty_held_out_set_is_none() -> None:
    random = Random(0)
    model, (source, labels) = LabelledRBM(Bernoulli(9), CLASSES, Bernoulli(4), random), problem()
    nothing, settings = (TensorSource(source.values[:0]), labels[:0]), HybridSettings(epochs=1, patience=0)
    (record,) = HybridTraining(model, (source, labels), settings, random=random, held_out=nothing).epochs()
    assert record.score is None
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        HybridTraining(model, (source, labels), HybridSettings(), random=random, held_out=nothing)


def test_weights_decay_and_nothing_else() -> None:
    """In one step, the decoupled decay being the only thing that two trainings differ by."""
    source, labels = problem(16)
    models: list[dict[str, torch.nn.Parameter]] = []
    for decay in (0.0, 0.5):
        model = LabelledRBM(Gaussian(9), CLASSES, Bernoulli(4), Random(1))
        torch.nn.init.constant_(model.rbm.visible.bias, 2.0)
        torch.nn.init.constant_(model.rbm.get_parameter("visible.parts.0.log_precision"), 1.0)
        start = model.rbm.weights.detach().clone()
        settings = HybridSettings(epochs=1, patience=0, averaging=0, learning_rate=0.1, weight_decay=decay)
        list(HybridTraining(model, (source, labels), settings, random=Random(2)).epochs())
        models.append(dict(model.rbm.named_parameters()))
    for name, parameter in models[0].items():
        change = -0.1 * 0.5 * start if name == "weights" else torch.zeros_like(parameter)
        torch.testing.assert_close(models[1][name] - parameter, change, atol=1e-5, rtol=0)


def test_averages_are_the_mean_and_then_forget() -> None:
    module = torch.nn.Linear(1, 1, bias=False)
    averaged = Averaged(module, memory=4)
    expected = 0.0
    for step in range(1, 9):
        torch.nn.init.constant_(module.weight, float(step))
        averaged.follow()
        expected += (step - expected) * max(1 / 4, 1 / step)
        assert averaged.module.weight.item() == pytest.approx(expected)
        if step == 4:
            assert expected == pytest.approx(2.5)
    assert Averaged(module, 0).module is module


def test_real_units_keep_their_least_spread() -> None:
    """Items without any noise, whose density has no end."""
    random = Random(0)
    model = LabelledRBM(Gaussian(2, min_std=0.9), CLASSES, Bernoulli(3), random)
    settings = HybridSettings(epochs=9, learning_rate=0.1, generative_weight=1.0, averaging=0, patience=0)
    list(HybridTraining(model, (TensorSource(torch.zeros(60, 2)), problem(60)[1]), settings, random=random).epochs())
    std = torch.exp(-0.5 * model.rbm.get_parameter("visible.parts.0.log_precision").detach())
    torch.testing.assert_close(std, torch.full((2,), 0.9))


def test_what_does_not_fit_is_refused() -> None:
    random = Random(0)
    model = LabelledRBM(Bernoulli(8), CLASSES, Bernoulli(4), random)
    with pytest.raises(SettingsError, match="the RBM sees 8 values beside the label, the data have 9"):
        HybridTraining(model, problem(), HybridSettings(patience=0), random=random)
    model = LabelledRBM(Bernoulli(9), CLASSES, Bernoulli(4), random)
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        HybridTraining(model, problem(), HybridSettings(), random=random)
    with pytest.raises(DataError, match="labels range from 0 to 3"):
        HybridTraining(model, (problem()[0], torch.arange(240) % 4), HybridSettings(patience=0), random=random)
    with pytest.raises(SettingsError, match="give Bernoulli hidden units"):
        Discriminative(LabelledRBM(Bernoulli(8), CLASSES, Gaussian(4), random), 5)
    with pytest.raises(ValueError, match="dropout"):
        HybridSettings(dropout=1.0)
    with pytest.raises(DeepBeliefError, match="diverged at epoch 1"):
        list(job(learning_rate=1e38)[1].epochs())
