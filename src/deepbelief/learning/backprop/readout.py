"""Linear read-outs: what a linear classifier can tell from layers whose weights it cannot change."""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, final

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass
from threadpoolctl import threadpool_limits
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.data import LabelledLike, Source, as_held_out, as_labelled
from deepbelief.data.labels import as_training_labels
from deepbelief.data.order import counts_of
from deepbelief.errors import SettingsError
from deepbelief.learning.course import Training
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.models.readout import ReadoutClassifier as ReadoutClassifier  # a name of `deepbelief.learning`, too
from deepbelief.randomness import Random, as_random
from deepbelief.settings import settings_dataclass

_CHUNK: Final = 1024


@torch.no_grad()
def predictions(
    dbn: DBN, classifiers: Mapping[str, Classifier], images: Tensor, batch_size: int = 2000
) -> dict[str, Tensor]:
    """What each classifier takes images (n, width) for, (n,) int64; the read-outs of the DBN share one pass up."""
    parts: dict[str, list[Tensor]] = {name: [] for name in classifiers}
    for batch in torch.split(images, batch_size):
        layers = dbn.encode_all(batch)
        for name, classifier in classifiers.items():
            logits = classifier.of_layers(layers) if isinstance(classifier, ReadoutClassifier) else classifier(batch)
            parts[name].append(logits.argmax(dim=1))
    return {name: torch.cat(part) for name, part in parts.items()}


@final
@settings_dataclass
class ConvergedSettings:
    """L-BFGS on cross-entropy + l2/2 |W|^2 (W in units of standardised features), l2 chosen on held-out images."""

    method: Literal["converged"] = "converged"
    l2: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(default=(1e-3, 1e-4, 1e-5), min_length=1)
    max_iterations: int = Field(default=200, ge=1)


@dataclass(frozen=True)
class ConvergedRecord:
    """The fit with one penalty."""

    epoch: int
    """The number of the penalty, from 1 for the strongest."""
    l2: float
    losses: list[float]
    """The objective, in nats, at each iteration."""
    converged: bool
    """False where the last iteration allowed ended the search, which would have gone on."""
    score: float | None = None
    """The accuracy on held-out features; None without any."""
    score_name: str | None = None


@final
class ConvergedTraining(Training[ConvergedRecord]):
    """Fits multinomial logistic regression by L-BFGS, from 0 and to convergence if allowed; an epoch is one penalty.

    The penalties are tried from the strongest to the weakest, each starting from the last one's solution; the best
    on the held-out features is kept (the weakest without any). The standardisation is folded into the weights.

    Args:
        network: a `FeedForward` without hidden layers, changed in place.
        source: features and their labels: `Labelled`, `Images` with labels, or a pair (features, labels) of tensors,
            arrays or lists. They are computed with in their own type, float32 at least.
        settings: penalties and iterations.
        random: not used, since nothing is drawn.
        held_out: features and labels to choose the penalty by.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        DataError: features are NaN, infinite or none at all, or labels are not as `as_training_labels` wants them.
        SettingsError: the network has hidden layers, or sees another number of features.
    """

    _record_kind = ConvergedRecord

    def __init__(
        self,
        network: FeedForward,
        source: LabelledLike,
        settings: ConvergedSettings,
        *,
        random: Random | int = 0,
        held_out: LabelledLike | None = None,
    ) -> None:
        if len(network.sizes) != 2:
            raise SettingsError(f"a read-out is linear: give a network of 2 sizes, not {len(network.sizes)}.")
        width, classes = network.sizes
        device = next(network.parameters()).device
        items = as_labelled(source, classes)
        features = _in_memory(items.source, width, "data").to(device)
        labels = as_training_labels(items.labels, len(items), classes).to(device)
        others = as_held_out(held_out, classes)
        self._held_out: tuple[Tensor, Tensor] | None = None
        if others is not None:
            self._held_out = _in_memory(others.source, width, "held-out features"), others.labels
        patience = 0 if self._held_out is None else len(settings.l2)  # never over before the last penalty
        super().__init__(
            network, network, len(settings.l2), patience, self._held_out is not None, as_random(random, device)
        )
        self._penalties, self._most = sorted(settings.l2, reverse=True), settings.max_iterations
        self._network, self._mean = network, features.mean(dim=0)
        # A single item has a standard deviation of 0.
        self._std = features.std(dim=0, correction=min(1, len(features) - 1)).clamp_min_(1e-3)
        counts = counts_of(items.weights, features)
        self._problem = _Problem((features - self._mean).div_(self._std), labels, classes, counts)
        self._solution = np.zeros((width + 1) * classes)

    def _one_epoch(self, epoch: int) -> ConvergedRecord:
        l2 = self._penalties[epoch - 1]
        self._solution, losses, converged = self._problem.minimise(self._solution, l2, self._most)
        self._put_solution()
        if self._held_out is None:
            return ConvergedRecord(epoch, l2, losses, converged)
        return ConvergedRecord(epoch, l2, losses, converged, accuracy(self._network, *self._held_out), "accuracy")

    @torch.no_grad()
    def _put_solution(self) -> None:
        stacked = torch.from_numpy(self._solution).to(self._mean).view(self._network.sizes[-1], -1)
        weights = stacked[:, :-1] / self._std
        self._network.linear(1).weight.copy_(weights)
        self._network.linear(1).bias.copy_(stacked[:, -1] - weights @ self._mean)

    def _memory(self) -> dict[str, Tensor]:
        return {"solution": torch.from_numpy(self._solution)}

    def _remember(self, tensors: Mapping[str, Tensor]) -> None:
        self._solution = torch.from_numpy(self._solution).copy_(tensors["solution"]).numpy()


def _in_memory(source: Source, width: int, what: str) -> Tensor:
    """All features at once, (n, width), all finite, in float32 or a wider type."""
    check_width(source, width, "the read-out", what)
    values = source.batch(slice(0, len(source)))
    dtype = torch.promote_types(values.dtype, torch.float32)
    check_finite(source, dtype)
    return values.to(dtype)


@final
class _Problem:
    """Cross-entropy and its gradient in the weights, computed on the device, a chunk of rows at a time."""

    def __init__(self, features: Tensor, labels: Tensor, classes: int, counts: Tensor | None = None) -> None:
        self._classes = classes
        self._chunks = list(zip(torch.split(features, _CHUNK), torch.split(labels, _CHUNK), strict=True))
        self._counts = [None] * len(self._chunks) if counts is None else torch.split(counts, _CHUNK)
        self._n, self._like = len(features), features

    def objective(self, flat: NDArray[np.float64], l2: float) -> tuple[float, NDArray[np.float64]]:
        stacked = torch.from_numpy(flat).to(self._like).view(self._classes, -1)
        weights, bias = stacked[:, :-1], stacked[:, -1]  # (classes, units), (classes,)
        gradient = torch.zeros_like(stacked)
        total = 0.0
        for (rows, labels), counts in zip(self._chunks, self._counts, strict=True):
            loss, by_weights, by_bias = softmax_regression(weights, bias, rows, labels, counts)
            total += float(loss)
            gradient[:, :-1] += by_weights
            gradient[:, -1] += by_bias
        gradient.div_(self._n)
        gradient[:, :-1].add_(weights, alpha=l2)
        value = total / self._n + 0.5 * l2 * float(weights.double().pow(2).sum())
        return value, gradient.double().cpu().numpy().ravel()

    def minimise(
        self, start: NDArray[np.float64], l2: float, max_iterations: int
    ) -> tuple[NDArray[np.float64], list[float], bool]:
        losses: list[float] = []
        # SciPy's own BLAS has little to do, and its idle threads would spin while PyTorch's work: twice the time.
        with threadpool_limits(1, user_api="blas"):
            result = scipy.optimize.minimize(
                self.objective,
                start,
                args=(l2,),
                jac=True,
                method="L-BFGS-B",
                callback=lambda intermediate_result: losses.append(float(intermediate_result.fun)),
                options={"maxiter": max_iterations, "maxcor": 20, "ftol": 1e-7, "gtol": 1e-6},
            )
        # A start that cannot be bettered takes no iteration.
        return result.x, losses or [float(result.fun)], bool(result.success)
