"""Splits items and chooses among them, stratified by class."""

import torch

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
