"""Automatic levels: an image's own black and white put back where they belong, without knowing what moved them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor
from torch.nn import functional

from deepbelief.arrays import check_range
from deepbelief.errors import DataError, SettingsError

_PATCH: Final = 3  # pixels: the mean of as many squared tells white from noise
_DARKEST: Final = 0.1  # a white level below this share of the range is not raised further: there is hardly an image


@final
@dataclass(frozen=True, eq=False)
class AutoLevels:
    """Images with the light taken away that lies on all of their pixels, and with their brightest patch made white.

    Noise that is clipped at black makes black pixels lighter on average, by level / sqrt(2 pi), and a network that has
    learnt from black backgrounds sees that as light everywhere. The light c on an image x = x_0 + c + noise is
    estimated from x alone, without bias and with the least variance (generalised least squares, Aitken 1936), where
    clean images x_0 have the mean mu and the covariance S, and noise of standard deviation s:

        c = max(0, w (x - mu)),  w = (S + s^2 I)^-1 1 / (1' (S + s^2 I)^-1 1)

    The image x - c is not clipped. Then it is stretched until the brightest of its patches of 3 x 3 pixels, by their
    mean, is white; it never gets darker. It can be differentiated through, and be put before any classifier.

    >>> training = torch.rand(50, 12) * torch.linspace(0, 1, 12)
    >>> levels = AutoLevels.of(training, (3, 4))
    >>> levels(training + 0.3).allclose(levels(training + 0.2), atol=1e-5)
    True

    Attributes:
        mean: mu, (width,).
        weights: w, (width,); their sum is 1.
        shape: (rows, columns), or (rows, columns, channels), of an image.
        bounds: black and white.
    """

    mean: Tensor
    weights: Tensor
    shape: tuple[int, ...]
    bounds: tuple[float, float] = (0.0, 1.0)

    @classmethod
    def of(
        cls,
        images: Tensor,
        shape: Sequence[int],
        bounds: tuple[float, float] = (0.0, 1.0),
        noise: float = 0.2,
    ) -> "AutoLevels":
        """From clean images.

        Args:
            images: (n, width); some thousands are enough.
            shape: of an image.
            bounds: black and white.
            noise: s, as a share of the range between them. It need not be that of the images to come: from 0.1 to 0.3
                the estimates hardly differ.

        Raises:
            SettingsError: the shape or the noise is impossible.
            DataError: there are no images, they have another number of values, or one of them is NaN or infinite.
        """
        shape = tuple(shape)
        if len(shape) not in (2, 3) or min(shape) < 1 or not 0 < noise < math.inf:
            raise SettingsError(
                f"automatic levels of images of shape {shape}, for noise of {noise}: give rows and columns, such as "
                "(28, 28), and a number above 0."
            )
        if images.ndim != 2 or not len(images) or images.shape[1] != math.prod(shape):
            raise DataError(
                f"the images are a tensor of shape {tuple(images.shape)}: give (n, {math.prod(shape)}) values for "
                f"images of shape {shape}."
            )
        check_range(images, wanted="automatic levels are of finite numbers")
        values = images.double()
        mean = values.mean(dim=0)
        covariance = (values - mean).T @ (values - mean) / len(values)
        covariance.diagonal().add_((noise * (bounds[1] - bounds[0])) ** 2)
        weights = torch.linalg.solve(covariance, torch.ones_like(mean))
        return cls(mean.to(images.dtype), (weights / weights.sum()).to(images.dtype), shape, bounds)

    def light(self, images: Tensor) -> Tensor:
        """The light on each image, c, (n,)."""
        return ((images - self.mean) @ self.weights).clamp_min(0)

    def __call__(self, images: Tensor) -> Tensor:
        """Images (n, width) -> images (n, width)."""
        low, high = self.bounds
        dark = images - self.light(images)[:, None] - low
        rows, columns, *channels = self.shape
        planes = dark.view(-1, rows, columns, math.prod(channels)).movedim(3, 1)
        patches = functional.avg_pool2d(planes, (min(_PATCH, rows), min(_PATCH, columns)), stride=1).flatten(1)
        white = patches.amax(dim=1, keepdim=True) / (high - low)
        return low + dark / white.clamp(_DARKEST, 1)
