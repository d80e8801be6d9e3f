"""The converged read-out against scikit-learn's, and the read-out classifier's way from image to logits."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from deepbelief.learning.backprop.readout import ConvergedSettings, ReadoutClassifier, fit_converged
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random


def problem(n: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = Random(seed, "problem")
    labels = torch.arange(n) % 3
    return (random.normal((n, 5), 2.0) + torch.nn.functional.one_hot(labels, 5) + 7).double(), labels


def test_it_finds_scikit_learns_optimum() -> None:
    features, labels = problem(400)
    ours = fit_converged((features, labels), None, 3, ConvergedSettings(l2=(0.01,), max_iterations=500))
    standardised = (features - features.mean(dim=0)) / features.std(dim=0)
    theirs = LogisticRegression(C=1 / (0.01 * 400), tol=1e-10, max_iter=5000).fit(standardised.numpy(), labels.numpy())
    expected = theirs.predict_proba(standardised.numpy())
    found = ours.network(features).softmax(dim=1).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=2e-4)
    assert ours.losses == sorted(ours.losses, reverse=True)
    assert ours.converged
    assert len(ours.losses) < 500


def test_a_search_that_its_last_iteration_ends_has_not_converged() -> None:
    cut = fit_converged(problem(400), None, 3, ConvergedSettings(l2=(0.01,), max_iterations=3))
    assert len(cut.losses) == 3
    assert not cut.converged


def test_the_penalty_is_chosen_on_held_out_images() -> None:
    training, held_out = problem(40), problem(600, seed=1)
    settings = ConvergedSettings(l2=(1e-6, 0.3), max_iterations=300)
    each = {
        l2: fit_converged(training, None, 3, ConvergedSettings(l2=(l2,), max_iterations=300)).network
        for l2 in settings.l2
    }
    scores = {l2: float((net(held_out[0]).argmax(dim=1) == held_out[1]).double().mean()) for l2, net in each.items()}
    assert scores[0.3] != scores[1e-6]
    assert fit_converged(training, held_out, 3, settings).l2 == max(scores, key=scores.__getitem__)


def test_a_constant_feature_does_no_harm() -> None:
    features, labels = problem(100)
    features[:, 2] = 1.0
    fitted = fit_converged((features, labels), None, 3, ConvergedSettings(l2=(0.01,)))
    assert torch.isfinite(fitted.network(features)).all()


def test_the_classifier_is_encoder_then_readout() -> None:
    dbn, random = DBN.from_sizes([6, 5, 4], Random(0)), Random(1)
    readout = FeedForward([5, 3], torch.relu, random)
    images = random.uniform((7, 6)).requires_grad_()
    logits = ReadoutClassifier(dbn, 1, readout)(images)
    torch.testing.assert_close(logits, readout(dbn.encode(images, 1)))
    assert torch.autograd.grad(logits.sum(), images)[0].abs().sum() > 0


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="l2"):
        ConvergedSettings(l2=())
