"""Auto-PGD (APGD): PGD that chooses the length of its steps as it goes."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.robustness.attacks.attack import Seen, Worst, look
from deepbelief.robustness.attacks.climb import Climb
from deepbelief.robustness.balls import Ball
from deepbelief.robustness.losses import Loss, logits_ratio

# The constants of the paper: the weight of a step beside the one before it; the share of steps since the last
# checkpoint that must raise the loss; and the spacing of checkpoints, as shares of all steps.
_WEIGHT: Final = 0.75
_RISING: Final = 0.75
_FIRST, _SHORTER, _SHORTEST = 0.22, 0.03, 0.06


@final
@dataclass(frozen=True)
class APGD(Climb):
    """Auto-PGD (Croce & Hein 2020, algorithm 1): nothing about it has to be tuned.

    With z = project(x_t + a ascent(d loss / dx)) it goes on by
    x_t+1 = project(x_t + 0.75 (z - x_t) + 0.25 (x_t - x_t-1)), from a = 2 epsilon. At checkpoints, closer and closer,
    each image by itself goes back to the place of its largest loss and halves a, where fewer than three quarters of the
    steps since the last checkpoint raised its loss, or where neither a nor the largest loss changed between the last
    two. For each image the one with the largest margin of all points of all `restarts` is kept.

    Raises:
        SettingsError: there is no step or no start.
    """

    steps: int = 100
    restarts: int = 1
    loss: Loss = logits_ratio

    def _climb(
        self, classifier: Classifier, images: Tensor, labels: Tensor, ball: Ball, start: Tensor, worst: Worst
    ) -> None:
        point, before = start, start
        seen = look(classifier, point, labels, self.loss)
        worst.show(point, seen.margin)
        course = _Course(point, seen, 2 * ball.epsilon)
        checkpoints, last = set(_checkpoints(self.steps)), 0
        for number in range(1, self.steps + 1):
            there = ball.project(torch.addcmul(point, ball.ascent(seen.gradient), course.length[:, None]), images)
            if number > 1:
                there = ball.project(point + _WEIGHT * (there - point) + (1 - _WEIGHT) * (point - before), images)
            before, point = point, there
            loss_before = seen.loss
            seen = look(classifier, point, labels, self.loss)
            worst.show(point, seen.margin)
            course.went(point, seen, loss_before)
            if number in checkpoints:
                point, seen = course.check(point, seen, number - last)
                last = number


@final
class _Course:
    """The state of a climb, of each image: the length of its steps, the best place so far, and its record."""

    def __init__(self, point: Tensor, seen: Seen, length: float) -> None:
        self.length = torch.full_like(seen.loss, length)
        self._best, self._best_seen = point, seen
        self._rises = torch.zeros_like(seen.loss)
        # At the last checkpoint.
        self._best_loss, self._shortened = seen.loss, torch.ones_like(seen.loss, dtype=torch.bool)

    def went(self, point: Tensor, seen: Seen, loss_before: Tensor) -> None:
        """Take note of a step."""
        self._rises += seen.loss > loss_before
        better = seen.loss > self._best_seen.loss
        self._best, self._best_seen = _chosen(better, (point, seen), (self._best, self._best_seen))

    def check(self, point: Tensor, seen: Seen, steps: int) -> tuple[Tensor, Seen]:
        """At a checkpoint after so many steps: where to go on from."""
        stuck = ~self._shortened & (self._best_seen.loss <= self._best_loss)
        shorten = (self._rises < _RISING * steps) | stuck
        self.length = torch.where(shorten, self.length / 2, self.length)
        self._best_loss, self._shortened = self._best_seen.loss, shorten
        self._rises = torch.zeros_like(self._rises)
        return _chosen(shorten, (self._best, self._best_seen), (point, seen))


def _chosen(which: Tensor, one: tuple[Tensor, Seen], other: tuple[Tensor, Seen]) -> tuple[Tensor, Seen]:
    """A point and what was seen there: those of `one` for the images at which `which` is true, (n,)."""
    rows = which[:, None]
    (point, seen), (other_point, other_seen) = one, other
    return torch.where(rows, point, other_point), Seen(
        torch.where(rows, seen.gradient, other_seen.gradient),
        torch.where(which, seen.loss, other_seen.loss),
        torch.where(which, seen.margin, other_seen.margin),
    )


def _checkpoints(steps: int) -> Iterator[int]:
    """The numbers of the steps after which the length is looked at: w_j = ceil(p_j steps), with p_1 = 0.22."""
    before, share = 0.0, _FIRST
    while share <= 1:
        yield max(1, math.ceil(share * steps - 1e-9))
        before, share = share, share + max(share - before - _SHORTER, _SHORTEST)
