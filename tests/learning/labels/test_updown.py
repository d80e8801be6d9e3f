"""The up-down algorithm: each update against its formula written out, what it learns, exact resumption."""

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot
from torch.profiler import ProfilerActivity, profile

from deepbelief.checkpoint import load_labelled_dbn, load_state, save_labelled_dbn, save_state
from deepbelief.data import Labelled, TensorSource
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.learning.labels.directions import Direction
from deepbelief.learning.labels.updown import UpDown, UpDownSettings
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import accuracy
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.models.views import standardise
from deepbelief.randomness import Random
from tests.small_models import PAIRS, small_rbm, some_values

CLASSES = 3


def problem(n: int = 240, seed: int = 0) -> tuple[TensorSource, Tensor]:
    """Three noisy binary patterns."""
    random = Random(seed, "problem")
    labels = torch.arange(n) % CLASSES
    clear = one_hot(labels, CLASSES).repeat_interleave(3, dim=1).float()
    return TensorSource((clear - (random.uniform(clear.shape) < 0.1).float()).abs()), labels


def tensors(model: torch.nn.Module) -> list[Tensor]:
    return [tensor.clone() for tensor in model.state_dict().values()]


@pytest.mark.parametrize(("visible", "hidden"), PAIRS)
@pytest.mark.parametrize("up", [False, True])
def test_a_direction_learns_along_the_slope_of_its_log_probability(visible: str, hidden: str, up: bool) -> None:
    rbm = small_rbm(visible, hidden)
    v, h = some_values(rbm.visible, 6, Random(1)), some_values(rbm.hidden, 6, Random(2))
    given, wanted, units = (v, h, rbm.hidden) if up else (h, v, rbm.visible)
    before = {name: parameter.detach().clone() for name, parameter in rbm.named_parameters()}
    field = given @ (rbm.weights if up else rbm.weights.T)
    log_p = (field * wanted).sum(dim=1) - units.energy(wanted) - units.log_partition(field)
    slopes = torch.autograd.grad(log_p.mean(), list(rbm.parameters()), allow_unused=True)
    with torch.no_grad():
        expected = wanted - units.mean(field)
    error = Direction(rbm, up, 8).learn(given, wanted, 0.1, 0.0, 0.0)
    torch.testing.assert_close(error, expected)
    for (name, parameter), slope in zip(rbm.named_parameters(), slopes, strict=True):
        moved = torch.zeros_like(parameter) if slope is None else 0.1 * slope
        torch.testing.assert_close(parameter.detach() - before[name], moved, rtol=1e-8, atol=1e-12)


def written_out(
    model: LabelledDBN, joined: Tensor, steps: int, weight: float, random: Random
) -> tuple[list[tuple[Tensor, Tensor]], list[tuple[Tensor, Tensor]]]:
    """The slopes of one step for binary units as in the appendix of Hinton, Osindero & Teh (2006), drawn first.

    Two lists of parameters and their slopes: of the layers below, and of the top RBM.
    """
    assert model.recognition is not None
    (r1, r2), (g1, g2) = (model.recognition.rbms, model.below.rbms)
    top, n, sigmoid = model.top.rbm, len(joined), torch.sigmoid
    v, y = joined[:, :-CLASSES], joined[:, -CLASSES:]
    h1 = random.bernoulli(sigmoid(v @ r1.weights + r1.hidden.bias))
    h2 = random.bernoulli(sigmoid(h1 @ r2.weights + r2.hidden.bias))
    seen = torch.cat([h2, y], dim=1)
    p = sigmoid(seen @ top.weights + top.hidden.bias)
    q = p
    for _ in range(steps):
        h = random.bernoulli(q)
        field = h @ top.weights.T + top.visible.bias
        pixels = random.bernoulli(sigmoid(field[:, :-CLASSES]))
        reached = field[:, -CLASSES:].softmax(dim=1).cumsum(dim=1)
        level = random.uniform_(torch.empty(n, 1, 1, dtype=v.dtype))[:, :, 0] * reached[:, -1:]
        label = one_hot((reached <= level).sum(dim=1), CLASSES).to(v)
        dreamt = torch.cat([pixels, label], dim=1)
        q = sigmoid(dreamt @ top.weights + top.hidden.bias)
    t2 = dreamt[:, :-CLASSES]
    t1 = random.bernoulli(sigmoid(t2 @ g2.weights.T + g2.visible.bias))
    t0 = sigmoid(t1 @ g1.weights.T + g1.visible.bias)
    changes = []
    for g, low, high in ((g1, v, h1), (g2, h1, h2)):
        error = low - sigmoid(high @ g.weights.T + g.visible.bias)
        changes += [(g.weights, error.T @ high / n), (g.visible.bias, error.mean(dim=0))]
    for r, low, high in ((r1, t0, t1), (r2, t1, t2)):
        error = high - sigmoid(low @ r.weights + r.hidden.bias)
        changes += [(r.weights, low.T @ error / n), (r.hidden.bias, error.mean(dim=0))]
    with torch.enable_grad():
        log_p = (model.top.predict_log_proba(h2) * y).sum(dim=1).mean()
        of_top = top.weights, top.visible.bias, top.hidden.bias
        slopes = torch.autograd.grad(log_p, of_top)
    generative = (seen.T @ p - dreamt.T @ q) / n, (seen - dreamt).mean(dim=0), (p - q).mean(dim=0)
    both = (one + weight * slope for one, slope in zip(generative, slopes, strict=True))
    return changes, list(zip(of_top, both, strict=True))


@torch.no_grad()
@pytest.mark.parametrize(
    "changes",
    [
        {"momentum": 0.0, "averaging": 0.0, "weight_decay": 0.0},
        {"momentum": 0.0, "averaging": 0.0, "weight_decay": 0.0, "gibbs_steps": 3},
        {"gibbs_steps": 2, "discriminative_weight": 0.7},
        {"gibbs_steps": 3, "growing_gibbs_steps": True, "averaging": 2.0},
    ],
)
def test_a_whole_training_is_the_published_one_written_out(changes: dict[str, object]) -> None:
    source, labels = problem(20)
    source, held_out = TensorSource(source.values.double()), problem(60, seed=1)
    ours = LabelledDBN.from_sizes([9, 6, 5, 7], CLASSES, Random(0), weight_std=0.8).double()
    theirs = copy.deepcopy(ours)
    theirs.recognition = copy.deepcopy(theirs.below)
    given = {"momentum": 0.6, "weight_decay": 0.05, "averaging": 1.0, "gibbs_steps": 1, **changes}
    s = UpDownSettings(epochs=3, batch_size=8, learning_rate=0.3, top_learning_rate=0.2, **given)  # type: ignore[arg-type]
    records = UpDown(ours, (source, labels), held_out, s, Random(1)).epochs()

    random, joined, average = Random(1), Labelled(source, labels, CLASSES), copy.deepcopy(theirs)
    velocity = {parameter: torch.zeros_like(parameter) for parameter in theirs.parameters()}
    step = 0
    for epoch in range(3):
        order = random.permutation(20)
        for index, rows in enumerate((order[:8], order[8:16], order[16:])):
            left, step = 1 - (epoch + index / 3) / 3, step + 1
            slopes = written_out(
                theirs, joined.batch(rows), s.gibbs_steps_at(epoch + 1), s.discriminative_weight, random
            )
            for rate, found in zip((0.3 * left, 0.2 * left), slopes, strict=True):
                for parameter, slope in found:
                    decay = s.weight_decay * parameter if parameter.ndim == 2 else 0
                    velocity[parameter] = s.momentum * velocity[parameter] + rate * (slope - decay)
                    parameter.add_(velocity[parameter])
            share = max(1 / (3 * s.averaging), 1 / step) if s.averaging else 1.0
            for mean, parameter in zip(average.parameters(), theirs.parameters(), strict=True):
                mean.lerp_(parameter, share)
        assert next(records).validation_accuracy == accuracy(average, *held_out)
    assert next(records, None) is None
    for (name, found), expected in zip(ours.state_dict().items(), average.state_dict().values(), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-10, msg=name)


def pretrained(seed: int = 0) -> LabelledDBN:
    random = Random(seed, "pretraining")
    model = LabelledDBN.from_sizes([9, 8, 12], CLASSES, random, weight_std=0.1)
    source, labels = problem()
    settings = [RBMSettings(epochs=20, batch_size=16)]
    list(Pretraining(model.below, source, settings, random).epochs())
    features = TensorSource(model.below.encode(source.values).detach())
    top = DBN([model.top.rbm])
    list(Pretraining(top, Labelled(features, labels, CLASSES), settings, random).epochs())
    return model


def job(seed: int = 0, **changes: object) -> tuple[LabelledDBN, UpDown]:
    random = Random(seed, "up-down")
    model = LabelledDBN.from_sizes([9, 8, 12], CLASSES, random)
    given = {"epochs": 5, "batch_size": 16, "patience": 3, **changes}
    return model, UpDown(model, problem(), problem(60, seed=1), UpDownSettings(**given), random)  # type: ignore[arg-type]


def test_the_two_directions_part_and_classify_no_worse(tmp_path: Path) -> None:
    model = pretrained()
    before = accuracy(model, *problem(300, seed=2))
    below = copy.deepcopy(model.below)
    settings = UpDownSettings(epochs=20, batch_size=16)
    records = list(UpDown(model, problem(), None, settings, Random(0)).epochs())
    assert len(records) == 20
    assert model.recognition is not None
    assert not torch.equal(model.recognition.layer(1).weights, model.below.layer(1).weights)
    assert not torch.equal(model.recognition.layer(1).weights, below.layer(1).weights)
    assert accuracy(model, *problem(300, seed=2)) > max(0.9, before - 0.02)
    save_labelled_dbn(tmp_path / "model", model)
    values = problem()[0].values
    assert torch.equal(load_labelled_dbn(tmp_path / "model")(values), model(values))


def test_early_stopping_keeps_the_best_epoch() -> None:
    model, training = job(epochs=60, patience=3, learning_rate=0.1, top_learning_rate=0.3)
    records = list(training.epochs())
    scores = [record.validation_accuracy or 0 for record in records]
    assert training.best_epoch == scores.index(max(scores)) + 1
    assert 1 < training.best_epoch == len(records) - 3 < 57
    assert accuracy(model, *problem(60, seed=1)) == max(scores)


def test_the_generative_weights_come_to_predict_the_data() -> None:
    _, training = job(epochs=40, patience=0, learning_rate=0.2)
    records = list(training.epochs())
    assert records[-1].loss < 0.7 * records[0].loss


@pytest.mark.parametrize("changes", [{}, {"averaging": 0.0}, {"patience": 0, "gibbs_steps": 3}])
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
    assert all(torch.equal(a, b) for a, b in zip(tensors(whole), tensors(resumed), strict=True))


def test_real_valued_data_are_standardised_on_the_way() -> None:
    source, labels = problem()
    scaled = TensorSource(source.values * 50 + 100)
    random = Random(0)
    below = DBN.from_units([Gaussian(9), Bernoulli(8)], random)
    standardise(below, scaled)
    model = LabelledDBN(below, LabelledRBM(Bernoulli(8), CLASSES, Bernoulli(12), random))
    records = list(UpDown(model, (scaled, labels), None, UpDownSettings(epochs=10, batch_size=16), random).epochs())
    assert records[-1].loss < records[0].loss < 20
    assert model.recognition is not None
    assert model.recognition.standardisation is not None


def test_a_step_takes_hardly_any_memory() -> None:
    random = Random(0)
    model = LabelledDBN.from_sizes([60, 50, 40, 80], CLASSES, random)
    data = TensorSource(random.uniform((192, 60))), torch.arange(192) % CLASSES
    training = UpDown(model, data, None, UpDownSettings(epochs=3, batch_size=64, averaging=0), random)
    rows = torch.arange(64)
    training._step(rows, 1.0)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        training._step(rows, 1.0)
    taken = [event.self_cpu_memory_usage for event in profiled.events() if event.self_cpu_memory_usage > 0]
    assert max(taken, default=0) <= 64 * CLASSES * 8  # labels and sums, nothing of a layer's batch or weights


def test_an_empty_held_out_set_is_none() -> None:
    random = Random(0)
    model, (source, labels) = LabelledDBN.from_sizes([9, 6, 5], CLASSES, random), problem()
    nothing = TensorSource(source.values[:0]), labels[:0]
    (record,) = UpDown(model, (source, labels), nothing, UpDownSettings(epochs=1), random).epochs()
    assert record.validation_accuracy is None
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        UpDown(model, (source, labels), nothing, UpDownSettings(patience=3), random)


def test_gibbs_steps_grow() -> None:
    settings = UpDownSettings(epochs=10, gibbs_steps=5, growing_gibbs_steps=True)
    assert [settings.gibbs_steps_at(epoch) for epoch in (1, 2, 3, 9, 10)] == [1, 1, 2, 5, 5]
    assert UpDownSettings(gibbs_steps=5).gibbs_steps_at(1) == 5


def test_what_does_not_fit_is_refused() -> None:
    source, labels = problem()
    wrong = LabelledDBN.from_sizes([8, 6, 5], CLASSES, Random(0))
    model = LabelledDBN.from_sizes([9, 6, 5], CLASSES, Random(0))
    with pytest.raises(SettingsError, match="the DBN sees 8 values, the data have 9"):
        UpDown(wrong, (source, labels), None, UpDownSettings(), Random(0))
    with pytest.raises(SettingsError, match="early stopping needs held-out items"):
        UpDown(model, (source, labels), None, UpDownSettings(patience=3), Random(0))
    with pytest.raises(DataError, match="240 items have 239 labels"):
        UpDown(model, (source, labels[1:]), None, UpDownSettings(), Random(0))
    with pytest.raises(DeepBeliefError, match="diverged at epoch 1"):
        list(job(learning_rate=1e7)[1].epochs())
