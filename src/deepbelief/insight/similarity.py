"""How alike two representations of the same items are, whatever their numbers of units."""

from collections.abc import Sequence

import torch
from torch import Tensor

from deepbelief.errors import SettingsError


def linear_cka(one: Tensor, other: Tensor) -> float:
    """The linear centred kernel alignment of two representations (Kornblith, Norouzi, Lee & Hinton 2019).

    With X and Y their values, the mean of each column taken away:

        CKA(X, Y) = |Y^T X|^2 / (|X^T X| |Y^T Y|)    in Frobenius norms,

    from 0 to 1. It is 1 where one is the other moved, turned, mirrored or scaled as a whole, and not changed by doing
    any of this to one of them: it tells whether the same items are alike in both, not whether the same units stand
    for the same. Representations that have nothing in common come to 0 only as the items become many more than the
    units: of independent normal values it is about d / (n + d) for n items and d units each.

    Args:
        one: (n, units).
        other: (n, units), of the same items; as many units or another number of them.

    Returns:
        NaN where one of the two is the same for all items.

    Raises:
        SettingsError: they are not of the same number of items.

    >>> points = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> round(linear_cka(points, 7 - 3 * points.flip(1)), 6)
    1.0
    """
    return float(cka_matrix([one, other])[0, 1])


@torch.no_grad()
def cka_matrix(representations: Sequence[Tensor]) -> Tensor:
    """`linear_cka` of each representation with each: of k of them, (n, units) each, (k, k) in float64.

    No product is larger than the smaller of (units, units) and (n, n): |Y^T X|^2 is also the sum over all pairs of
    items of (X X^T) times (Y Y^T).

    Raises:
        SettingsError: they are not of the same number of items.
    """
    items = [len(values) for values in representations]
    if len(set(items)) > 1:
        raise SettingsError(f"representations of {items} items cannot be compared: give the same items to all.")
    centred = [values - values.mean(dim=0) for values in representations]
    products = torch.zeros(len(centred), len(centred), dtype=torch.float64)
    for row, one in enumerate(centred):
        for column, other in enumerate(centred[: row + 1]):
            products[row, column] = products[column, row] = _alignment(one, other)
    sizes = products.diagonal().sqrt()
    return products / (sizes[:, None] * sizes)


def _alignment(one: Tensor, other: Tensor) -> float:
    """|Y^T X|^2 of centred values, by whichever products are smaller."""
    n, units = len(one), one.shape[1] * other.shape[1]
    if units <= n * n:
        return float((other.T @ one).double().square().sum())
    return float(((one @ one.T).double() * (other @ other.T)).sum())


@torch.no_grad()
def relative_change(before: Tensor, after: Tensor) -> float:
    """How far features have moved, |after - before| / |before| in Frobenius norms; both are (n, units).

    Unlike `linear_cka` it sees when units change places or all features are scaled. Infinite, or NaN, where all was 0.

    >>> relative_change(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 5.0]]))
    0.2
    """
    return float((after - before).double().norm() / before.double().norm())
