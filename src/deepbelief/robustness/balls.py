"""What an attack may do: move an image by at most epsilon, in one of two norms, within the bounds of its pixels."""

from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness.noise import uniform


class Ball(Protocol):
    """All images within a distance `epsilon` of a given one whose pixels lie within the `bounds`.

    Images are (n, width) and lie within the bounds themselves.
    """

    @property
    def epsilon(self) -> float:
        """The radius."""

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that a pixel can have."""

    def project(self, points: Tensor, images: Tensor) -> Tensor:
        """Points, (n, width), brought back into the balls around these images."""

    def start(self, images: Tensor, random: Random) -> Tensor:
        """A random point of each image's ball, (n, width)."""

    def ascent(self, gradient: Tensor) -> Tensor:
        """The direction of unit length in which a function with this gradient grows most, (n, width)."""

    def distance(self, points: Tensor, images: Tensor) -> Tensor:
        """How far each point is from its image, (n,)."""


@dataclass(frozen=True)
class _Radius:
    epsilon: float
    bounds: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not self.epsilon >= 0 or self.epsilon == float("inf"):
            raise SettingsError(f"epsilon is {self.epsilon}: give a number from 0.")
        if not low < high:
            raise SettingsError(f"the bounds are {low} and {high}: give the lower one first.")


@final
@dataclass(frozen=True)
class LInf(_Radius):
    """No pixel moves by more than `epsilon`: max_i |x'_i - x_i| <= epsilon.

    >>> import torch
    >>> LInf(0.25).project(torch.tensor([[0.9, 0.5]]), torch.tensor([[0.5, 0.5]]))
    tensor([[0.7500, 0.5000]])
    """

    def project(self, points: Tensor, images: Tensor) -> Tensor:
        """Each pixel clipped to within epsilon of the image's, and to the bounds."""
        return points.clamp(images - self.epsilon, images + self.epsilon).clamp_(*self.bounds)

    def start(self, images: Tensor, random: Random) -> Tensor:
        """Uniform noise in [-epsilon, epsilon], clipped to the bounds."""
        return uniform(images, self.epsilon, random, self.bounds)

    def ascent(self, gradient: Tensor) -> Tensor:
        """The sign of the gradient."""
        return gradient.sign()

    def distance(self, points: Tensor, images: Tensor) -> Tensor:
        """max_i |x'_i - x_i|."""
        return (points - images).abs().amax(dim=1)


@final
@dataclass(frozen=True)
class L2(_Radius):
    """The whole image moves by no more than `epsilon`: sqrt(sum_i (x'_i - x_i)^2) <= epsilon.

    >>> import torch
    >>> L2(1.0).project(torch.tensor([[3.0, 4.0]]), torch.tensor([[0.0, 0.0]]))
    tensor([[0.6000, 0.8000]])
    """

    def project(self, points: Tensor, images: Tensor) -> Tensor:
        """The change made as short as epsilon where it is longer, then clipped to the bounds, which shortens it."""
        change = points - images
        length: Tensor = torch.linalg.vector_norm(change, dim=1, keepdim=True)
        shorter = torch.where(length > self.epsilon, self.epsilon / length, 1.0)
        return torch.addcmul(images, change, shorter).clamp_(*self.bounds)

    def start(self, images: Tensor, random: Random) -> Tensor:
        """Uniform in the ball, clipped to the bounds."""
        direction = self.ascent(random.normal(images.shape).to(images))
        radius = self.epsilon * random.uniform([len(images), 1]).to(images) ** (1 / images.shape[1])
        return torch.addcmul(images, direction, radius).clamp_(*self.bounds)

    def ascent(self, gradient: Tensor) -> Tensor:
        """The gradient divided by its length; 0 where it is 0."""
        # First by the largest entry: squares of small numbers would be 0.
        largest = gradient.abs().amax(dim=1, keepdim=True)
        scaled = torch.where(largest > 0, gradient / largest, 0.0)
        length: Tensor = torch.linalg.vector_norm(scaled, dim=1, keepdim=True)
        return scaled / length.clamp_min_(1.0)

    def distance(self, points: Tensor, images: Tensor) -> Tensor:
        """sqrt(sum_i (x'_i - x_i)^2)."""
        length: Tensor = torch.linalg.vector_norm(points - images, dim=1)
        return length
