"""Stages that look at the data."""

import torch
from torch import Tensor

from deepbelief.insight.classes import class_means
from deepbelief.study.context import Context, Findings
from deepbelief.study.records import Arrays


def data(context: Context) -> Findings:
    """What the images are: numbers, shape, classes, and brightness, from 0 to 1 over the range of the values."""
    training, test = context.training, context.test
    pixels = training.batch(slice(0, len(training)))
    facts = {
        "name": context.dataset.name,
        "class_names": list(context.dataset.class_names),
        "image_shape": list(context.dataset.image_shape),
        "n_train": len(training),
        "n_validation": len(context.held_out),
        "n_test": len(test),
        "bounds": list(context.bounds),
        "pixel_mean": (float(pixels.mean()) - context.bounds[0]) / context.span,
        "pixel_std": float(pixels.std()) / context.span,
        "zero_fraction": float((pixels == context.bounds[0]).double().mean()),
    }
    arrays = _of_classes(context, pixels) if context.labelled else {"mean": context.picture(pixels.mean(dim=0))}
    return Findings(facts=facts, arrays=arrays, headline=f"{len(training)} training and {len(test)} test images")


def _of_classes(context: Context, pixels: Tensor) -> Arrays:
    """How many images there are of each class, and the mean of its training images, which are the `pixels`."""
    learnt, tested, classes = context.training.required_labels(), context.test.required_labels(), context.classes
    return {
        "class_counts_train": torch.bincount(learnt, minlength=classes).cpu().numpy(),
        "class_counts_test": torch.bincount(tested, minlength=classes).cpu().numpy(),
        "class_means": context.picture(class_means(pixels, learnt, classes).float()),
    }


def samples(context: Context) -> Findings:
    """One random image and a grid of sixteen, of the training and of the test images."""
    random = context.random("samples")
    found = Findings(facts={"class_names": list(context.dataset.class_names)})
    for part, images in (("train", context.training), ("test", context.test)):
        rows = random.permutation(len(images))[:17]
        pictures, labels = context.picture(images.batch(rows)), images.subset(rows).labels
        found.arrays |= {f"{part}_one": pictures[0], f"{part}_grid": pictures[1:]}
        if labels is not None:
            found.arrays[f"{part}_labels"] = labels[1:].cpu().numpy()
            found.facts[f"{part}_one_label"] = int(labels[0])
    return found
