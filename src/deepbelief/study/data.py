"""Stages that look at the data."""

from typing import Final

import torch

from deepbelief.data import in_batches
from deepbelief.data.image_source import ImageSource
from deepbelief.data.moments import moments_of
from deepbelief.insight.classes import class_means
from deepbelief.study.context import Context, Findings
from deepbelief.study.records import Arrays

_LOOKED_AT: Final = 2000  # training images at a time


def data(context: Context) -> Findings:
    """What the images are: numbers, shape, classes, and brightness, from 0 to 1 over the range of the values."""
    training, test, (low, _) = context.training, context.test, context.bounds
    of_pixels = moments_of(training)
    mean, n = of_pixels.mean.mean(), len(training) * training.width
    variance = (of_pixels.variance + (of_pixels.mean - mean).square()).mean() * (n / max(1, n - 1))
    zeros = sum(int((batch == low).sum()) for batch in in_batches(training, _LOOKED_AT))
    facts = {
        "name": context.dataset.name,
        "class_names": list(context.dataset.class_names),
        "image_shape": list(context.dataset.image_shape),
        "n_train": len(training),
        "n_validation": len(context.held_out),
        "n_test": len(test),
        "bounds": list(context.bounds),
        "pixel_mean": (float(mean) - low) / context.span,
        "pixel_std": float(variance.sqrt()) / context.span,
        "zero_fraction": zeros / n,
    }
    arrays = _of_classes(context) if context.labelled else {"mean": context.picture(of_pixels.mean.float())}
    return Findings(facts=facts, arrays=arrays, headline=f"{len(training)} training and {len(test)} test images")


def _of_classes(context: Context) -> Arrays:
    """How many images there are of each class, and the mean of its training images."""
    learnt, tested, classes = context.training.required_labels(), context.test.required_labels(), context.classes
    return {
        "class_counts_train": torch.bincount(learnt, minlength=classes).cpu().numpy(),
        "class_counts_test": torch.bincount(tested, minlength=classes).cpu().numpy(),
        "class_means": context.picture(class_means(context.training, learnt, classes).float()),
    }


def samples(context: Context) -> Findings:
    """One random image and a grid of sixteen, of the training and of the test images."""
    random = context.random("samples")
    found = Findings(facts={"class_names": list(context.dataset.class_names)})
    parts: dict[str, ImageSource] = {"train": context.training, "test": context.test}
    for part, images in parts.items():
        rows = random.permutation(len(images))[:17]
        pictures, labels = context.picture(images.batch(rows)), images.labels
        found.arrays |= {f"{part}_one": pictures[0], f"{part}_grid": pictures[1:]}
        if labels is not None:
            found.arrays[f"{part}_labels"] = labels[rows[1:]].cpu().numpy()
            found.facts[f"{part}_one_label"] = int(labels[rows[0]])
    return found
