"""RayS: a search for a wrong answer that sees nothing of the classifier but its answers."""

from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.attack import margins
from deepbelief.robustness.balls import Ball

_BISECTIONS: Final = 10  # of the distance along a direction, which is then known to a thousandth


@final
@dataclass(frozen=True)
class RayS:
    """The direction out of the corners {-1, +1}^width in which a wrong answer is nearest (Chen & Gu 2020).

    It begins with all values moved up, and tries to turn the signs of all, of halves, of quarters and so on, in the end
    of single values. A turn is kept where the answer at the present distance stays wrong, and then this distance is
    bisected. It ends for an image whose distance is within epsilon. Nothing is random.

    Args:
        queries: how often the classifier sees each image at most.

    Raises:
        SettingsError: there is no query.
    """

    queries: int = 2000

    def __post_init__(self) -> None:
        if self.queries < 1:
            raise SettingsError(f"RayS has {self.queries} queries: give at least 1.")

    def __call__(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, random: Random | int = 0
    ) -> Tensor:
        """The image found for each, (n, width), or the image itself; the other arguments are those of `Attack`."""
        search = _Search(classifier, images, labels, ball, self.queries)
        rows = torch.arange(len(images), device=images.device)
        search.turn(rows, slice(0, 0))  # nothing: as it begins
        size = images.shape[1]
        while True:
            for start in range(0, images.shape[1], size):
                rows = ((search.distance > ball.epsilon) & (search.spent < self.queries)).nonzero().squeeze(1)
                if not len(rows):
                    return search.found()
                search.turn(rows, slice(start, start + size))
            size = -(-size // 2)


@final
class _Search:
    """The best direction so far of each image, the distance of a wrong answer along it, (n,), and the queries spent."""

    def __init__(self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, queries: int) -> None:
        self._classifier, self._images, self._labels, self._ball = classifier, images, labels, ball
        self._queries = queries
        self._signs = torch.ones_like(images)
        # Along any direction; there every value is at one of its bounds.
        low, high = (torch.full_like(images[:1], bound) for bound in ball.bounds)
        self._farthest = float(ball.distance(low, high))
        self.distance = torch.full_like(images[:, 0], torch.inf)
        self.spent = torch.zeros_like(labels)

    def turn(self, rows: Tensor, block: slice) -> None:
        """Turn the signs of a block of values of these images; bisect the distance where the answer stays wrong."""
        signs = self._signs[rows]
        signs[:, block] *= -1
        far = self.distance[rows].clamp(max=self._farthest)
        wrong = self._wrong(rows, signs, far)
        rows, signs, far = rows[wrong], signs[wrong], far[wrong]
        near = torch.zeros_like(far)
        for _ in range(_BISECTIONS):
            middle = (near + far) / 2
            wrong = self._wrong(rows, signs, middle)
            near, far = near.where(wrong, middle), middle.where(wrong, far)
        self._signs[rows], self.distance[rows] = signs, far

    def _wrong(self, rows: Tensor, signs: Tensor, distance: Tensor) -> Tensor:
        """Where the answers at this distance are wrong, (rows,); not where an image has no query left."""
        wrong = self.spent[rows] < self._queries
        rows, points = rows[wrong], self._at(rows[wrong], signs[wrong], distance[wrong])
        self.spent[rows] += 1
        if len(rows):
            wrong[wrong.clone()] = margins(self._classifier, points, self._labels[rows]) >= 0
        return wrong

    def _at(self, rows: Tensor, signs: Tensor, distance: Tensor) -> Tensor:
        moved = torch.addcmul(self._images[rows], self._ball.ascent(signs), distance[:, None])
        return moved.clamp_(*self._ball.bounds)

    def found(self) -> Tensor:
        """The images at the distances found, where these are within epsilon, and otherwise the images themselves."""
        within = self.distance <= self._ball.epsilon
        rows = torch.arange(len(self._images), device=self._images.device)
        return self._ball.project(self._at(rows, self._signs, self.distance.where(within, 0.0)), self._images)
