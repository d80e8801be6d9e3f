"""A regressor: a DBN that learnt from all rows, and a head that learnt their targets."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, final

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils import check_array
from sklearn.utils.validation import check_consistent_length, column_or_1d
from torch import nn

from deepbelief.data import Source
from deepbelief.learning.backprop.regression import RegressionSettings, RegressionTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.models.views import encode_source
from deepbelief.sklearn.lengths import Number
from deepbelief.sklearn.parameters import Sizes, fields_of
from deepbelief.sklearn.predictor import Predictor
from deepbelief.sklearn.pretrained import Array
from deepbelief.system.compilation import CompileName
from deepbelief.system.precision import PrecisionName

Head = Literal["finetuned", "readout"]


@final
class DBNRegressor(RegressorMixin, Predictor):  # type: ignore[misc]
    """A Deep Belief Network that predicts numbers, one or several for each row (Hinton & Salakhutdinov 2008).

    Its layers learn from all rows without their targets; then a head learns the standardised targets.

    Args:
        hidden_layer_sizes: numbers of hidden units from layer 1 up; one number is one layer.
        head: `readout`, ridge regression on the top layer, which stays as it is; `finetuned`, the same as a start, and
            then it and all layers below learn from the targets by backpropagation.
        head_settings: fields of `RegressionSettings`, or `{"alpha": ...}` of the ridge.
        units, epochs, batch_size, learning_rate, settings: of the layers' learning, as for `RBMTransformer`.
        precision, compile_steps, warm_start, verbose, random_state: as for `RBMTransformer`.

    Attributes:
        dbn_: the layers as they are after they have learnt without targets.
        model_: a module from rows to standardised predictions.
        n_iter_: epochs of each layer.

    >>> from sklearn.datasets import load_diabetes
    >>> table, target = load_diabetes(return_X_y=True)
    >>> model = DBNRegressor((64,), random_state=0).fit(table, target)
    >>> bool(model.score(table, target) > 0.3)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Sizes = (256, 256),
        *,
        head: Head = "finetuned",
        head_settings: Mapping[str, Any] | None = None,
        units: str | Sequence[str] = "auto",
        epochs: Number = "auto",
        batch_size: Number = "auto",
        learning_rate: float | Literal["auto"] = "auto",
        settings: Mapping[str, Any] | None = None,
        precision: PrecisionName = "fp32",
        compile_steps: CompileName = "off",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.head = head
        super().__init__(
            hidden_layer_sizes,
            head_settings=head_settings,
            units=units,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            settings=settings,
            precision=precision,
            compile_steps=compile_steps,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows, (n, columns), and targets, (n,) or (n, outputs); with `sample_weight`, (n,), by weight.

        Raises:
            SettingsError: a parameter is impossible.
            DataError: X has values that the declared units cannot take.
        """
        X, targets = self._checked_with_targets(X, y, reset=not self._goes_on())
        self._settle(targets)
        heads = {"finetuned": self._finetuned, "readout": self._readout}
        learn = heads[self._chosen(Head)]
        source = self._rows(X, sample_weight)
        self._fit_layers(source)
        self._keep(learn(source, (targets - self._mean) / self._std))
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from some of the rows, once: each layer, and then the head, which goes on from where it is.

        What the layers below learn without targets is added to what the head has made of them. The first call settles
        the units and the scale of columns and targets.
        """
        first = not hasattr(self, "model_")
        X, targets = self._checked_with_targets(X, y, reset=first)
        source = self._rows(X, sample_weight)
        if first:
            self._settle(targets)
            self._start(source)
        before = self._network(targets.shape[1])
        self._learn(source, 1)
        head, targets = self._head(before), (targets - self._mean) / self._std
        settings = self._epoch_settings(head, len(source))
        if isinstance(head, ReadoutClassifier):
            self._descend(head.readout, self._features(source), targets, settings)
        else:
            self._descend(head, self._for_head(source), targets, settings)
        self._keep(head)
        return self

    def _checked_with_targets(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        """Rows, and targets as (n, outputs)."""
        if y is None:
            raise ValueError("DBNRegressor requires y to be passed, but the target y is None.")
        X, y = self._checked(X, reset), check_array(y, ensure_2d=False, dtype="numeric", input_name="y")
        check_consistent_length(X, y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._single = y.ndim == 1
        return X, np.asarray(y, dtype=np.float64).reshape(len(y), -1)

    def _settle(self, targets: Array) -> None:
        """The scale of the targets."""
        self._mean, std = targets.mean(axis=0), targets.std(axis=0)
        self._std = np.where(std > 0, std, 1.0)

    def _head(self, before: FeedForward) -> nn.Module:
        """The head that goes on learning: at first one that has learnt nothing."""
        if hasattr(self, "model_"):
            return self._go_on(self._learnt, before) if isinstance(self._learnt, FeedForward) else self._learnt
        if self._chosen(Head) == "finetuned":
            return self._network(before.sizes[-1])
        readout = FeedForward([self.dbn_.sizes[-1], before.sizes[-1]], torch.relu, self._random)
        return ReadoutClassifier(self.dbn_, len(self.dbn_), readout)

    def predict(self, X: Any) -> Array:
        """The predictions, in the shape of the targets: (n,) or (n, outputs)."""
        found: Array = self._outputs(X) * self._std + self._mean
        return found[:, 0] if self._single else found

    def _finetuned(self, source: Source, targets: Array) -> nn.Module:
        readout = self._linear(source, targets, {})
        network = self._network(targets.shape[1], readout)
        self._descend(network, self._for_head(source), targets, self._head_settings(len(source)))
        return network

    def _descend(self, network: nn.Module, source: Source, targets: Array, settings: Mapping[str, Any]) -> None:
        """Backpropagation."""
        assert isinstance(network, FeedForward)
        given, chosen = (source, targets), RegressionSettings(**settings)
        network.requires_grad_(True)
        self._train(RegressionTraining(network, given, chosen, random=self._random, products=self._products()))

    def _readout(self, source: Source, targets: Array) -> nn.Module:
        return ReadoutClassifier(
            self.dbn_, len(self.dbn_), self._linear(source, targets, fields_of("head_settings", self.head_settings))
        )

    @torch.no_grad()
    def _linear(self, source: Source, targets: Array, settings: Mapping[str, Any]) -> FeedForward:
        """Ridge regression on the top layer."""
        features = encode_source(self.dbn_, source).numpy()
        weights = None if source.weights is None else source.weights.numpy()
        ridge = Ridge(**settings).fit(features, targets, sample_weight=weights)
        readout = FeedForward([features.shape[1], targets.shape[1]], torch.relu, self._random)
        readout.linear(1).weight.copy_(torch.from_numpy(ridge.coef_.reshape(targets.shape[1], -1)))
        readout.linear(1).bias.copy_(torch.from_numpy(np.atleast_1d(ridge.intercept_)))
        return readout
