"""Images of a wanted class."""

import pytest
import torch

from deepbelief.data import Labelled, TensorSource
from deepbelief.errors import SettingsError
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN
from deepbelief.randomness import Random
from deepbelief.sampling import annealing, clamped_chain, labelled_fantasies, labelled_frames


def test_they_are_a_clamped_chain_of_the_top_rbm_passed_down() -> None:
    model, labels = LabelledDBN.from_sizes([6, 5, 4], 3, Random(0), weight_std=1.0), torch.tensor([2, 0])
    known, values = model.clamp_label(labels)
    with torch.no_grad():
        steps = list(clamped_chain(model.top.rbm, values, known, Random(1), annealing(7)))
        expected = [model.below.decode(step.mean[:, :5]) for step in steps]
    frames = list(labelled_frames(model, labels, Random(1), 7))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(frames, expected, strict=True))
    assert all(torch.equal(step.visible[:, 5:], values[:, 5:]) for step in steps)
    assert torch.equal(labelled_fantasies(model, labels, Random(1), 7), expected[-1])


def test_hidden_samples_are_drawn_layer_by_layer_below_the_top_and_pixels_are_means() -> None:
    model, labels = LabelledDBN.from_sizes([6, 5, 4, 3], 2, Random(0), weight_std=1.0), torch.tensor([1, 0, 1])
    known, values = model.clamp_label(labels)
    random = Random(1)
    with torch.no_grad():
        *_, step = clamped_chain(model.top.rbm, values, known, random, annealing(7))
        states = model.below.layer(2).sample_visible(step.visible[:, :4], random)
        expected = model.below.layer(1).visible_mean(states)
    assert torch.equal(labelled_fantasies(model, labels, 1, 7, hidden_samples=True), expected)


def test_of_several_chains_the_image_is_kept_that_the_model_is_surest_of() -> None:
    model, labels = LabelledDBN.from_sizes([6, 5, 4], 3, Random(0), weight_std=2.0), torch.tensor([2, 0, 1, 1, 2, 0])
    known, values = model.clamp_label(labels)
    random = Random(1)
    with torch.no_grad():
        chains = [list(clamped_chain(model.top.rbm, values, known, random, annealing(20))) for _ in range(3)]
        images = [model.below.decode(steps[-1].mean[:, :5]) for steps in chains]
        sure = torch.stack([model.predict_log_proba(image)[torch.arange(6), labels] for image in images])
    made = labelled_fantasies(model, labels, 1, 20, candidates=3)
    assert len(set(sure.argmax(dim=0).tolist())) > 1  # else there is nothing to choose
    for row, best in enumerate(sure.argmax(dim=0).tolist()):
        assert torch.equal(made[row], images[best][row])
    assert torch.equal(labelled_fantasies(model, labels, 1, 20), images[0])


def test_candidates_help_where_a_chain_never_leaves_the_mode_of_another_class() -> None:
    model = LabelledDBN.from_sizes([6, 6, 2], 2, Random(0))
    below, top = model.below.layer(1), model.top.rbm
    with torch.no_grad():
        below.weights.copy_(20 * torch.eye(6))  # copies its units up and down
        below.visible.bias.fill_(-10)
        below.hidden.bias.fill_(-10)
        top.weights.copy_(torch.tensor([[10.0, -10]] * 6 + [[-1, 1], [1, -1]]))  # modes: all on, rather for label 1;
        top.visible.bias.fill_(0)
        top.hidden.bias.copy_(torch.tensor([-30.0, 30]))  # all off, rather for label 0
    labels = torch.arange(400) % 2
    alone, best = (labelled_fantasies(model, labels, Random(1), 60, candidates=n).mean(dim=1) for n in (1, 10))
    frames = list(labelled_frames(model, labels, Random(1), 60))
    late = [(frame.mean(dim=1) > 0.5) for frame in frames[45:]]
    assert all(torch.equal(moment, late[0]) for moment in late)  # beta is 1, and no chain moves
    assert ((alone > 0.5) == labels.bool()).double().mean() < 0.9
    assert ((best > 0.5) == labels.bool()).double().mean() > 0.99


def test_an_image_is_one_of_some_candidates() -> None:
    model = LabelledDBN.from_sizes([6, 5, 4], 3, Random(0))
    with pytest.raises(SettingsError, match="at least 1 candidate, not of 0"):
        labelled_fantasies(model, [1], 0, 5, candidates=0)


def test_a_model_that_has_learnt_two_classes_draws_the_one_that_is_asked_for() -> None:
    random = Random(0)
    labels = torch.arange(200) % 2
    patterns = torch.tensor([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])[labels]
    model = LabelledDBN.from_sizes([6, 8, 8], 2, random, weight_std=0.1)
    some = RBMSettings(epochs=60, batch_size=20, learning_rate=0.2, learning_rate_to_zero=True, final_momentum=0.5)
    list(Pretraining(model.below, TensorSource(patterns), [some], random=random).epochs())
    seen = Labelled(TensorSource(model.encode(patterns).detach()), labels, 2)
    list(Pretraining(DBN([model.top.rbm]), seen, [some], random=random).epochs())
    made = labelled_fantasies(model, labels, Random(1), 200)
    assert (made - patterns).abs().mean() < 0.2
