"""Stages that look at the data."""

import torch

from deepbelief.insight.classes import class_means
from deepbelief.study.context import Context, Findings


def data(context: Context) -> Findings:
    """What the images are: numbers, shape, classes, and brightness, from 0 to 1 over the range of the values."""
    training, test = context.training, context.test
    pixels, labels = training.batch(slice(0, len(training))), training.required_labels()
    means = class_means(pixels, labels, context.classes).float()
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
    arrays = {
        "class_counts_train": torch.bincount(labels, minlength=context.classes).cpu().numpy(),
        "class_counts_test": torch.bincount(test.required_labels(), minlength=context.classes).cpu().numpy(),
        "class_means": context.picture(means),
    }
    return Findings(facts=facts, arrays=arrays, headline=f"{len(training)} training and {len(test)} test images")


def samples(context: Context) -> Findings:
    """One random image and a grid of sixteen, of the training and of the test images."""
    random = context.random("samples")
    found = Findings(facts={"class_names": list(context.dataset.class_names)})
    for part, images in (("train", context.training), ("test", context.test)):
        rows = random.permutation(len(images))[:17]
        pictures, labels = context.picture(images.batch(rows)), images.subset(rows).required_labels().cpu().numpy()
        found.arrays |= {f"{part}_one": pictures[0], f"{part}_grid": pictures[1:], f"{part}_labels": labels[1:]}
        found.facts[f"{part}_one_label"] = int(labels[0])
    return found
