"""Activation maximisation: the image that excites a hidden unit most."""

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import normalize

from deepbelief.data import SourceLike
from deepbelief.data.moments import moments_of
from deepbelief.models.dbn import DBN

_HALVINGS: Final = 40
_LONGEST: Final = 1e4  # radii; by then all pixels that the direction moves have come to a bound


def maximise_activation(
    dbn: DBN,
    layer: int,
    units: Tensor,
    images: SourceLike,
    bounds: tuple[float, float] = (0.0, 1.0),
    reach: float = 0.7,
    steps: int = 40,
) -> Tensor:
    """The image that excites each unit most, among those that are not too far from the mean image.

    For unit j of layer l it maximises the field (h_(l-1)(x) W_l)_j (Erhan, Bengio, Courville & Vincent 2009) over
    images x within the bounds and |x - m| <= reach r, where m is the mean of the images and r the root of their mean
    squared distance from it. Without the limit it would be a pattern of black and white that is like no image. Each
    step goes part of the way, 2 / (step + 1), to the point of that set which is farthest along the gradient (Frank &
    Wolfe 1956); for a unit of the first layer, whose field is linear, the first step ends at the maximum.

    Args:
        dbn: the model.
        layer: of the units, from 1.
        units: their numbers, (n,) int64.
        images: the data, (items, visible), for their mean and their spread: a source, tensor, NumPy array or list of
            lists.
        bounds: the lowest and the highest value of a pixel.
        reach: how far, as a share of how far images are; with 1 the results are sharper and noisier.
        steps: how many, from 1; deeper layers need some tens.

    Returns:
        (n, visible), an image for each unit.
    """
    moments, weights = moments_of(images), dbn.layer(1).weights
    mean, radius = moments.mean.to(weights), reach * moments.variance.sum().sqrt().to(weights)
    found = mean.repeat(len(units), 1)
    for step in range(1, steps + 1):
        direction = normalize(_gradient(dbn, layer, units, found))
        found = found + 2 / (step + 1) * (_farthest(mean, radius, direction, bounds) - found)
    return found


def _gradient(dbn: DBN, layer: int, units: Tensor, images: Tensor) -> Tensor:
    """The gradient of the field of units[i] in images[i], (n, visible)."""
    with torch.enable_grad():
        inputs = images.detach().requires_grad_()
        fields = dbn.encode(inputs, layer - 1) * dbn.layer(layer).weights.detach()[:, units].T
        (gradient,) = torch.autograd.grad(fields.sum(), inputs)
    return gradient


def _farthest(mean: Tensor, radius: Tensor, directions: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The x with the largest d . x within the bounds and the radius, for each direction d of length 1, (n, visible).

    It is clamp(m + t d) with the t at which its distance from m is the radius, found by bisection.
    """
    low, high = directions.new_zeros(len(directions), 1), _LONGEST * radius.expand(len(directions), 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        inside = ((mean + middle * directions).clamp(*bounds) - mean).norm(dim=1, keepdim=True) <= radius
        low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
    return (mean + low * directions).clamp(*bounds)
