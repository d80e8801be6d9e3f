"""Checks labels: integers from 0, one for each item."""

import warnings

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike, as_tensor
from deepbelief.errors import DataError, DataWarning


def as_labels(given: TensorLike, items: int | None = None, classes: int | None = None) -> Tensor:
    """Labels as a tensor, (items,) int64, on the device where they are.

    Args:
        given: integers of any type; a single column, (items, 1), also counts as one label for each item.
        items: the required number of labels; any number if None.
        classes: all labels must be below this number; any integers from 0 if None.

    Raises:
        DataError: another shape or number, or a label that is not an integer, below 0 or not a class.

    >>> as_labels([[2.0], [0.0]], items=2, classes=3)
    tensor([2, 0])
    """
    labels = as_tensor(given, "the labels")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels.flatten()
    if labels.ndim != 1:
        raise DataError(
            f"labels have the shape {tuple(labels.shape)}; give one whole number for each item, such as the argmax of "
            "one-hot labels."
        )
    if items is not None and len(labels) != items:
        raise DataError(f"{items} items have {len(labels)} labels; give exactly one label per item.")
    whole = labels.to(torch.int64)
    if labels.is_floating_point() and (broken := whole != labels).any():
        item = int(broken.nonzero()[0])
        raise DataError(f"item {item} has the label {float(labels[item]):g}; give whole numbers, from 0.")
    if len(whole):
        low, high = (int(bound) for bound in whole.aminmax())
        if low < 0 or (classes is not None and high >= classes):
            what = "classes" if classes is None else f"{classes} classes"
            raise DataError(f"labels range from {low} to {high}; number the {what} from 0.")
    return whole


def as_training_labels(given: TensorLike, items: int, classes: int) -> Tensor:
    """`as_labels` for training; nothing can be learnt about a class that never occurs.

    Warns:
        DataWarning: a class never occurs. It names the line of the caller's caller.

    Raises:
        DataError: see `as_labels`; or all labels are the same.
    """
    labels = as_labels(given, items, classes)
    counts = labels.cpu().bincount(minlength=classes)
    if len(labels) and int((counts > 0).sum()) < 2:
        raise DataError(f"all {len(labels)} training labels are {int(labels[0])}; give items of at least two classes.")
    absent = (counts == 0).nonzero().flatten().tolist()
    if len(labels) and absent:
        which = f"classes {', '.join(map(str, absent))}" if len(absent) > 1 else f"class {absent[0]}"
        message = f"{which} of 0 to {classes - 1} never occur{'' if len(absent) > 1 else 's'} among the training labels"
        warnings.warn(f"{message}, and will hardly ever be predicted.", DataWarning, stacklevel=3)
    return labels
