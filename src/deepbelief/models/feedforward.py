"""The feed-forward network; and the predictions and the accuracy of any classifier."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Final, final

import torch
from torch import Tensor, nn

from deepbelief.arrays import TensorLike, as_batch
from deepbelief.data import SourceLike, Weighted, as_source, in_batches
from deepbelief.data.labels import as_labels
from deepbelief.errors import DataError, SettingsError
from deepbelief.models.standardisation import Standardisation
from deepbelief.randomness import Random, as_random
from deepbelief.system.products import affine, product


@final
class _Linear(nn.Linear):
    """PyTorch's linear layer with the products of this package."""

    def forward(self, input: Tensor) -> Tensor:
        return affine(input, self.weight, self.bias)


@final
class FeedForward(nn.Module):
    """Linear layers with an activation between them; without hidden sizes, multinomial logistic regression.

    Weights and biases start uniform on +-1 / sqrt(inputs of the layer), PyTorch's default for `nn.Linear`.

    Raises:
        SettingsError: there are fewer than two sizes.

    >>> FeedForward([784, 200, 10], torch.relu, Random(0))(torch.rand(5, 784)).shape
    torch.Size([5, 10])
    """

    def __init__(self, sizes: Sequence[int], activation: Callable[[Tensor], Tensor], random: Random | int) -> None:
        super().__init__()
        random = as_random(random)
        if len(sizes) < 2:
            raise SettingsError(f"a network needs an input and an output size, such as [784, 10], not {list(sizes)}.")
        self.sizes: Final = list(sizes)
        self.activation: Final = activation
        self.layers = nn.ModuleList()
        for inputs, outputs in pairwise(sizes):
            layer = _Linear(inputs, outputs, device="meta")  # without PyTorch's own initial values
            layer.to_empty(device=random.device)
            bound = 1.0 / math.sqrt(inputs)
            with torch.no_grad():
                layer.weight.copy_(random.uniform((outputs, inputs), -bound, bound))
                layer.bias.copy_(random.uniform((outputs,), -bound, bound))
            self.layers.append(layer)

    def linear(self, number: int) -> nn.Linear:
        """The linear layer `number`, counted from 1 at the input; -1 is the last."""
        layer = self.layers[number - 1 if number > 0 else number]
        assert isinstance(layer, nn.Linear)
        return layer

    def with_scaling(self, scaling: Standardisation) -> "FeedForward":
        """A copy that takes values as they are, of a network that takes them standardised."""
        folded = copy.deepcopy(self)
        scaling.fold_into(folded.linear(1))
        return folded

    def forward(self, values: TensorLike) -> Tensor:
        """Logits: (batch, sizes[0]) -> (batch, sizes[-1])."""
        activity = as_batch(values, self.linear(1).weight, self.sizes[0], "the network sees")
        for layer in self.layers[:-1]:
            activity = self.activation(layer(activity))
        return self._logits(activity)

    def forward_with_dropout(self, values: Tensor, dropout: float, random: Random) -> Tensor:
        """Logits with each hidden unit left out with probability `dropout` (Srivastava et al. 2014)."""
        for layer in self.layers[:-1]:
            values = self.activation(layer(values))
            if dropout > 0:
                values = values * random.dropout_mask(values, dropout)
        return self._logits(values)

    def _logits(self, values: Tensor) -> Tensor:
        """The last layer; with its few outputs as rows the product is a third faster on a CPU."""
        last = self.linear(-1)
        return torch.addmm(last.bias[:, None], last.weight, values.T).T  # (outputs, batch) transposed


@torch.no_grad()
def softmax_regression(
    weights: Tensor, bias: Tensor, rows: Tensor, labels: Tensor, counts: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Summed cross-entropy of a linear classifier, and its gradients in the weights (classes, width) and the bias.

    With P = softmax(W X^T + b) and Y the one-hot labels, both (classes, n): dW = (P - Y) X, db = (P - Y) 1. Classes
    come first because a CPU multiplies such flat matrices faster; in closed form it takes half the time of autograd.
    With `counts`, (n,), each row counts that many times.
    """
    log_softmax = product(weights, rows.T).add_(bias[:, None]).log_softmax(dim=0)
    columns = torch.arange(len(labels), device=labels.device)
    losses = -log_softmax[labels, columns]
    error = log_softmax.exp_()
    error[labels, columns] -= 1
    if counts is not None:
        losses, error = losses * counts, error.mul_(counts)
    loss = losses.sum()
    return loss, product(error, rows), error.sum(dim=1)


def predict(classifier: Callable[[Tensor], Tensor], source: SourceLike, batch_size: int = 2000) -> Tensor:
    """The most probable class of every item of a source, (n,) int64.

    The classifier maps (batch, width) values to (batch, classes) logits. A module gets its batches in the type and on
    the device of its parameters, any other function as they are.
    """
    found = [logits.argmax(dim=1) for logits in _logits_of(classifier, source, batch_size)]
    return torch.cat(found) if found else torch.empty(0, dtype=torch.int64)


def accuracy(classifier: Callable[[Tensor], Tensor], source: SourceLike, labels: TensorLike) -> float:
    """The share of a source's items whose most probable class is their label; of `Weighted` items, by weight.

    Args:
        classifier: as for `predict`.
        source: the items; a source, tensor, NumPy array or list of lists.
        labels: one integer from 0 for each item.

    Raises:
        DataError: there are no items, or the labels do not fit these items and classes.
    """
    items = as_source(source)
    wanted = as_labels(labels, len(items))
    if not len(wanted):
        raise DataError("there are no items to classify: give at least 1.")
    weights = torch.ones(len(items), dtype=torch.float64) if items.weights is None else items.weights
    start, hits = 0, 0.0
    for logits in _logits_of(classifier, items):
        if not start:
            as_labels(wanted, classes=logits.shape[1])
        rows = slice(start, start + len(logits))
        hits += float(weights[rows][logits.argmax(dim=1).cpu() == wanted[rows].cpu()].sum())
        start += len(logits)
    return hits / float(weights.sum())


def balanced_accuracy(classifier: Callable[[Tensor], Tensor], source: SourceLike, labels: TensorLike) -> float:
    """The mean over the classes that occur of the share of their items that are recognised.

    It is `accuracy` as if all classes were equally frequent: 1 / classes by chance, however rare a class is.

    Args:
        classifier, source, labels: as for `accuracy`, and errors too.

    >>> always_first = lambda items: torch.tensor([[1.0, 0.0]]).expand(len(items), 2)
    >>> items, labels = torch.zeros(10, 3), [0] * 9 + [1]
    >>> accuracy(always_first, items, labels), round(balanced_accuracy(always_first, items, labels), 3)
    (0.9, 0.5)
    """
    items = as_source(source)
    wanted = as_labels(labels, len(items)).cpu()
    counts = torch.ones(len(items), dtype=torch.float64) if items.weights is None else items.weights
    if not len(items):
        return accuracy(classifier, items, wanted)  # which says so
    of_class = torch.bincount(wanted, counts)
    shares = torch.where(counts > 0, counts / of_class[wanted], 0.0)
    return accuracy(classifier, Weighted(items, shares), wanted)


@torch.no_grad()
def _logits_of(classifier: Callable[[Tensor], Tensor], source: SourceLike, batch_size: int = 2000) -> Iterator[Tensor]:
    """The classifier's logits, batch by batch."""
    like = next(classifier.parameters(), None) if isinstance(classifier, nn.Module) else None
    for batch in in_batches(as_source(source), batch_size):
        yield classifier(batch if like is None else batch.to(like))
