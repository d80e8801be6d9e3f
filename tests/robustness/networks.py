"""Small classifiers and images to attack, the same in each test."""

import torch
from torch import Tensor

from deepbelief.randomness import Random

CLASSES, WIDTH, SHAPE = 4, 12, (4, 3)


def linear(images: Tensor) -> Tensor:
    return images @ Random(1, "linear").normal((WIDTH, CLASSES)).to(images)


def network(images: Tensor) -> Tensor:
    """Two layers, curved."""
    random = Random(3, "network")
    first, second = (random.normal(shape, 1.5).to(images) for shape in ((WIDTH, 9), (9, CLASSES)))
    return torch.tanh((images - 0.5) @ first) @ second


def some_images(n: int = 20, bounds: tuple[float, float] = (0.0, 1.0), seed: int = 0) -> Tensor:
    """Some pixels lie on the bounds."""
    low, high = bounds
    spread = Random(seed, "images").uniform((n, WIDTH), -0.3, 1.3).clamp(0, 1).double()
    return (low + (high - low) * spread).clamp(low, high)


def right_labels(images: Tensor) -> Tensor:
    """What the network takes the images for."""
    return network(images).argmax(dim=1)
