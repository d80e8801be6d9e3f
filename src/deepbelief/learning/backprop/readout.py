"""Linear read-outs: what a linear classifier can tell from layers whose weights it cannot change."""

from collections.abc import Iterator, Mapping
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
from deepbelief.data import Labelled, LabelledLike, Source, as_held_out, as_labelled, in_batches
from deepbelief.data.labels import as_training_labels
from deepbelief.data.moments import moments_of
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
    Features that are read from files stay there, and are read once for each look of L-BFGS at all of them.

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
        dtype = _type_of(items.source, width, "data")
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
        self._network = network
        chunks = _Read if items.source.runs is not None else _InMemory
        features = chunks(items.source, dtype, device)
        self._mean, self._std = features.mean, features.std
        self._problem = _Problem(features, items, labels, classes)
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


def _type_of(source: Source, width: int, what: str) -> torch.dtype:
    """The type to compute in with these features, float32 or a wider one, in which all of them are finite."""
    check_width(source, width, "the read-out", what)
    dtype = torch.promote_types(source.batch(slice(0, 1)).dtype, torch.float32)
    check_finite(source, dtype)
    return dtype


def _in_memory(source: Source, width: int, what: str) -> Tensor:
    """All features at once, (n, width), in the type of `_type_of`."""
    dtype = _type_of(source, width, what)
    return source.batch(slice(0, len(source))).to(dtype)


@final
class _InMemory:
    """Features, standardised once and kept."""

    def __init__(self, source: Source, dtype: torch.dtype, device: torch.device) -> None:
        features = source.batch(slice(0, len(source))).to(dtype).to(device)
        self.mean: Final = features.mean(dim=0)
        # A single item has a standard deviation of 0.
        self.std: Final = features.std(dim=0, correction=min(1, len(features) - 1)).clamp_min_(1e-3)
        self._standardised = (features - self.mean).div_(self.std)

    def chunks(self) -> Iterator[Tensor]:
        return iter(torch.split(self._standardised, _CHUNK))


@final
class _Read:
    """Features in files: each pass over the chunks reads them and standardises them again."""

    def __init__(self, source: Source, dtype: torch.dtype, device: torch.device) -> None:
        n, (mean, variance) = len(source), moments_of(source)
        self.mean: Final = mean.to(device, dtype)
        self.std: Final = (variance * (n / max(1, n - 1))).sqrt().to(device, dtype).clamp_min_(1e-3)
        self._source = source

    def chunks(self) -> Iterator[Tensor]:
        for batch in in_batches(self._source, _CHUNK):
            yield (batch.to(self.mean) - self.mean).div_(self.std)


@final
class _Problem:
    """Cross-entropy and its gradient in the weights, computed on the device, a chunk of rows at a time."""

    def __init__(self, features: _InMemory | _Read, items: Labelled, labels: Tensor, classes: int) -> None:
        self._features, self._like, self._n, self._classes = features, features.mean, len(items), classes
        self._labels = torch.split(labels, _CHUNK)
        counts = counts_of(items.weights, features.mean)
        self._counts = [None] * len(self._labels) if counts is None else torch.split(counts, _CHUNK)

    def objective(self, flat: NDArray[np.float64], l2: float) -> tuple[float, NDArray[np.float64]]:
        stacked = torch.from_numpy(flat).to(self._like).view(self._classes, -1)
        weights, bias = stacked[:, :-1], stacked[:, -1]  # (classes, units), (classes,)
        gradient = torch.zeros_like(stacked)
        total = 0.0
        for rows, labels, counts in zip(self._features.chunks(), self._labels, self._counts, strict=True):
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
