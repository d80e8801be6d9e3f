"""Linear read-outs: what a linear classifier can tell from a layer whose weights it cannot change."""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, final

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from pydantic import Field
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from deepbelief.arrays import TensorLike
from deepbelief.data import Source, SourceLike, as_source
from deepbelief.data.labels import as_labels, as_training_labels
from deepbelief.models.checks import check_finite, check_width
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass

_CHUNK: Final = 1024


@final
class ReadoutClassifier(nn.Module):
    """A DBN up to hidden layer `layer`, then a linear read-out: images -> logits, differentiable from end to end."""

    def __init__(self, dbn: DBN, layer: int, readout: FeedForward) -> None:
        super().__init__()
        self.dbn = dbn
        self.readout = readout
        self.layer: Final = layer

    def forward(self, images: TensorLike) -> Tensor:
        """(batch, visible) values in [0, 1] -> (batch, classes) logits."""
        logits: Tensor = self.readout(self.dbn.encode(images, self.layer))
        return logits


@final
@settings_dataclass
class ConvergedSettings:
    """L-BFGS on cross-entropy + l2/2 |W|^2 (W in units of standardised features), l2 chosen on held-out images."""

    method: Literal["converged"] = "converged"
    l2: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = Field(default=(1e-3, 1e-4, 1e-5), min_length=1)
    max_iterations: int = Field(default=200, ge=1)


@dataclass(frozen=True)
class ConvergedReadout:
    """A fitted read-out: the network, the chosen penalty, and the training objective at each iteration.

    `converged` is false where the last iteration allowed ended the search, which would have gone on.
    """

    network: FeedForward
    l2: float
    losses: list[float]
    converged: bool


def fit_converged(
    training: tuple[SourceLike, TensorLike],
    held_out: tuple[SourceLike, TensorLike] | None,
    classes: int,
    settings: ConvergedSettings,
) -> ConvergedReadout:
    """Fit multinomial logistic regression on features (n, units) and labels (n,) from 0, to convergence if allowed.

    Tensors of any type, NumPy arrays, lists and sources are taken; the read-out has the type of the training features,
    float32 at least.

    The penalties are tried from the strongest to the weakest, each starting from the last one's solution; the best
    on the held-out features is kept (the weakest without any). The standardisation is folded into the weights.

    Warns:
        DataWarning: a class has no training item.

    Raises:
        DataError: features are NaN, infinite or none at all, or labels are not as `as_training_labels` wants them.
        SettingsError: the held-out features have another width.
    """
    features = _in_memory(training[0])
    labels = as_training_labels(training[1], len(features), classes)
    chosen_on = None if held_out is None else _held_out(held_out, features.shape[1], classes)
    mean = features.mean(dim=0)
    std = features.std(dim=0, correction=min(1, len(features) - 1)).clamp_min_(1e-3)  # 0 of a single item
    problem = _Problem((features - mean).div_(std), labels, classes)
    solution = np.zeros((features.shape[1] + 1) * classes)
    best: tuple[float, ConvergedReadout] | None = None
    for l2 in sorted(settings.l2, reverse=True):
        solution, losses, converged = problem.minimise(solution, l2, settings.max_iterations)
        network = _network(solution, mean, std, classes)
        score = 0.0 if chosen_on is None else accuracy(network, *chosen_on)
        if best is None or chosen_on is None or score > best[0]:
            best = score, ConvergedReadout(network, l2, losses, converged)
    assert best is not None
    return best[1]


def _held_out(given: tuple[SourceLike, TensorLike], width: int, classes: int) -> tuple[Source, Tensor]:
    """Held-out features of this width and their labels, checked."""
    features = _in_memory(given[0])
    source = as_source(features)
    check_width(source, width, "the read-out", "held-out features")
    return source, as_labels(given[1], len(source), classes)


def _in_memory(given: SourceLike) -> Tensor:
    """All items of a source at once, (n, width), all finite, in float32 or a wider type."""
    source = as_source(given)
    values = source.batch(slice(0, len(source)))
    dtype = torch.promote_types(values.dtype, torch.float32)
    check_finite(source, dtype)
    return values.to(dtype)


@final
class _Problem:
    """Cross-entropy and its gradient in the weights, computed on the device, a chunk of rows at a time."""

    def __init__(self, features: Tensor, labels: Tensor, classes: int) -> None:
        self._features, self._labels, self._classes = features, labels.to(features.device), classes

    def objective(self, flat: NDArray[np.float64], l2: float) -> tuple[float, NDArray[np.float64]]:
        stacked = torch.from_numpy(flat).to(self._features).view(self._classes, -1)
        weights, bias = stacked[:, :-1], stacked[:, -1]  # (classes, units), (classes,)
        gradient = torch.zeros_like(stacked)
        total = 0.0
        for rows, labels in zip(torch.split(self._features, _CHUNK), torch.split(self._labels, _CHUNK), strict=True):
            loss, by_weights, by_bias = softmax_regression(weights, bias, rows, labels)
            total += float(loss)
            gradient[:, :-1] += by_weights
            gradient[:, -1] += by_bias
        gradient.div_(len(self._features))
        gradient[:, :-1].add_(weights, alpha=l2)
        value = total / len(self._features) + 0.5 * l2 * float(weights.double().pow(2).sum())
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


@torch.no_grad()
def _network(solution: NDArray[np.float64], mean: Tensor, std: Tensor, classes: int) -> FeedForward:
    stacked = torch.from_numpy(solution).to(mean).view(classes, -1)
    network = FeedForward([len(mean), classes], torch.relu, Random(0, device=mean.device)).to(mean.dtype)
    weights = stacked[:, :-1] / std
    network.linear(1).weight.copy_(weights)
    network.linear(1).bias.copy_(stacked[:, -1] - weights @ mean)
    return network
