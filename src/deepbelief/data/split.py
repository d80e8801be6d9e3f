"""Splits items and chooses among them, stratified by class."""

import torch

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random


def split_rows(labels: torch.Tensor, aside: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Positions to keep and ``aside`` positions to hold out, chosen by ``seed``, stratified by class.

    ``labels``: (n,) int64, at least two of each class; ``aside``: at least one, and at most n minus one, of each class.

    >>> kept, aside = split_rows(torch.tensor([0, 1, 0, 1, 0, 1]), aside=2, seed=0)
    >>> len(kept), len(aside)
    (4, 2)
    """
    # Imported here: scikit-learn takes a second to load and reading data rarely needs it.
    from sklearn.model_selection import train_test_split

    rows = torch.arange(len(labels)).numpy()
    kept, held = train_test_split(rows, test_size=aside, random_state=seed, stratify=labels.cpu().numpy())
    return torch.from_numpy(kept), torch.from_numpy(held)


def check_aside(name: str, labels: torch.Tensor, aside: int, seed: int) -> None:
    """Raise a `SettingsError` if `split_rows` cannot hold out so many training images of the data set ``name``."""
    if aside == 0:
        return
    per_class = labels.cpu().bincount()
    per_class = per_class[per_class > 0]
    classes, most = len(per_class), len(labels) - len(per_class)
    several = classes > 1  # else all are of one class, or have no labels
    if int(per_class.min()) < 2:
        raise SettingsError(
            f"{name} has {'a class with ' if several else ''}a single training image, so none can be set aside for "
            "validation; use validation 0 or add images."
        )
    if not classes <= aside <= most:
        both = f"each of the {classes} classes is" if several else "there are images"
        raise SettingsError(
            f"{aside} of the {len(labels)} training images of {name} cannot be set aside for validation; "
            f"use 0, or from {classes} to {most}, so that {both} on both sides."
        )
    if not 0 <= seed < 2**32:
        raise SettingsError(f"The seed {seed} of the split is out of range; use a whole number from 0 to 2**32 - 1.")


def choose_rows(labels: torch.Tensor, count: int, random: Random) -> torch.Tensor:
    """Positions of ``count`` random items, or of all where there are fewer, with each class by its share; by class.

    ``labels``: (n,) int64.

    >>> labels = torch.tensor([0, 1, 0, 1, 1, 1])
    >>> labels[choose_rows(labels, 3, Random(0))].tolist()
    [0, 1, 1]
    """
    n = len(labels)
    count = min(count, n)
    rows = random.permutation(n).to(labels.device)
    by_class = rows[labels[rows].argsort(stable=True)]
    return by_class[torch.arange(count, device=labels.device) * n // max(1, count)]
