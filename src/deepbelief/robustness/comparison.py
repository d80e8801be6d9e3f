"""Which of two classifiers is better on the same images, over several trainings; and many such questions at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import scipy.special
from numpy.typing import ArrayLike, NDArray

from deepbelief.errors import DataError

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Difference:
    """The mean difference of two classifiers, first less second, and how sure it is."""

    mean: float
    ci95: tuple[float, float]
    """The 95 % confidence interval."""
    p: float
    """Of a difference as large as this, in either direction, where there is none."""


def compare(first: ArrayLike, second: ArrayLike) -> Difference:
    """Compare two classifiers, pair by pair: what each made of an image after each training.

    With d_si the difference for the image i after the training s, the variance of its mean has a part from the choice
    of the trainings and one from that of the images, for both are samples, and each image comes back in each training:

        Var = (M_s + M_i - M_si) / (trainings * images)

    with the mean squares M of the analysis of variance (of trainings, of images, of what is left), and not less than
    with M_s or M_i alone. The interval is that of Student's t with Satterthwaite's degrees of freedom (Clark 1973).
    After a single training only the images are a sample: the answer then is about these two networks alone.

    Args:
        first: (trainings, images) scores, such as 1 for right and 0 for wrong, or a mean over levels of noise.
        second: the same of the other classifier, for the same trainings and images.

    Raises:
        DataError: the scores are not two tables of the same shape with two images or more, or are not finite.

    >>> found = compare([[1, 1, 1, 0, 1, 1]], [[0, 1, 0, 0, 1, 1]])
    >>> round(found.mean, 3), round(found.ci95[0], 3), round(found.p, 3)
    (0.333, -0.209, 0.175)
    """
    scores = [np.asarray(one, np.float64) for one in (first, second)]
    if scores[0].shape != scores[1].shape or scores[0].ndim != 2 or scores[0].shape[1] < 2 or not len(scores[0]):
        raise DataError(
            f"the scores have the shapes {scores[0].shape} and {scores[1].shape}: give two tables (trainings, images) "
            "of the same shape, with two images or more."
        )
    difference = scores[0] - scores[1]
    if not np.isfinite(difference).all():
        raise DataError("a score is NaN or infinite: leave such images out of both tables.")
    mean = float(difference.mean())
    variance, freedom = _variance_of_mean(difference)
    half = float(scipy.special.stdtrit(freedom, 0.975) * np.sqrt(variance))
    p = float(2 * scipy.special.stdtr(freedom, -abs(mean) / np.sqrt(variance))) if variance else float(mean == 0)
    return Difference(mean, (mean - half, mean + half), p)


def _variance_of_mean(values: Floats) -> tuple[float, float]:
    """Of (trainings, images), both of them samples; and its degrees of freedom."""
    trainings, images = values.shape
    mean, of_images = values.mean(), values.mean(axis=0)
    by_image = trainings * float(np.square(of_images - mean).sum()) / (images - 1)
    if trainings == 1:
        return by_image / images, images - 1
    of_trainings = values.mean(axis=1, keepdims=True)
    by_training = images * float(np.square(of_trainings - mean).sum()) / (trainings - 1)
    rest_freedom = (trainings - 1) * (images - 1)
    rest = float(np.square(values - of_trainings - of_images + mean).sum()) / rest_freedom
    both = by_training + by_image - rest
    spread = by_training**2 / (trainings - 1) + by_image**2 / (images - 1) + rest**2 / rest_freedom
    choices = [
        (both, both**2 / spread if spread else float(images - 1)),
        (by_training, trainings - 1),
        (by_image, images - 1),
    ]
    variance, freedom = max(choices, key=lambda choice: choice[0])
    return variance / values.size, freedom


def holm(p: Sequence[float]) -> list[float]:
    """Each p corrected for all being asked together (Holm 1979); in the order given.

    The k-th smallest of n is multiplied by n - k + 1, and never smaller than the one before it. Those at most 0.05
    are then all true with a probability of 95 % or more, however they depend on each other.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(order), 0, -1)
    corrected = np.minimum(np.maximum.accumulate(np.asarray(p, np.float64)[order] * factors), 1.0)
    found = np.empty_like(corrected)
    found[order] = corrected
    return [float(one) for one in found]
