"""Imputation: missing values filled in by what a DBN makes of the known ones."""

from itertools import islice

import torch
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.missing import check_known_values
from deepbelief.randomness import Random
from deepbelief.sampling.chains import annealing, as_items
from deepbelief.sampling.inpainting import inpaint, inpainting_frames


@torch.no_grad()
def impute(dbn: DBN, items: TensorLike, random: Random | int, steps: int = 200, *, samples: bool = False) -> Tensor:
    """Fill in the missing values (NaN) of items by Markov chains: (n, width) -> (n, width), known values unchanged.

    The chains are those of `inpaint`. What is filled in is the mean of E[v | h] over the second half of their steps,
    which with one RBM tends to E[missing | known], and for a categorical group to the probabilities of its categories;
    or, with `samples`, one state of each chain's end, so that calls with other seeds are multiple imputations (Rubin
    1987).

    Args:
        dbn: the model; it works in its own standardised space.
        items: (n, width); a categorical group is missing as a whole.
        random: for the chains; a whole number is a seed.
        steps: at least 2.
        samples: fill in samples and not means.

    Raises:
        DataError: only a part of a categorical group is missing, or the visible units cannot have a known value.

    >>> dbn, nan = DBN.from_sizes([3, 4], Random(0)), float("nan")
    >>> impute(dbn, [[1.0, nan, 0.0]], Random(1))[0, ::2].tolist()
    [1.0, 0.0]
    """
    given, known = _given(dbn, items)
    if samples:
        return inpaint(dbn, given, known, random, steps, samples=True)
    late, total = annealing(steps).index(1.0), torch.zeros_like(given)  # from step `late` on the chains are at beta = 1
    for completed in islice(inpainting_frames(dbn, given, known, random, steps), late, None):
        total += completed / (steps - late)
    return torch.where(known, given, total)


@torch.no_grad()
def impute_by_mean_field(dbn: DBN, items: TensorLike, passes: int = 1) -> Tensor:
    """Fill in the missing values (NaN) of items without chance: (n, width) -> (n, width), known values unchanged.

    The first pass gives E[v | h] for the means of h that the known values alone bring about: what a layer has learnt
    from missing values to predict (Salakhutdinov, Mnih & Hinton 2007), and mostly the best guess of a single value.
    Each further pass begins at the completed items: missing values then support each other, and with one RBM they tend
    to a mean-field solution, one of several possibilities where `impute` gives the mean of all.

    Args:
        dbn, items: as for `impute`.
        passes: up to the top layer and down again, at least 1.

    Raises:
        SettingsError: there are fewer passes.
        DataError: as for `impute`.

    >>> dbn, nan = DBN.from_sizes([3, 4], Random(0)), float("nan")
    >>> impute_by_mean_field(dbn, [[1.0, nan, 0.0]])[0, ::2].tolist()
    [1.0, 0.0]
    """
    if passes < 1:
        raise SettingsError(f"to fill values in takes at least 1 pass, not {passes}.")
    given, known = _given(dbn, items)
    values = given
    for _ in range(passes):
        values = torch.where(known, given, dbn.reconstruct(values))
    return values


def _given(dbn: DBN, items: TensorLike) -> tuple[Tensor, Tensor]:
    """The items in the model's type, and which of their values are known."""
    units = dbn.layer(1).visible
    given = as_items(items, dbn.layer(1).weights, dbn.sizes[0], "the DBN sees")
    check_known_values(units, given)
    return given, ~given.isnan()
