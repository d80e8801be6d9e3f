"""One layer at work: real-valued data, regularisation, monitors, early stopping, divergence."""

import math

import numpy as np
import pytest
import torch

from deepbelief.checkpoint import load_dbn, load_state, save_dbn, save_state
from deepbelief.data import TensorSource, load_dataset
from deepbelief.data.views import Binarised
from deepbelief.errors import SettingsError
from deepbelief.learning import Tempering
from deepbelief.learning.rbm.moments import Moments
from deepbelief.learning.rbm.monitors import free_energy_gap, pseudo_likelihood, reconstruction_error
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.records import DivergedError, EpochRecord
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.dbn import DBN
from deepbelief.models.standardisation import Standardisation
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, ReLU, Units
from deepbelief.models.views import Standardised, standardise
from deepbelief.randomness import Random
from tests.small_models import KINDS, all_states, log_likelihood, small_rbm, some_values


def patterns(n: int = 200, seed: int = 0) -> TensorSource:
    """Two clusters of binary items, some bits of them wrong."""
    random = Random(seed, "patterns")
    bits = random.bernoulli(torch.full((n, 1), 0.5))
    clean = torch.cat([bits.expand(n, 4), 1 - bits.expand(n, 4)], dim=1)
    return TensorSource((clean - random.bernoulli(torch.full((n, 8), 0.1))).abs())


def train(
    dbn: DBN, source: TensorSource, held_out: TensorSource | None = None, **settings: object
) -> list[EpochRecord]:
    values = RBMSettings(**{"epochs": 5, "batch_size": 20, **settings})  # type: ignore[arg-type]
    return list(Pretraining(dbn, source, [values] * len(dbn), random=Random(1), held_out=held_out).epochs())


@pytest.mark.parametrize("rate", [0.1, 0.01, 0.001])
def test_real_valued_fashion_mnist_trains_at_ordinary_rates(rate: float) -> None:
    images = load_dataset("fashion-mnist").train.subset(torch.arange(3000))
    dbn = DBN.from_units([Gaussian(784), Bernoulli(50)], Random(0), weight_std=0.01)
    standardise(dbn, images)
    settings = RBMSettings(epochs=3, batch_size=50, learning_rate=rate)
    errors = [
        one.monitors["reconstruction_error_unit"]
        for one in Pretraining(dbn, images, [settings], random=Random(1)).epochs()
    ]
    spread = float(dbn.standardisation(images.batch(slice(0, 2000))).square().mean())  # type: ignore[misc]
    assert errors[-1] < min(errors[0], spread)
    variance = dbn.layer(1).visible.variance  # type: ignore[union-attr,operator]
    assert float(variance.detach().min()) > 0.0099 and float(variance.detach().max()) < 10  # type: ignore[union-attr]
    shown = dbn.reconstruct(images.batch(slice(0, 5)))
    assert float(shown.detach().min()) > -1 and float(shown.detach().max()) < 2  # grey values again


def test_a_real_valued_rbm_finds_means_and_spread() -> None:
    """Independent normal values: the hidden units have nothing to tell, and the visible ones learn the distribution."""
    values = Random(0).normal((4000, 3)) * torch.tensor([0.5, 1.0, 2.0]) + torch.tensor([1.0, 0.0, -1.0])
    dbn = DBN.from_units([Gaussian(3), Bernoulli(2)], Random(0), weight_std=0.01)
    settings = {"epochs": 60, "batch_size": 100, "learning_rate": 0.05, "final_momentum": 0.5, "persistent_chains": 100}
    train(dbn, TensorSource(values), learning_rate_to_zero=True, **settings)
    rbm, random, visible = dbn.layer(1), Random(2), torch.zeros(20_000, 3)
    for _ in range(50):
        visible = rbm.sample_visible(rbm.sample_hidden(visible, random), random)
    torch.testing.assert_close(visible.mean(dim=0), values.mean(dim=0), atol=0.1, rtol=0)
    torch.testing.assert_close(visible.std(dim=0), values.std(dim=0), atol=0.1, rtol=0)


def test_standardised_values_are_those_of_the_formula_and_come_back() -> None:
    values = Random(0).normal((500, 4), 3.0) + 7
    values[:, 3] = 5.0  # never changes
    source = TensorSource(values)
    dbn = DBN.from_units([Gaussian(4), Bernoulli(2)], Random(0))
    standardise(dbn, source)
    scaling = dbn.standardisation
    assert scaling is not None
    z = scaling(values)
    torch.testing.assert_close(z[:, :3].mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(z[:, :3].std(dim=0, unbiased=False), torch.ones(3), atol=1e-4, rtol=0)
    assert not z[:, 3].any()
    torch.testing.assert_close(scaling.undo(z), values)
    seen = Standardised(source, scaling)
    assert len(seen) == 500 and seen.width == 4
    rows = torch.tensor([3, 1, 400])
    torch.testing.assert_close(seen.reader(3, torch.float32)(rows), z[rows])
    torch.testing.assert_close(seen.batch(rows), z[rows])
    torch.testing.assert_close(dbn.encode(values), dbn.layer(1).hidden_mean(z))


def test_values_in_any_units_are_standardised_each_by_itself() -> None:
    units = torch.tensor([1e6, 1000.0, 1.0, 1e-6], dtype=torch.float64)
    z = Random(0).normal((500, 4)).double()
    scaling = Standardisation.of((z * units).split(200))
    torch.testing.assert_close(scaling.scale, units, rtol=0.2, atol=0)
    torch.testing.assert_close(scaling(z * units).std(dim=0, unbiased=False), torch.ones(4).double())


def test_values_that_hardly_ever_change_stay_tame() -> None:
    pixels = torch.zeros(4000, 3)
    pixels[7, 0], pixels[:40, 1], pixels[::2, 2] = 0.3, 0.01, 1.0
    z = Standardisation.of([pixels])(pixels)
    torch.testing.assert_close(z.abs().amax(dim=0), torch.tensor([10.0, 9.95, 1.0]).double(), rtol=1e-3, atol=0)


def test_large_numbers_of_small_spread_keep_their_differences() -> None:
    values = 1.6e7 + Random(0).normal((500, 2)).double()
    dbn = DBN.from_units([Gaussian(2), Bernoulli(3)], Random(0)).double()
    standardise(dbn, TensorSource(values))
    seen = Standardised(TensorSource(values), dbn.standardisation).batch(slice(0, 500))  # type: ignore[arg-type]
    torch.testing.assert_close(seen.mean(dim=0), torch.zeros(2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(seen.std(dim=0, unbiased=False), torch.ones(2).double(), atol=1e-6, rtol=0)


def test_items_move_to_where_they_are_standardised() -> None:
    seen = Standardised(TensorSource(torch.rand(5, 3)), Standardisation(torch.zeros(3), torch.ones(3)).to("meta"))
    assert seen.batch(slice(0, 2)).is_meta
    assert seen.reader(2, torch.float32)(slice(0, 2)).is_meta


@pytest.mark.parametrize("kind", KINDS)
def test_models_of_all_kinds_come_back_from_disk(kind: str, tmp_path: object) -> None:
    dbn = (
        DBN.from_units([Gaussian(5), Bernoulli(4), KINDS[kind]()], Random(0))
        if kind in ("Bernoulli", "Categorical")
        else (DBN.from_units([KINDS[kind](), Bernoulli(4)], Random(0)))
    )
    values = TensorSource(Random(1).normal((50, dbn.sizes[0])))
    standardise(dbn, values)
    path = tmp_path / "dbn.safetensors"  # type: ignore[operator]
    save_dbn(path, dbn)
    again = load_dbn(path)
    assert torch.equal(again.encode(values.values), dbn.encode(values.values))
    assert str(again) == str(dbn)


def test_layers_of_unlike_units_do_not_stack() -> None:
    from deepbelief.models.rbm import RBM

    low, high = RBM(Bernoulli(4), ReLU(3), Random(0)), RBM(Bernoulli(3), Bernoulli(2), Random(0))
    with pytest.raises(SettingsError, match="sees Bernoulli units cannot stand on one with ReLU hidden units"):
        DBN([low, high])
    stacked = DBN.from_units([Bernoulli(4), Bernoulli(3), ReLU(2)], Random(0))
    assert stacked.encode(torch.ones(1, 4)).shape == (1, 2)


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.3},
        {"dropout": 0.3, "persistent_chains": 20},
        {"centring": True},
        {"centring": True, "persistent_chains": 20, "tempering": Tempering(temperatures=3)},
        {"sparsity_target": 0.1, "sparsity_cost": 1.0},
        {"l1": 0.001, "max_gradient_norm": 0.5, "binarise": True},
        {"persistent_chains": 20, "tempering": Tempering(trajectory=True), "learning_rate_to_zero": True},
    ],
)
def test_every_option_learns_and_goes_on_exactly(
    settings: dict[str, object], products: torch.dtype, tmp_path: object
) -> None:
    def job(seed: int) -> tuple[DBN, Pretraining]:
        dbn = DBN.from_sizes([8, 6, 3], Random(seed), weight_std=0.1)
        values = RBMSettings(**{"epochs": 6, "batch_size": 10, "learning_rate": 0.5, "final_momentum": 0.5, **settings})  # type: ignore[arg-type]
        random, held_out = Random(seed, "training"), patterns(50, 1)
        return dbn, Pretraining(dbn, patterns(), [values] * 2, random=random, products=products, held_out=held_out)

    whole, training = job(0)
    records = list(training.epochs())
    errors = [record.monitors["reconstruction_error_unit"] for record in records if record.layer == 1]
    assert errors[-1] < 0.15  # 0.25 is to know nothing
    _, interrupted = job(0)
    epochs = interrupted.epochs()
    for _ in range(8):
        next(epochs)
    save_state(tmp_path / "state", interrupted.state())  # type: ignore[operator]
    resumed, going_on = job(9)
    going_on.restore(load_state(tmp_path / "state"))  # type: ignore[operator]
    list(going_on.epochs())
    for ours, theirs in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True):
        assert torch.equal(ours, theirs)
    assert [record.reconstruction_error for record in going_on.records] == [one.reconstruction_error for one in records]


def test_sparse_units_are_rarely_on() -> None:
    def activity(cost: float) -> float:
        dbn = DBN.from_sizes([8, 10], Random(0), weight_std=0.1)
        train(dbn, patterns(), epochs=30, sparsity_target=0.05, sparsity_cost=cost)
        return float(dbn.encode(patterns().values).detach().mean())

    assert activity(3.0) < 0.15 < activity(0.0)


@pytest.mark.parametrize("chains", [0, 20])
def test_after_dropout_the_weights_are_those_of_all_units_together(chains: int) -> None:
    """The likelihood is that of the weights as they are, at each epoch; twice as strong they would be far off."""
    data = patterns().values.double()
    dbn = DBN.from_sizes([8, 6], Random(0), weight_std=0.1).double()
    settings = RBMSettings(epochs=40, batch_size=20, dropout=0.5, final_momentum=0.5, persistent_chains=chains)
    for record in Pretraining(dbn, TensorSource(data), [settings], random=Random(1)).epochs():
        if record.epoch == 20:
            break
    rbm = dbn.layer(1).requires_grad_(False)
    fitted = float(log_likelihood(rbm, data))
    rbm.weights.mul_(2)
    assert fitted > -4.9  # 8 log 2 = 5.5 is to know nothing
    assert float(log_likelihood(rbm, data)) < fitted - 0.5


def test_under_dropout_weights_move_by_the_share_that_is_kept() -> None:
    """The statistics are the gradient of W / kept; W moves kept times as far, biases as always."""
    settings = RBMSettings(
        epochs=1, batch_size=200, dropout=0.4, learning_rate=0.3, weight_decay=0, shuffle=False, visible_samples=False
    )
    rbm, twin = (DBN.from_sizes([8, 5], Random(0), weight_std=0.5).layer(1).requires_grad_(False) for _ in range(2))
    for one in (rbm, twin):
        one.visible.bias.fill_(0.1)  # which does not start from the data
    list(RBMTraining(rbm, patterns(), settings, random=Random(1)).epochs())
    phase = ContrastiveDivergence(twin, 200, 1, None, settings.regularisation, visible_samples=False)
    found = phase.statistics(patterns().values, Random(1))
    torch.testing.assert_close(rbm.weights - twin.weights, 0.6 * 0.3 / 200 * found.weights)
    torch.testing.assert_close(rbm.visible.bias - twin.visible.bias, 0.3 / 200 * found.visible)
    torch.testing.assert_close(rbm.hidden.bias - twin.hidden.bias, 0.3 / 200 * found.hidden)


@pytest.mark.parametrize("kind", KINDS)
def test_visible_biases_start_at_the_means_of_the_data(kind: str) -> None:
    units = KINDS[kind]()
    values = some_values(units, 300, Random(0)).float()
    dbn = DBN.from_units([units, Bernoulli(3)], Random(0), weight_std=0.0)
    train(dbn, TensorSource(values), epochs=1, learning_rate=1e-12)
    visible = dbn.layer(1).visible
    torch.testing.assert_close(visible.mean(torch.zeros_like(values[:1]))[0], values.mean(dim=0), atol=0.02, rtol=0.02)


def test_biases_that_were_learnt_or_are_not_wanted_from_the_data_stay() -> None:
    dbn = DBN.from_sizes([8, 5, 3], Random(0))
    train(dbn, patterns(), epochs=1, learning_rate=1e-12, visible_bias_from_data=False)
    assert max(float(dbn.layer(number).visible.bias.detach().abs().max()) for number in (1, 2)) < 1e-9
    dbn = DBN.from_sizes([8, 5, 3], Random(0))
    train(dbn, patterns(), epochs=1, learning_rate=1e-12)
    from_data = [dbn.layer(number).visible.bias.detach().clone() for number in (1, 2)]
    assert all(bias.abs().max() > 1e-3 for bias in from_data)
    train(dbn, TensorSource(torch.ones(50, 8)), epochs=1, learning_rate=1e-12)
    assert all(torch.allclose(dbn.layer(n).visible.bias, bias) for n, bias in zip((1, 2), from_data, strict=True))


def test_hidden_units_tell_rare_words_apart() -> None:
    """Binary words of two topics, 2 % of them ones: from biases of 0 all units would be on for every text."""
    random, topic = Random(0), torch.arange(200) % 2
    often = torch.full((200, 600), 0.003)
    often[topic == 0, :100] = often[topic == 1, 100:200] = 0.1
    dbn = DBN.from_sizes([600, 20], Random(0))
    train(dbn, TensorSource(random.bernoulli(often)), epochs=30)
    hidden = dbn.encode(random.bernoulli(often)).detach()
    between = (hidden[topic == 0].mean(dim=0) - hidden[topic == 1].mean(dim=0)).abs()
    assert float(between.max()) > 0.5


@pytest.mark.parametrize("batch_size", [7, 40, 5000])
def test_figures_for_each_unit_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    def records(**settings: object) -> list[EpochRecord]:
        dbn = DBN.from_sizes([8, 5, 3], Random(0), weight_std=0.3)
        return train(dbn, patterns(), patterns(60, 1), learning_rate=1e-9, epochs=2, **settings)

    for chains in (0, 10):
        for ours, theirs in zip(
            records(batch_size=batch_size, persistent_chains=chains),
            records(batch_size=20, persistent_chains=chains),
            strict=True,
        ):
            for name in set(theirs.monitors) - {"autocorrelation_time"}:
                assert ours.monitors[name] == pytest.approx(theirs.monitors[name], rel=1e-4, abs=1e-6), name
            per_item = ours.reconstruction_error / min(batch_size, 200), theirs.reconstruction_error / 20
            assert per_item[0] == pytest.approx(per_item[1], rel=0.05)


def test_moments_of_the_batches_are_those_of_their_formulas() -> None:
    """One step at a time, by hand: error and sum of |dW| of each batch, their means and standard deviations."""
    settings = RBMSettings(epochs=2, batch_size=50, batch_statistics=True, shuffle=False)
    dbn = DBN.from_sizes([8, 5], Random(0), weight_std=0.3)
    records = list(Pretraining(dbn, patterns(), [settings], random=Random(1)).epochs())
    again = RBMTraining(
        DBN.from_sizes([8, 5], Random(0), weight_std=0.3).layer(1), patterns(), settings, random=Random(1), layer=1
    )
    step = again._step
    for record in records:
        errors, updates = [], []
        for start in range(0, 200, 50):
            before, weights = float(step.squared_error), again.rbm.weights.detach().clone()
            batch = patterns().batch(slice(start, start + 50))
            step(batch, again._random, settings.learning_rate_at(1), settings.momentum_at(1))
            errors.append((float(step.squared_error) - before) / 8)
            updates.append(float((again.rbm.weights - weights).detach().abs().sum()))
        assert record.reconstruction_error == pytest.approx(np.mean(errors), rel=1e-5)
        assert record.monitors["error_std"] == pytest.approx(np.std(errors, ddof=1), rel=1e-4)
        assert record.monitors["update_mean"] == pytest.approx(np.mean(updates), rel=1e-4)
        assert record.monitors["update_std"] == pytest.approx(np.std(updates, ddof=1), rel=1e-3)


def test_moments_of_few_numbers() -> None:
    moments = Moments(torch.device("cpu"))
    assert all(map(math.isnan, moments.take()))
    moments.add(torch.tensor(3.0))
    mean, std = moments.take()
    assert mean == 3 and math.isnan(std)


def test_the_limit_of_divergence_is_that_of_the_first_start() -> None:
    def job() -> tuple[DBN, Pretraining]:
        dbn = DBN.from_sizes([8, 5], Random(0), weight_std=0.1)
        return dbn, Pretraining(dbn, patterns(), [RBMSettings(epochs=6, batch_size=20)], random=Random(1))

    dbn, training = job()
    epochs = training.epochs()
    next(epochs)
    with torch.no_grad():
        dbn.layer(1).hidden.bias.fill_(200)  # a free energy of 77 for each unit: on its way to the limit
    again, resumed = job()
    resumed.restore(training.state())
    with torch.no_grad():
        again.layer(1).hidden.bias.mul_(2)
    with pytest.raises(DivergedError):
        list(resumed.epochs())


def test_weights_are_sparse_under_l1() -> None:
    def small(l1: float) -> float:
        dbn = DBN.from_sizes([8, 10], Random(0), weight_std=0.1)
        train(dbn, patterns(), epochs=30, l1=l1, final_momentum=0.5)
        return float((dbn.layer(1).weights.abs() < 0.02).float().mean())

    assert small(0.02) > 2 * small(0.0)


def test_monitors_are_those_of_their_formulas() -> None:
    dbn = DBN.from_sizes([8, 5], Random(0), weight_std=0.1)
    training, held_out = patterns(), patterns(60, 1)
    record = train(dbn, training, held_out, persistent_chains=20)[-1]
    rbm = dbn.layer(1)
    with torch.no_grad():
        again = rbm.reconstruct(training.values)
        gap = rbm.free_energy(held_out.values).mean() - rbm.free_energy(training.values).mean()
    assert record.monitors["reconstruction_error_unit"] == pytest.approx(
        float((training.values - again).square().mean())
    )
    assert record.monitors["free_energy_gap"] == pytest.approx(float(gap), abs=1e-5)
    assert record.monitors["held_out_error_unit"] == pytest.approx(reconstruction_error(rbm, held_out.values))
    assert record.reconstruction_error == pytest.approx(20 * record.monitors["reconstruction_error_unit"])
    assert record.monitors["autocorrelation_time"] >= 1
    assert free_energy_gap(rbm, training.values, training.values) == 0


@pytest.mark.parametrize("kind", ["Bernoulli", "Categorical"])
@torch.no_grad()
def test_pseudo_likelihood_is_the_mean_conditional(kind: str) -> None:
    """Over all variables, by enumeration of the states that agree in all the others."""
    rbm = small_rbm(kind, "Bernoulli", 2)
    v = some_values(rbm.visible, 1, Random(3))
    states, groups = all_states(rbm.visible), len(rbm.visible.variable_sizes)
    logs, same = -rbm.free_energy(states), (states == v).view(len(states), groups, -1).all(dim=-1)
    own = float(-rbm.free_energy(v)[0])
    each = [
        own - float(torch.logsumexp(logs[(same.sum(dim=1) - same[:, g].int()) == groups - 1], 0)) for g in range(groups)
    ]
    n = 20_000
    found = pseudo_likelihood(rbm, v.expand(n, -1), Random(4))
    assert found == pytest.approx(sum(each) / groups, abs=5 * max(map(abs, each)) / math.sqrt(n))


def test_pseudo_likelihood_needs_values_with_an_end() -> None:
    rbm = small_rbm("Gaussian", "Bernoulli")
    assert pseudo_likelihood(rbm, torch.zeros(2, 3).double(), Random(0)) is None


def test_a_layer_stops_early_and_goes_back_to_the_best() -> None:
    """Few items and many units overfit; the layer ends at the epoch that was best on others."""
    dbn = DBN.from_sizes([8, 60], Random(0), weight_std=0.1)
    settings = {"epochs": 400, "batch_size": 5, "patience": 4, "learning_rate": 0.5, "weight_decay": 0.0}
    records = train(dbn, TensorSource(patterns(10).values), patterns(400, 1), **settings)
    values = [record.monitors["pseudo_likelihood_unit"] for record in records]
    assert len(records) < 400
    assert len(values) - 1 - values.index(max(values)) == 4
    best = records[values.index(max(values))].monitors
    held_out = patterns(400, 1).values
    assert reconstruction_error(dbn.layer(1), held_out) == pytest.approx(best["held_out_error_unit"])
    with pytest.raises(SettingsError, match="early stopping needs held-out items: give held_out"):
        train(dbn, patterns(), patience=2)


@pytest.mark.parametrize("batch_size", [10, 2])  # noticed at the end of an epoch, and amid one
def test_a_diverged_layer_is_left_as_it_was_after_the_last_good_epoch(batch_size: int) -> None:
    dbn = DBN.from_units([Gaussian(3), Bernoulli(40)], Random(0), weight_std=0.01)
    dbn.layer(1).visible.requires_grad_(False).bias.fill_(0.01)  # no start from the data, so that `good` is the start
    settings = RBMSettings(
        epochs=50, batch_size=batch_size, learning_rate=0.02, max_gradient_norm=0.0, momentum_switch=0
    )
    training = Pretraining(dbn, TensorSource(Random(1).normal((300, 3), 8.0)), [settings], random=Random(2))
    good = {name: tensor.clone() for name, tensor in dbn.state_dict().items()}
    told = r"layer 1 diverged at epoch (\d+) .* try a tenth of the learning rate, or max_gr"
    with pytest.raises(DivergedError, match=told) as error:
        for _ in training.epochs():
            good = {name: tensor.clone() for name, tensor in dbn.state_dict().items()}
    assert f" epoch {len(training.records) + 1} " in str(error.value)
    assert all(torch.equal(good[name], tensor) for name, tensor in dbn.state_dict().items())
    assert all(torch.isfinite(tensor).all() for tensor in training.state().tensors.values())


@pytest.mark.parametrize(
    ("units", "values"),
    [
        (ReLU(4), torch.poisson(torch.full((60, 4), 20.0), generator=torch.Generator().manual_seed(0))),
        (Gaussian(4), Random(0).uniform((60, 4), 0, 255)),
    ],
)
def test_large_values_are_no_divergence(units: Units, values: torch.Tensor) -> None:
    dbn = DBN.from_units([units, Bernoulli(3)], Random(0), weight_std=0.01)
    assert len(train(dbn, TensorSource(values), learning_rate=1e-7)) == 5


def test_monitors_look_at_all_of_a_sorted_source() -> None:
    """Ones first, zeros after: the first 2,000 items alone would say that a pixel is always on."""
    sorted_ = TensorSource(torch.cat([torch.ones(4000, 3), torch.zeros(4000, 3)]))
    dbn = DBN.from_sizes([3, 2], Random(0), weight_std=0.01).requires_grad_(False)
    dbn.layer(1).visible.bias.fill_(-20)
    record = train(dbn, sorted_, sorted_, epochs=1, batch_size=500, learning_rate=1e-6)[-1]
    assert record.monitors["reconstruction_error_unit"] == pytest.approx(0.5, abs=0.01)
    assert record.monitors["held_out_error_unit"] == pytest.approx(0.5, abs=0.01)


def test_equal_models_have_equal_pseudo_likelihoods_at_every_epoch() -> None:
    dbn = DBN.from_sizes([8, 5], Random(0), weight_std=1.0)
    records = train(dbn, patterns(), patterns(50, 1), learning_rate=1e-12)
    assert len({record.monitors["pseudo_likelihood_unit"] for record in records}) == 1


def test_no_held_out_items_are_as_none() -> None:
    nothing = TensorSource(torch.empty(0, 8))
    dbn = DBN.from_sizes([8, 5], Random(0))
    assert set(train(dbn, patterns(), nothing)[-1].monitors) == {"reconstruction_error_unit"}
    with pytest.raises(SettingsError, match="early stopping needs held-out items: give held_out"):
        train(dbn, patterns(), nothing, patience=2)


def test_offsets_follow_means_whatever_the_sparsity() -> None:
    dbn = DBN.from_sizes([8, 5], Random(0), weight_std=0.5)
    settings = RBMSettings(
        epochs=1, batch_size=200, centring=True, sparsity_target=0.01, sparsity_cost=5.0, learning_rate=1e-9
    )
    mean = dbn.encode(patterns().values).detach().mean(dim=0)
    training = Pretraining(dbn, patterns(), [settings], random=Random(1))
    next(training.epochs())
    torch.testing.assert_close(training.state().tensors["layer.memory.offset.hidden"], mean)


def test_schedules_and_settings_that_do_not_fit() -> None:
    falling = RBMSettings(epochs=4, learning_rate=0.4, learning_rate_to_zero=True)
    assert [falling.learning_rate_at(epoch) for epoch in (1, 2, 4)] == pytest.approx([0.4, 0.3, 0.1])
    with pytest.raises(ValueError, match="tempering needs chains: set persistent_chains above 0"):
        RBMSettings(tempering=Tempering(temperatures=4))
    with pytest.raises(ValueError, match="two ways to temper"):
        Tempering(temperatures=4, trajectory=True)
    with pytest.raises(ValueError, match="dropout and sparsity go with CD and PCD"):
        RBMSettings(tempering=Tempering(trajectory=True), persistent_chains=10, dropout=0.5)


def test_other_units_learn_too() -> None:
    """Counts and categories, on either side, through the same loop."""
    counts = Random(0).uniform((200, 1), 0, 6).floor().expand(200, 4) + Random(1).bernoulli(torch.full((200, 4), 0.3))
    bits = patterns().values[:, :4]
    one_hot = TensorSource(torch.stack([bits, 1 - bits], dim=2).flatten(1))
    for source, layers in (
        (TensorSource(counts), [ReLU(4), Bernoulli(6)]),
        (one_hot, [Categorical(4, 2), Bernoulli(5)]),
        (patterns(), [Bernoulli(8), ReLU(4)]),
        (patterns(), [Bernoulli(8), Gaussian(3)]),
        (patterns(), [Bernoulli(8), Categorical(2, 4)]),
    ):
        for chains in (0, 20):
            dbn = DBN.from_units(layers, Random(2), weight_std=0.1)
            records = train(dbn, source, epochs=25, learning_rate=0.2, final_momentum=0.5, persistent_chains=chains)
            errors = [record.monitors["reconstruction_error_unit"] for record in records]
            assert errors[-1] < 0.6 * float(source.values.var(dim=0).mean())  # what is left to who knows nothing


def test_binary_states_are_drawn_anew_and_have_the_values_as_means() -> None:
    values = Random(0).uniform((3, 5))
    source = Binarised(TensorSource(values), Random(1))
    assert len(source) == 3 and source.width == 5
    read, rows = source.reader(3, torch.float32), torch.tensor([2, 0])
    draws = torch.stack([read(rows).clone() for _ in range(4000)])
    assert set(draws.unique().tolist()) == {0.0, 1.0}
    torch.testing.assert_close(draws.mean(dim=0), values[rows], atol=0.04, rtol=0)
    assert set(source.batch(slice(0, 2)).unique().tolist()) <= {0.0, 1.0}


def test_with_binary_states_the_likelihood_of_grey_data_is_learnt_in_all_layers() -> None:
    """Grey values of one half tell nothing: a layer that sees states learns as much about coins, and no more."""
    dbn = DBN.from_sizes([6, 4, 3], Random(0), weight_std=0.1)
    train(dbn, TensorSource(torch.full((200, 6), 0.5)), binarise=True, persistent_chains=20, final_momentum=0.5)
    assert dbn.layer(1).weights.abs().max() < 0.5
    assert dbn.layer(2).weights.abs().max() < 0.5
