"""Stages that stress the trained classifiers: noise, attacks and the top-down defence."""

from typing import Any

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.data import TensorSource
from deepbelief.models.feedforward import accuracy, predict
from deepbelief.robustness import noise
from deepbelief.robustness.attacks.fgsm import fgsm, signs_and_margins, step
from deepbelief.robustness.defence import Defended
from deepbelief.study.context import Context, Findings, share


def psychometric(context: Context) -> Findings:
    """Accuracy against the level of Gaussian noise; every contestant sees the same noisy images."""
    levels, labels, images = context.recipe.noise.levels, context.test.required_labels(), context.test_pixels
    random = context.random("psychometric")
    example = _example(context)
    low, high = context.bounds
    found = Findings(facts={"example_label": int(labels[example])})
    noisy_examples = []
    for number, level in enumerate(levels, start=1):
        # Drawn also at level 0, so that the other levels see the same.
        noisy = noise.gaussian(images, level * context.span, random)
        noisy = noisy if level else images
        noisy_examples.append(noisy[example].clone())
        found.metrics |= context.accuracies(noisy, f"/gaussian@{level:g}")
        clipped = noisy.clamp_(low, high) if level else images
        found.metrics |= context.accuracies(clipped, f"/gaussian_clipped@{level:g}")
        context.progress.step(number, len(levels), f"noise {level:g}")
    found.arrays["levels"] = torch.tensor(levels).numpy()
    found.arrays["examples_unclipped"] = context.picture(torch.cat(noisy_examples))
    found.arrays["examples_clipped"] = context.picture(torch.cat(noisy_examples).clamp(low, high))
    for name in context.contestants:
        for kind, curve in (("gaussian", "unclipped"), ("gaussian_clipped", "clipped")):
            accuracies = [found.metrics[f"accuracy/{name}/{kind}@{level:g}"] for level in levels]
            found.arrays[f"{curve}/{name}"] = torch.tensor(accuracies).numpy()
    return found


def noise_attack(context: Context) -> Findings:
    """One test image under uniform noise: what each contestant says before and after."""
    epsilon, example = context.recipe.noise.uniform_epsilon, _example(context)
    image = context.test_pixels[example]
    perturbed = noise.uniform(image, epsilon * context.span, context.random("noise_attack"), context.bounds)
    after = {name: int(guess) for name, guess in context.predictions(perturbed).items()}
    arrays = {"original": context.picture(image[0]), "perturbed": context.picture(perturbed[0])}
    return Findings(facts=_before_and_after(context, epsilon, example, after), arrays=arrays)


def gradient_attack(context: Context) -> Findings:
    """The same image under FGSM, attacked once through each contestant.

    Where the recipe names the image, the answers are metrics too: those of several seeds are to the same question.
    """
    epsilon, example = context.recipe.attack.example_epsilon, _example(context)
    found = Findings(arrays={"original": context.picture(context.test_pixels[example][0])})
    after = {}
    for name in context.contestants:
        attacked = _attacked_example(context, name, example)
        after[name] = int(context.predictions(attacked)[name])
        found.arrays[f"perturbed_{name}"] = context.picture(attacked[0])
    found.facts = _before_and_after(context, epsilon, example, after)
    if context.recipe.attack.example is not None:
        for name in context.contestants:
            found.metrics[f"prediction/{name}"] = found.facts["before"][name]
            found.metrics[f"prediction/{name}/fgsm@{epsilon:g}"] = after[name]
    return found


def robustness(context: Context) -> Findings:
    """Accuracy against epsilon: FGSM through each contestant, PGD on some images, and uniform noise of that size."""
    epsilons, labels, images = context.recipe.attack.epsilons, context.test.required_labels(), context.test_pixels
    random = context.random("robustness")
    found = Findings(facts={"pgd": _pgd_facts(context)})
    for epsilon in epsilons:
        perturbed = noise.uniform(images, epsilon * context.span, random, context.bounds)
        found.metrics |= context.accuracies(perturbed if epsilon else images, f"/uniform@{epsilon:g}")
    for number, (name, classifier) in enumerate(context.contestants.items(), start=1):
        for epsilon in epsilons:
            predicted = context.clean_predictions[name]
            if epsilon:
                predicted = predict(classifier, TensorSource(_fgsm_step(context, context.fgsm_signs(name), epsilon)))
            found.metrics[f"accuracy/{name}/fgsm@{epsilon:g}"] = share(predicted == labels)
        _pgd(context, name, f"accuracy/{name}/pgd", classifier, found)
        context.progress.step(number, len(context.contestants), f"attacks through {name}")
    found.arrays["epsilons"] = torch.tensor(epsilons).numpy()
    return found


def topdown_defence(context: Context) -> Findings:
    """Attacked images go up and down the DBN before they are classified; attacked without and with knowledge of it."""
    epsilons, labels, images = context.recipe.attack.epsilons, context.test.required_labels(), context.test_pixels
    steps_tried = context.recipe.defence.steps
    found = Findings(facts={"steps": list(steps_tried), "pgd": _pgd_facts(context)})
    for layer in range(1, len(context.dbn) + 1):
        name = f"readout_{layer}"
        for steps in steps_tried:
            defended = Defended(context.contestants[name], context.dbn.reconstruct, steps)
            # The same passes that find the gradient classify the images as they are.
            adaptive, margins = signs_and_margins(defended, images, labels)
            for kind, signs in (("defended", context.fgsm_signs(name)), ("adaptive", adaptive)):
                for epsilon in epsilons:
                    measured = share(margins < 0)
                    if epsilon:
                        measured = accuracy(defended, TensorSource(_fgsm_step(context, signs, epsilon)), labels)
                    found.metrics[f"accuracy/{name}/fgsm_{kind}_{steps}@{epsilon:g}"] = measured
            _pgd(context, name, f"accuracy/{name}/pgd_defended_{steps}", defended, found)
            _adaptive_pgd(context, name, f"accuracy/{name}/pgd_adaptive_{steps}", defended, found)
        context.progress.step(layer, len(context.dbn), f"defence of {name}")
    found.arrays |= {"epsilons": torch.tensor(epsilons).numpy(), "num_steps": torch.tensor(steps_tried).numpy()}
    _defence_example(context, found)
    return found


def _pgd(context: Context, name: str, metric: str, classifier: Classifier, found: Findings) -> None:
    """The accuracy of a classifier on images that PGD has attacked through the contestant of this name.

    An image that is lost at one epsilon counts as lost at all larger ones, which allow the same change.
    """
    labels = context.test.required_labels()[context.pgd_rows]
    right = torch.ones_like(labels, dtype=torch.bool)
    for epsilon in sorted(context.recipe.attack.pgd.epsilons):
        right &= predict(classifier, TensorSource(context.pgd_images(name, epsilon))) == labels
        found.metrics[f"{metric}@{epsilon:g}"] = share(right)


def _adaptive_pgd(context: Context, name: str, metric: str, defended: Defended, found: Findings) -> None:
    """The accuracy of a defended classifier where PGD goes through the defence; lost images are not attacked again."""
    rows, labels, n = context.pgd_rows, context.test.required_labels(), len(context.pgd_rows)
    for epsilon in sorted(context.recipe.attack.pgd.epsilons):
        if len(rows):
            attacked = context.pgd(defended, f"{name}/{defended.steps}", rows, epsilon)
            rows = rows[predict(defended, TensorSource(attacked)) == labels[rows]]
        found.metrics[f"{metric}@{epsilon:g}"] = len(rows) / n


def _pgd_facts(context: Context) -> dict[str, int]:
    return {"images": len(context.pgd_rows), "steps": context.recipe.attack.pgd.steps}


def _fgsm_step(context: Context, signs: Tensor, epsilon: float) -> Tensor:
    """The test images after a step of FGSM; `epsilon` is a share of the range of the pixels."""
    return step(context.test_pixels, signs, epsilon * context.span, context.bounds)


def _defence_example(context: Context, found: Findings) -> None:
    """One image: as it is, attacked through the top read-out, and reconstructed."""
    name, example = f"readout_{len(context.dbn)}", _example(context)
    attacked, tried = _attacked_example(context, name, example), context.recipe.defence.steps
    shown = {"original": context.test_pixels[example], "attacked": attacked}
    shown |= {f"reconstructed_{steps}": context.dbn.reconstruct(attacked, steps) for steps in tried}
    classifier = context.contestants[name]
    found.facts |= {
        "contestant": name,
        "epsilon": context.recipe.attack.example_epsilon,
        "label": int(context.test.required_labels()[example]),
        "class_names": list(context.dataset.class_names),
        "predictions": {key: int(predict(classifier, TensorSource(one))) for key, one in shown.items()},
    }
    found.arrays |= {key: context.picture(shown[key][0]) for key in ("original", "attacked")}
    found.arrays["reconstructed"] = context.picture(torch.cat([shown[f"reconstructed_{steps}"] for steps in tried]))


def _attacked_example(context: Context, name: str, example: slice) -> Tensor:
    """The test image after FGSM through a contestant, (1, width)."""
    image, label = context.test_pixels[example], context.test.required_labels()[example]
    epsilon = context.recipe.attack.example_epsilon * context.span
    return fgsm(context.contestants[name], image, label, epsilon, context.bounds)


def _before_and_after(context: Context, epsilon: float, example: slice, after: dict[str, int]) -> dict[str, Any]:
    """The facts of an attack on one image: what each contestant takes it for, as it is and attacked."""
    return {
        "epsilon": epsilon,
        "label": int(context.test.required_labels()[example]),
        "before": {name: int(guess) for name, guess in context.predictions(context.test_pixels[example]).items()},
        "class_names": list(context.dataset.class_names),
        "after": after,
    }


def _example(context: Context) -> slice:
    """The row of the test image that the recipe names, or else of a random one that every contestant recognises.

    Where no image is recognised by all, it is any.
    """
    row = context.recipe.attack.example
    if row is None:
        labels = context.test.required_labels()
        candidates = context.random("example").permutation(len(labels))[:200].to(context.device)
        predicted = context.predictions(context.test_pixels[candidates])
        right = torch.stack([guess == labels[candidates] for guess in predicted.values()]).all(dim=0)
        row = int(candidates[int(right.int().argmax())])
    return slice(row, row + 1)
