"""What the page computes, by node, against what the library computes of the same models."""

import copy
import dataclasses
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.explorer.sources import Found
from deepbelief.insight.receptive_fields import weights_to_pixels
from deepbelief.insight.top_down import top_down_effects
from deepbelief.models import DBN
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.randomness import Random
from deepbelief.robustness import Defended, fgsm
from deepbelief.robustness.attacks.attack import look
from deepbelief.robustness.losses import cross_entropy as loss
from deepbelief.robustness.perturbations import BLUR, CONTRAST
from deepbelief.sampling import interpolate
from tests.explorer.conftest import CLASSES, SHAPE, WIDTH, Ask, small

FOUND = {
    "binary": small(),
    "real": small(gaussian=True),
    "untied": small(untied=True),
    "one layer": small(layers=(6,)),
    "real, one layer": small(gaussian=True, layers=(6,)),
    "three layers": small(layers=(7, 6, 5)),
    "real top": Found(
        "real top",
        DBN.from_units([Bernoulli(WIDTH), Bernoulli(6), Gaussian(3)], Random(4), 0.6).requires_grad_(False),
        SHAPE,
    ),
    "DBN alone": dataclasses.replace(small(), labelled=None, contestants=(), images=None, classes=()),
    "hidden of one": Found("odd", DBN.from_sizes([WIDTH, 1], Random(2)).requires_grad_(False), SHAPE),
}
MODELS = pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
WITH_LABELS = {name: found for name, found in FOUND.items() if found.contestants}
LABELLED = pytest.mark.parametrize("found", WITH_LABELS.values(), ids=WITH_LABELS)


def pictures(found: Found, n: int = 4) -> tuple[Tensor, Tensor]:
    """Images from 0 to 1 as the page has them, and the same on the scale of the data, in double precision."""
    shown = Random(8).uniform((n, WIDTH))
    shown[0, :3] = 0
    low, high = found.bounds
    return shown, low + (high - low) * shown.double()


def exact(found: Found) -> Found:
    """The same models in double precision."""
    dbn, labelled, contestants = copy.deepcopy((found.dbn, found.labelled, found.contestants))
    for one in contestants:
        one.network.double()
    return found.with_models(dbn.double(), None if labelled is None else labelled.double(), contestants)


def near(answer: Any, wanted: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(torch.as_tensor(answer).double(), wanted.double(), rtol=tolerance, atol=tolerance)


@MODELS
def test_activities_and_reconstructions_are_the_models(found: Found, ask: Ask) -> None:
    shown, values = pictures(found)
    top, model = len(found.dbn), exact(found).dbn
    questions = [["activities", shown[1].tolist()]]
    ways = [(layer, passes) for layer in range(1, top + 1) for passes in (1, 2, 10)]
    questions += [["reconstruct", shown[1].tolist(), layer, passes] for layer, passes in ways]
    questions += [["down", top, [0.25] * model.sizes[-1]]]
    activities, *rebuilt, down = ask(found, *questions)
    for answer, wanted in zip(activities, model.encode_all(values[1:2]), strict=True):
        near(answer, wanted[0])
    for answer, (layer, passes) in zip(rebuilt, ways, strict=True):
        near(answer, scaled(found, model.reconstruct(values[1:2], passes, layer))[0])
    near(down, scaled(found, model.decode(torch.full((1, model.sizes[-1]), 0.25)))[0])


def scaled(found: Found, values: Tensor) -> Tensor:
    """Values of the data as the page has them."""
    return (values - found.bounds[0]) / (found.bounds[1] - found.bounds[0])


@LABELLED
@pytest.mark.parametrize(("defence", "layer"), [(0, None), (1, None), (2, 1)])
def test_probabilities_and_gradients_are_the_models(found: Found, ask: Ask, defence: int, layer: int | None) -> None:
    shown, values = pictures(found)
    options: dict[str, Any] = {"defence": defence} | ({"layer": layer} if layer else {})
    model = exact(found)
    classifiers, rebuild = model.classifiers(), model.dbn.reconstruct
    questions = [["answers", name, shown.tolist(), options] for name in classifiers]
    questions += [["gradient", name, shown[1].tolist(), 2, options] for name in classifiers]
    questions += [["gradient", name, shown[1].tolist(), 2, {**options, "aware": False}] for name in classifiers]
    answers = ask(found, *questions)
    span = found.bounds[1] - found.bounds[0]
    for number, bare in enumerate(classifiers.values()):
        seen = Defended(bare, lambda x, n: rebuild(x, n, layer), defence) if defence else bare
        near(answers[number], seen(values).softmax(dim=1))
        for place, attacked in ((1, seen), (2, bare)):
            point = values[1:2].clone().requires_grad_()
            cross_entropy(attacked(point), torch.tensor([2])).backward()
            assert point.grad is not None
            near(answers[number + place * len(classifiers)], span * point.grad[0])


@LABELLED
def test_attacks_are_those_of_the_library(found: Found, ask: Ask) -> None:
    shown, values = pictures(found)
    classifiers = exact(found).classifiers()
    (low, high), label, start = found.bounds, torch.tensor([1]), Random(9).uniform((WIDTH,))
    options = {"epsilon": 0.2, "steps": 3, "start": (shown[2] + 0.4 * start - 0.2).tolist()}
    questions = [["fgsm", name, shown[2].tolist(), 1, 0.1] for name in classifiers]
    questions += [["pgd", name, shown[2].tolist(), 1, options] for name in classifiers]
    answers = ask(found, *questions)
    for number, classifier in enumerate(classifiers.values()):
        stepped = fgsm(classifier, values[2:3], label, 0.1 * (high - low), found.bounds)
        near(answers[number], scaled(found, stepped)[0], 1e-6)
        image, begin = shown[2:3].double(), torch.tensor([options["start"]]).double()
        point, worst = begin.clamp(image - 0.2, image + 0.2).clamp(0, 1), (-math.inf, begin)
        for _ in range(4):
            seen = look(classifier, low + (high - low) * point, label, loss)
            if float(seen.margin) > worst[0]:
                worst = float(seen.margin), point
            moved = point + 2.5 * 0.2 / 3 * seen.gradient.sign()
            point = moved.clamp(image - 0.2, image + 0.2).clamp(0, 1)
        near(answers[number + len(classifiers)], worst[1][0], 1e-6)


@MODELS
def test_energies_are_the_models(found: Found, ask: Ask) -> None:
    shown, values = pictures(found)
    (answer,) = ask(found, ["energy", shown[1].tolist()])
    dbn = exact(found).dbn
    near(answer["freeEnergy"], dbn.layer(1).free_energy(dbn.encode(values[1:2], 0))[0])
    below = dbn.encode(values[1:2], 0)
    for number, energy in enumerate(answer["energies"], start=1):
        hidden = dbn.layer(number).hidden_mean(below)
        near(energy, dbn.layer(number).energy(below, hidden)[0])
        below = hidden


@MODELS
def test_a_step_of_a_chain_draws_from_the_conditional_distributions(found: Found, ask: Ask) -> None:
    model = exact(found)
    stack = DBN([*model.dbn.rbms]) if model.labelled is None else model.labelled.below
    rbm = model.dbn.layer(len(model.dbn)) if model.labelled is None else model.labelled.top.rbm
    visible = (Random(1).uniform((rbm.visible.size,)) < 0.5).float()
    hidden = (Random(2).uniform((rbm.hidden.size,)) < 0.5).float()
    (answer,) = ask(found, ["conditionals", visible.tolist(), hidden.tolist()])
    near(answer["hidden"], rbm.hidden_mean(visible[None])[0])
    mean, values = rbm.visible_mean(hidden[None]), len(answer["visible"])
    near(answer["visible"], mean[0, :values])
    below = len(model.dbn) - 1 if model.labelled is None else len(model.dbn)
    stack.standardisation = model.dbn.standardisation
    near(answer["image"], scaled(found, stack.decode(mean[:, :values], below))[0])
    if model.labelled is not None:
        near(answer["label"], mean[0, values:])


def test_a_long_chain_has_the_distribution_of_its_rbm(ask: Ask) -> None:
    dbn = DBN.from_units([Bernoulli(4), Bernoulli(3)], Random(3), 0.8).requires_grad_(False)
    states = dbn.layer(1).visible.state(torch.arange(16))
    p = (-dbn.layer(1).free_energy(states)).softmax(dim=0)
    known = states[:, 0] == 1  # the first pixel is white
    given = (p * known) / (p * known).sum()
    clamp = {"mask": [1, 0, 0, 0], "image": [1, 0, 0, 0]}
    found = Found("tiny", dbn, (2, 2))
    free, clamped, samples = ask(
        found,
        ["averages", {"random": 1}, 20000, False],
        ["averages", {"random": 2, "clamp": clamp}, 20000, False],
        ["averages", {"random": 3}, 20000, True],
    )
    near(free["image"], p @ states, 0.02)
    near(samples["image"], p @ states, 0.02)
    near(clamped["image"], given @ states, 0.02)


def test_a_long_chain_has_the_label_distribution(ask: Ask) -> None:
    found = FOUND["binary"]
    assert found.labelled is not None
    rbm = exact(found).labelled.top.rbm  # type: ignore[union-attr]
    states = rbm.visible.state(torch.arange(rbm.visible.states)).double()
    p = (-rbm.free_energy(states)).softmax(dim=0) @ states
    free, clamped = ask(
        found, ["averages", {"random": 1}, 20000, False], ["averages", {"random": 1, "label": 2}, 2000, False]
    )
    near(free["label"], p[-CLASSES:], 0.03)
    assert len(clamped["image"]) == WIDTH


def test_pixels_that_are_known_stay_as_they_are(ask: Ask) -> None:
    for found in FOUND.values():
        shown, _ = pictures(found)
        mask = [1] * 5 + [0] * (WIDTH - 5)
        clamp = {"mask": mask, "image": shown[1].tolist()}
        (answer,) = ask(found, ["averages", {"random": 1, "clamp": clamp, "anneal": 4}, 10, True])
        near(answer["image"][:5], shown[1, :5])
        assert all(math.isfinite(one) for one in answer["image"])


@MODELS
def test_a_walk_is_an_interpolation(found: Found, ask: Ask) -> None:
    shown, values = pictures(found)
    (answer,) = ask(found, ["walk", shown[0].tolist(), shown[1].tolist(), len(found.dbn), 5])
    near(answer, scaled(found, interpolate(exact(found).dbn, values[0], values[1], 5)))


@MODELS
def test_a_unit_is_seen_as_the_library_sees_it(found: Found, ask: Ask) -> None:
    dbn = exact(found).dbn
    layers = range(1, len(dbn) + 1)
    answers = ask(found, *(["unit", layer, 0] for layer in layers))
    for layer, answer in zip(layers, answers, strict=True):
        weights = dbn.layer(layer).weights
        near(answer["receptive"], weights_to_pixels(dbn, layer)[0])
        near(answer["bias"], dbn.layer(layer).hidden.bias[0])
        cosines = torch.nn.functional.cosine_similarity(weights[:, :1], weights, dim=0)[1:]
        assert answer["neighbours"] == (cosines.argsort(descending=True) + 1).tolist()[:8]
        if found.images is not None:
            rows = turn_by_turn(found)
            states = dbn.encode(found.images.batch(rows[:20]), layer)
            effect = top_down_effects(dbn, layer, torch.tensor([0]), states)[0]
            near(answer["topDown"], effect / (found.bounds[1] - found.bounds[0]), 1e-5)


def turn_by_turn(found: Found) -> Tensor:
    """The rows of the images that are shown: the first of each class, then the second."""
    assert found.images is not None and found.images.labels is not None
    return torch.arange(len(found.images))  # their labels are 0, 1, 2, 0, 1, 2 ...


@LABELLED
def test_the_images_and_maps_are_those_of_the_data(found: Found, ask: Ask) -> None:
    assert found.images is not None and found.images.labels is not None
    dbn, rows = exact(found).dbn, turn_by_turn(found)
    shown = scaled(found, found.images.batch(rows))
    images, maps, strongest, *points = ask(
        found,
        ["images"],
        ["maps"],
        ["strongest", 1, 2, 3],
        *(["mapPoint", n + 1, shown[4].tolist()] for n in range(len(dbn))),
    )
    near(images["list"], shown)
    assert images["labels"] == found.images.labels[rows].tolist()
    assert strongest == dbn.encode(found.images.batch(rows), 1)[:, 2].argsort(descending=True).tolist()[:3]
    for layer, (one, point) in enumerate(zip(maps, points, strict=True), start=1):
        means = dbn.encode(found.images.batch(rows), layer)
        centred = means - means.mean(dim=0)
        placed = torch.tensor(one["points"]).view(-1, 2)
        near(placed[4], torch.tensor(point), 2e-3)  # points are float16
        _, sizes, _ = torch.linalg.svd(centred, full_matrices=False)
        near(placed.norm(dim=0), sizes[:2] if len(sizes) > 1 else torch.cat([sizes, sizes * 0]), 2e-3)


def test_perturbations_are_those_of_the_library(ask: Ask) -> None:
    shown, _ = pictures(FOUND["binary"])
    shape, image = {"height": SHAPE[0], "width": SHAPE[1]}, shown[1:2]
    sigmas = [0.1, 0.125, 0.3, 0.5, 1, 2.7, 40]
    *blurred, contrast, noisy = ask(
        FOUND["binary"],
        *(["blur", image[0].tolist(), sigma, shape] for sigma in sigmas),
        ["contrast", image[0].tolist(), 0.3],
        ["noise", image[0].tolist(), 0.5, False, 3],
    )
    for answer, sigma in zip(blurred, sigmas, strict=True):
        near(answer, BLUR(image, sigma, 0, shape=SHAPE)[0], 1e-6)
    near(contrast, CONTRAST(image, 0.7, 0)[0], 1e-6)
    assert 0.2 < float((torch.tensor(noisy) - image[0]).std()) < 1
