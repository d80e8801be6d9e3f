"""The converged read-out against scikit-learn's, and the read-out classifier's way from image to logits."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.readout import (
    ConvergedRecord,
    ConvergedSettings,
    ConvergedTraining,
    ReadoutClassifier,
)
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random


def problem(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = Random(seed, "problem")
    labels = torch.arange(n) % 3
    return (random.normal((n, 5), 2.0) + torch.nn.functional.one_hot(labels, 5) + 7).double(), labels


def fitted(
    training: tuple[torch.Tensor, torch.Tensor], settings: ConvergedSettings, held_out: object = None
) -> tuple[FeedForward, ConvergedRecord]:
    """A read-out, and the record of the penalty that was chosen."""
    network = FeedForward([5, 3], torch.relu, Random(0)).double()
    job = ConvergedTraining(network, training, settings, held_out=held_out)  # type: ignore[arg-type]
    records = list(job.epochs())
    assert job.best_epoch is not None
    return network, records[job.best_epoch - 1]


def test_it_finds_scikit_learns_optimum() -> None:
    features, labels = problem(400)
    network, ours = fitted((features, labels), ConvergedSettings(l2=(0.01,), max_iterations=500))
    standardised = (features - features.mean(dim=0)) / features.std(dim=0)
    theirs = LogisticRegression(C=1 / (0.01 * 400), tol=1e-10, max_iter=5000).fit(standardised.numpy(), labels.numpy())
    expected = theirs.predict_proba(standardised.numpy())
    found = network(features).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert ours.losses == sorted(ours.losses, reverse=True)
    assert ours.converged
    assert len(ours.losses) < 500


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for chunk in (1000, 13):
        monkeypatch.setattr("deepbelief.learning.backprop.readout._CHUNK", chunk)
        network, record = fitted(problem(100), ConvergedSettings(l2=(0.01,), max_iterations=30))
        ends.append((network.linear(1).weight.detach(), record.losses))
    torch.testing.assert_close(ends[0][0], ends[1][0], rtol=0, atol=1e-6)
    assert ends[0][1] == pytest.approx(ends[1][1])


def test_a_search_that_its_last_iteration_ends_has_not_converged() -> None:
    _, cut = fitted(problem(400), ConvergedSettings(l2=(0.01,), max_iterations=3))
    assert len(cut.losses) == 3
    assert not cut.converged


def test_the_penalty_is_chosen_on_held_out_images() -> None:
    training, held_out = problem(40), problem(600, seed=1)
    settings = ConvergedSettings(l2=(1e-6, 0.3), max_iterations=300)
    each = {l2: fitted(training, ConvergedSettings(l2=(l2,), max_iterations=300))[0] for l2 in settings.l2}
    scores = {l2: float((net(held_out[0]).argmax(dim=1) == held_out[1]).double().mean()) for l2, net in each.items()}
    assert scores[0.3] != scores[1e-6]
    network, chosen = fitted(training, settings, held_out)
    assert chosen.l2 == max(scores, key=scores.__getitem__)
    assert chosen.score == pytest.approx(scores[chosen.l2])
    torch.testing.assert_close(network.linear(1).weight, each[chosen.l2].linear(1).weight, rtol=0.02, atol=0.02)


def test_without_held_out_features_the_weakest_penalty_is_kept() -> None:
    settings = ConvergedSettings(l2=(1e-3, 0.3), max_iterations=300)
    network, last = fitted(problem(40), settings)
    assert (last.l2, last.score) == (1e-3, None)
    strongest, _ = fitted(problem(40), ConvergedSettings(l2=(0.3,)))
    assert not torch.allclose(network.linear(1).weight, strongest.linear(1).weight)


def test_a_restored_training_ends_bit_for_bit_the_same() -> None:
    networks = [FeedForward([5, 3], torch.relu, Random(seed)).double() for seed in range(3)]
    settings = ConvergedSettings(l2=(0.3, 0.01, 1e-4))
    jobs = [ConvergedTraining(network, problem(40), settings, held_out=problem(60, 1)) for network in networks]
    list(jobs[0].epochs())
    next(jobs[1].epochs())
    jobs[2].restore(jobs[1].state())
    list(jobs[2].epochs())
    assert jobs[2].records == jobs[0].records
    assert torch.equal(networks[2].linear(1).weight, networks[0].linear(1).weight)


def test_a_network_that_is_no_read_out_is_refused() -> None:
    with pytest.raises(SettingsError, match="a read-out is linear: give a network of 2 sizes, not 3"):
        ConvergedTraining(FeedForward([5, 4, 3], torch.relu, Random(0)), problem(9), ConvergedSettings())
    with pytest.raises(SettingsError, match="the read-out sees 4 values, the data have 5"):
        ConvergedTraining(FeedForward([4, 3], torch.relu, Random(0)), problem(9), ConvergedSettings())


def test_a_constant_feature_does_no_harm() -> None:
    features, labels = problem(100)
    features[:, 2] = 1.0
    network, _ = fitted((features, labels), ConvergedSettings(l2=(0.01,)))
    assert torch.isfinite(network(features)).all()


def test_the_classifier_is_encoder_then_readout() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4], Random(0)), Random(1)
    readout = FeedForward([5, 3], torch.relu, random)
    images = random.uniform((7, 6)).requires_grad_()
    logits = ReadoutClassifier(dbn, 1, readout)(images)
    torch.testing.assert_close(logits, readout(dbn.encode(images, 1)))
    assert torch.autograd.grad(logits.sum(), images)[0].abs().sum() > 0


def test_a_classifier_of_several_layers_sees_them_side_by_side() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4, 3], Random(0)), Random(1)
    readout, images = FeedForward([9, 7, 3], torch.relu, random), random.uniform((7, 6))
    layers = [dbn.encode(images, layer) for layer in (1, 2)]
    torch.testing.assert_close(ReadoutClassifier(dbn, [1, 2], readout)(images), readout(torch.cat(layers, dim=1)))


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="l2"):
        ConvergedSettings(l2=())
