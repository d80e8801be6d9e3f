"""Models with labels: p(y | v) against enumeration, what is clamped, what is saved."""

from pathlib import Path

import pytest
import torch

from deepbelief.checkpoint import (
    load_labelled_dbn,
    load_labelled_rbm,
    save_dbn,
    save_labelled_dbn,
    save_labelled_rbm,
)
from deepbelief.data import Labelled, TensorSource
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.learning.rbm.monitors import pseudo_likelihood
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, ReLU, Units
from deepbelief.randomness import Random
from tests.small_models import all_states, randomise, some_values

CLASSES = 3


def small(values: Units, hidden: Units, seed: int = 0) -> LabelledRBM:
    random = Random(seed, "small")
    model = LabelledRBM(values, CLASSES, hidden, random)
    randomise(model.rbm, random, 0.7)
    return model


def small_dbn(recognition: bool = False) -> LabelledDBN:
    random = Random(0)
    model = LabelledDBN.from_sizes([7, 5, 4, 6], CLASSES, random, weight_std=0.8)
    model.recognition = DBN.from_sizes([7, 5, 4], random, weight_std=0.8) if recognition else None
    return model


@pytest.mark.parametrize("values", [Bernoulli(4), Gaussian(3), Categorical(2, 2), ReLU(2)], ids=str)
@pytest.mark.parametrize("hidden", [Bernoulli(3), Categorical(1, 4)], ids=str)
def test_the_posterior_of_the_label_is_that_of_the_joint_distribution(values: Units, hidden: Units) -> None:
    model = small(values, hidden)
    v, h = some_values(values.double(), 6, Random(1)), all_states(model.rbm.hidden)
    log_p = torch.empty(6, CLASSES, dtype=torch.float64)
    for item in range(6):
        for label in range(CLASSES):
            seen = model.join(v[item : item + 1], torch.tensor([label]))
            log_p[item, label] = torch.logsumexp(-model.rbm.energy(seen.expand(len(h), -1), h), dim=0)
    expected = log_p - log_p.logsumexp(dim=1, keepdim=True)
    torch.testing.assert_close(model.predict_log_proba(v), expected, rtol=1e-10, atol=1e-10)


def test_the_posterior_is_differentiable_along_inputs_and_parameters() -> None:
    model = small(Bernoulli(4), Bernoulli(3))
    v = Random(1).uniform((5, 4)).double().requires_grad_()
    assert torch.autograd.gradcheck(model.predict_log_proba, v)
    model.predict_log_proba(v)[:, 0].sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for parameter in (model.rbm.weights, model.rbm.visible.bias))


def test_a_dbn_classifies_the_means_of_its_layers() -> None:
    tied, untied = small_dbn(), small_dbn(recognition=True)
    v = Random(1).uniform((5, 7))
    torch.testing.assert_close(tied(v), tied.top(tied.below.encode(v)))
    assert untied.recognition is not None
    torch.testing.assert_close(untied(v), untied.top(untied.recognition.encode(v)))
    assert not torch.equal(untied(v), untied.top(untied.below.encode(v)))


@torch.no_grad()
def test_pseudo_likelihood_counts_a_label_as_one_variable() -> None:
    model, n = small(Bernoulli(3), Bernoulli(4)), 40_000
    row = model.join(torch.tensor([[1.0, 0, 1]], dtype=torch.float64), torch.tensor([2]))
    alternatives = [[[0.0, 0, 1], 2], [[1.0, 1, 1], 2], [[1.0, 0, 0], 2]]
    others = [model.join(torch.tensor([v], dtype=torch.float64), torch.tensor([y])) for v, y in alternatives]  # type: ignore[list-item]
    own, free = -model.rbm.free_energy(row), model.rbm.free_energy
    conditionals = [(own - torch.logaddexp(own, -free(other))).item() for other in others]
    conditionals.append(model.predict_log_proba(row[:, :3])[0, 2].item())
    found = pseudo_likelihood(model.rbm, row.expand(n, -1), Random(3))
    spread = torch.tensor(conditionals).std().item()
    assert found == pytest.approx(sum(conditionals) / 4, abs=5 * spread / n**0.5)


def test_a_clamped_label_is_known_and_nothing_else() -> None:
    model = small_dbn()
    known, fixed = model.clamp_label(torch.tensor([2, 0]))
    assert known.shape == fixed.shape == (2, 4 + CLASSES)
    assert known.tolist() == [[False] * 4 + [True] * CLASSES] * 2
    assert fixed.tolist() == [[0.0] * 4 + [0, 0, 1], [0.0] * 4 + [1, 0, 0]]
    assert fixed.dtype == model.top.rbm.weights.dtype


def test_the_top_learns_labels_by_ordinary_pretraining() -> None:
    random = Random(0)
    labels = random.permutation(300) % CLASSES
    values = (random.uniform((300, 6)) < 0.1).float()
    values[torch.arange(300), labels * 2] = 1.0
    values[torch.arange(300), labels * 2 + 1] = 1.0
    model = LabelledRBM(Bernoulli(6), CLASSES, Bernoulli(12), random, weight_std=0.1)
    source = Labelled(TensorSource(values), labels, CLASSES)
    list(Pretraining(DBN([model.rbm]), source, [RBMSettings(epochs=20, batch_size=20)], random).epochs())
    assert (model(values).argmax(dim=1) == labels).double().mean() > 0.95


@pytest.mark.parametrize("rows", [slice(2, 5), torch.tensor([4, 0, 3])])
def test_labelled_items_are_values_and_one_hot_labels(rows: slice | torch.Tensor) -> None:
    values, labels = Random(0).uniform((6, 2)), torch.tensor([0, 2, 1, 1, 0, 2])
    source = Labelled(TensorSource(values), labels, CLASSES)
    expected = torch.cat([values, torch.eye(CLASSES)[labels]], dim=1)[rows]
    assert source.width == 5
    assert len(source) == 6
    assert torch.equal(source.batch(rows), expected)
    assert torch.equal(source.reader(4, torch.float64)(rows), expected.double())


def test_labels_that_do_not_fit_are_refused() -> None:
    values = TensorSource(torch.zeros(3, 2))
    with pytest.raises(DataError, match="3 items have 2 labels"):
        Labelled(values, torch.tensor([0, 1]), 2)
    with pytest.raises(DataError, match=r"labels range from 0 to 2; number the 2 classes from 0"):
        Labelled(values, torch.tensor([0, 1, 2]), 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("recognition", [False, True])
def test_a_labelled_dbn_comes_back(tmp_path: Path, recognition: bool, dtype: torch.dtype) -> None:
    model = small_dbn(recognition).to(dtype)
    save_labelled_dbn(tmp_path / "model", model, note="kept")
    loaded = load_labelled_dbn(tmp_path / "model")
    v = Random(1).uniform((5, 7)).to(dtype)
    assert torch.equal(loaded(v), model(v))
    assert loaded.state_dict().keys() == model.state_dict().keys()


def test_a_labelled_rbm_comes_back_and_other_files_are_refused(tmp_path: Path) -> None:
    model = small(Gaussian(3), Bernoulli(4))
    save_labelled_rbm(tmp_path / "model", model)
    loaded = load_labelled_rbm(tmp_path / "model")
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in model.state_dict().items())
    with pytest.raises(DeepBeliefError, match="holds no DBN with labels"):
        load_labelled_dbn(tmp_path / "model")
    save_dbn(tmp_path / "dbn", DBN.from_sizes([3, 2], Random(0)))
    with pytest.raises(DeepBeliefError, match="holds no RBM with labels"):
        load_labelled_rbm(tmp_path / "dbn")


def test_what_does_not_fit_together_is_refused() -> None:
    random = Random(0)
    below = DBN.from_sizes([7, 5], random)
    top = LabelledRBM(Bernoulli(4), CLASSES, Bernoulli(6), random)
    with pytest.raises(
        SettingsError, match="top RBM over 4 values beside the label cannot stand on a DBN with 5 units"
    ):
        LabelledDBN(below, top)
    top = LabelledRBM(Bernoulli(5), CLASSES, Bernoulli(6), random)
    with pytest.raises(SettingsError, match=r"recognition stack of \[7, 4\] does not fit layers of \[7, 5\]"):
        LabelledDBN(below, top, DBN.from_sizes([7, 4], random))
    with pytest.raises(SettingsError, match="take LabelledRBM"):
        LabelledDBN.from_sizes([7, 5], CLASSES, random)
