"""Linear read-outs: what a linear classifier can tell from a layer whose weights it cannot change."""

from dataclasses import dataclass
from typing import Final, Literal, final

import numpy as np
import scipy.optimize
import torch
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as settings_dataclass
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from deepbelief.data import Features
from deepbelief.dbn import DBN
from deepbelief.feedforward import FeedForward, accuracy, softmax_regression
from deepbelief.randomness import Random

_CHUNK: Final = 1024


@final
class ReadoutClassifier(nn.Module):
    """A DBN up to hidden layer `layer`, then a linear read-out: images -> logits, differentiable from end to end."""

    def __init__(self, dbn: DBN, layer: int, readout: FeedForward) -> None:
        super().__init__()
        self.dbn = dbn
        self.readout = readout
        self.layer: Final = layer

    def forward(self, images: Tensor) -> Tensor:
        """(batch, visible) values in [0, 1] -> (batch, classes) logits."""
        logits: Tensor = self.readout(self.dbn.encode(images, self.layer))
        return logits


@final
@settings_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class ConvergedSettings:
    """L-BFGS on cross-entropy + l2/2 |W|^2 (W in units of standardised features), l2 chosen on held-out images."""

    method: Literal["converged"] = "converged"
    l2: tuple[float, ...] = Field(default=(1e-3, 1e-4, 1e-5), min_length=1)
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
    training: tuple[Tensor, Tensor], held_out: tuple[Tensor, Tensor] | None, classes: int, settings: ConvergedSettings
) -> ConvergedReadout:
    """Fit multinomial logistic regression on features (n, units) and labels (n,), to convergence if that is allowed.

    The penalties are tried from the strongest to the weakest, each starting from the last one's solution; the best
    on the held-out features is kept (the weakest without any). The standardisation is folded into the weights.
    """
    features, labels = training
    mean, std = features.mean(dim=0), features.std(dim=0).clamp_min_(1e-3)
    problem = _Problem((features - mean).div_(std), labels, classes)
    solution = np.zeros((features.shape[1] + 1) * classes)
    best: tuple[float, ConvergedReadout] | None = None
    for l2 in sorted(settings.l2, reverse=True):
        solution, losses, converged = problem.minimise(solution, l2, settings.max_iterations)
        network = _network(solution, mean, std, classes)
        score = 0.0 if held_out is None else accuracy(network, Features(held_out[0]), held_out[1])
        if best is None or held_out is None or score > best[0]:
            best = score, ConvergedReadout(network, l2, losses, converged)
    assert best is not None
    return best[1]


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
        return result.x, losses, bool(result.success)


@torch.no_grad()
def _network(solution: NDArray[np.float64], mean: Tensor, std: Tensor, classes: int) -> FeedForward:
    stacked = torch.from_numpy(solution).to(mean).view(classes, -1)
    network = FeedForward([len(mean), classes], torch.relu, Random(0, device=mean.device)).to(mean.dtype)
    weights = stacked[:, :-1] / std
    network.linear(1).weight.copy_(weights)
    network.linear(1).bias.copy_(stacked[:, -1] - weights @ mean)
    return network
