"""Square attack: random search for a wrong answer, which needs scores and no gradients."""

import math
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import DataError, SettingsError
from deepbelief.randomness import Random, as_random
from deepbelief.robustness.attacks.attack import Worst, margins
from deepbelief.robustness.balls import Ball
from deepbelief.robustness.squares import random_squares

# The numbers of queries out of 10,000 after which the side of the square gets shorter; its area is halved.
_HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)


@final
@dataclass(frozen=True)
class Square:
    """Random squares of +epsilon or -epsilon are kept where they raise the margin (Andriushchenko et al. 2020).

    It begins with vertical stripes, and ends for an image as soon as that is lost. The area of the squares begins at a
    share `area` of the image and is halved on the way. It was made for `LInf`; in `L2` each proposal is projected: that
    is valid and weak.

    Args:
        shape: (rows, columns), or (rows, columns, channels), of an image.
        queries: how often the classifier sees each image at most.
        area: of the first squares.

    Raises:
        SettingsError: the shape, the queries or the area are impossible.
        DataError: when called, the images have another number of values than the shape.
    """

    shape: tuple[int, ...]
    queries: int = 5000
    area: float = 0.8

    def __post_init__(self) -> None:
        if len(self.shape) not in (2, 3) or min(self.shape) < 1:
            raise SettingsError(f"the shape of an image is {self.shape}: give its rows and columns, such as (28, 28).")
        if self.queries < 1 or not 0 < self.area <= 1:
            raise SettingsError(
                f"the square attack has {self.queries} queries and squares of {self.area} of the image: give at least "
                "1 query, and an area above 0 and at most 1."
            )

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int
    ) -> Tensor:
        """The worst image found for each, (n, width); the arguments are those of `Attack`."""
        if math.prod(self.shape) != images.shape[1]:
            raise DataError(
                f"the images have {images.shape[1]} values, and an image of shape {self.shape} has "
                f"{math.prod(self.shape)}: give the square attack the images' own shape."
            )
        random = as_random(random, images.device)
        stripes = torch.sign(random.uniform((len(images), 1, *self.shape[1:]), -1, 1)).to(images)
        stripes = stripes.expand(-1, *self.shape).reshape(images.shape)
        point = ball.project(torch.add(images, stripes, alpha=ball.epsilon), images)
        worst = Worst(point, margins(classifier, point, labels))
        for query in range(1, self.queries):
            rows = (worst.margin < 0).nonzero().squeeze(1)
            if not len(rows):
                break
            side = self._side(query)
            change = 2 * ball.epsilon * self._squares(len(rows), side, random).to(images)
            point = ball.project(worst.images[rows] + change, images[rows])
            worst.show_some(rows, point, margins(classifier, point, labels[rows]))
        return worst.images

    def _side(self, query: int) -> int:
        """Of the square, in pixels."""
        halvings = sum(query * 10_000 > after * self.queries for after in _HALVINGS)
        side = round(math.sqrt(self.area / 2**halvings * self.shape[0] * self.shape[1]))
        return min(max(side, 1), *self.shape[:2])

    def _squares(self, n: int, side: int, random: Random) -> Tensor:
        """+1 or -1, one number for each channel, in a square at a random place of each image, and 0 elsewhere."""
        square = random_squares(n, side, self.shape[0], self.shape[1], random)
        signs = torch.sign(random.uniform((n, 1, 1, math.prod(self.shape[2:])), -1, 1))
        return (square * signs).flatten(1)
