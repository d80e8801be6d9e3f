"""Classifier and regressor: a DBN that learnt from all rows, and a head that learnt from those with labels."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self, final

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model import Ridge
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data
from torch import Tensor, nn

from deepbelief.data import Source, TensorSource, Weighted
from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.backprop.regression import RegressionSettings, RegressionTraining
from deepbelief.learning.labels.hybrid import HybridSettings, HybridTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import encode_source
from deepbelief.sklearn.pretrained import FLOATS, Array, Pretrained, in_parts, in_type
from deepbelief.system.precision import PrecisionName

_PENALTY: Final = (1e-3,)  # of a linear read-out, see `ConvergedSettings`


class _Predictor(Pretrained):
    """What classifier and regressor share: `model_` maps rows to the outputs of the head."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int],
        *,
        head_settings: Mapping[str, Any] | None,
        **shared: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.head_settings = head_settings
        super().__init__(**shared)

    def _hidden(self) -> list[int]:
        return list(self.hidden_layer_sizes)

    def _features(self, source: Source) -> Source:
        """The means of the top layer, with the weights of the rows."""
        features = TensorSource(encode_source(self.dbn_, source))
        return features if source.weights is None else Weighted(features, source.weights)

    def _tell_of(self, training: Any) -> None:
        """Train the head."""
        for record in training.epochs():
            self._tell(f"head, epoch {record.epoch}, loss {record.loss:.4f}")

    @torch.no_grad()
    def _outputs(self, X: Any) -> Array:
        """Of the head, (n, outputs)."""
        check_is_fitted(self)
        checked = self._checked(X, reset=False)
        model: nn.Module = in_type(self.model_, checked.dtype)
        like = next(model.parameters())
        return in_parts(lambda batch: model(batch.to(like)), checked)


@final
class DBNClassifier(ClassifierMixin, _Predictor):  # type: ignore[misc]
    """A Deep Belief Network that classifies (Hinton, Osindero & Teh 2006).

    Its layers learn from all rows, also those without a label; then a head learns from those that have one.

    Args:
        hidden_layer_sizes: numbers of hidden units from layer 1 up.
        head: `readout`, a linear read-out of the top layer, which stays as it is; `finetuned`, the same as a start, and
            then it and all layers below learn from the labels by backpropagation; `label_rbm`, an RBM on top that sees
            the labels, too, and classifies by its free energy.
        head_settings: fields of `MinibatchSettings` (20 epochs, no patience unless given), `ConvergedSettings` or
            `HybridSettings`, of the head.
        unlabelled: the label of rows that have none, as in scikit-learn's semi-supervised module, where at least two
            other labels occur; None: all rows have one.
        class_weight: of each class for the head, or `balanced`: as if all classes were equally frequent.
        units, epochs, batch_size, learning_rate, settings, precision, warm_start, verbose, random_state: of the layers'
            learning, as for `RBMTransformer`.

    Attributes:
        classes_: the labels, sorted.
        dbn_: the layers as they are after they have learnt without labels.
        model_: the classifier, a module from rows to logits.
        n_iter_: epochs of each layer.

    >>> from sklearn.datasets import load_digits
    >>> images, labels = load_digits(return_X_y=True)
    >>> model = DBNClassifier((64,), epochs=5, random_state=0).fit(images[:1500] / 16, labels[:1500])
    >>> bool(model.score(images[1500:] / 16, labels[1500:]) > 0.8)
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (256, 256),
        *,
        head: Literal["finetuned", "readout", "label_rbm"] = "finetuned",
        head_settings: Mapping[str, Any] | None = None,
        unlabelled: Any = -1,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
        units: str | Sequence[str] = "auto",
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Literal["auto"] = "auto",
        settings: Mapping[str, Any] | None = None,
        precision: PrecisionName = "fp32",
        warm_start: bool = False,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.head = head
        self.unlabelled = unlabelled
        self.class_weight = class_weight
        super().__init__(
            hidden_layer_sizes,
            head_settings=head_settings,
            units=units,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            settings=settings,
            precision=precision,
            warm_start=warm_start,
            verbose=verbose,
            random_state=random_state,
        )

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from rows, (n, columns), and their labels, (n,) numbers or words, perhaps with weights, (n,).

        Raises:
            SettingsError: a parameter is impossible.
            DataError: X has values that the declared units cannot take.
            ValueError: there are fewer than two classes.
        """
        X, y = validate_data(self, X, y, reset=not self._goes_on(), accept_sparse="csr", dtype=FLOATS)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        known = self._known(y)
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"all labels are of one class, {self.classes_[0]}: give labels of at least two.")
        self._fit_layers(self._rows(X, sample_weight))
        makers = {"finetuned": self._finetuned, "readout": self._readout, "label_rbm": self._label_rbm}
        if self.head not in makers:
            raise SettingsError(f"head is {self.head!r}: give one of {', '.join(makers)}.")
        weights = compute_sample_weight(self.class_weight, y[known])
        if sample_weight is not None:
            weights = weights * _check_sample_weight(sample_weight, X)[known]
        source = self._rows(X[known], weights), torch.from_numpy(codes)
        self.model_ = makers[self.head](*source).requires_grad_(False)
        return self

    def _known(self, y: Array) -> Array:
        """Which rows have a label: all where `unlabelled` is one of only two labels, which then are the classes."""
        known = np.ones(len(y), dtype=bool)
        if self.unlabelled is not None and y.dtype.kind in "if":
            known = y != self.unlabelled
        return known if len(np.unique(y[known])) > 1 else np.ones_like(known)

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, (n, classes), in the order of `classes_`."""
        found: Array = softmax(self._outputs(X), axis=1)
        return found

    def predict(self, X: Any) -> Array:
        """The most probable class, (n,)."""
        outputs = self._outputs(X)
        found: Array = self.classes_[outputs.argmax(axis=1)]
        return found

    def _finetuned(self, source: Source, codes: Tensor) -> nn.Module:
        readout = self._linear(source, codes, ConvergedSettings(l2=_PENALTY))
        network = network_to_finetune(self.dbn_, len(self.classes_), self._random, readout).requires_grad_(True)
        settings = MinibatchSettings(**{"epochs": 20, "patience": 0, **(self.head_settings or {})})
        labelled = source, codes
        self._tell_of(MinibatchTraining(network, labelled, settings, random=self._random, products=self._products()))
        return network

    def _readout(self, source: Source, codes: Tensor) -> nn.Module:
        settings = ConvergedSettings(**{"l2": _PENALTY, **(self.head_settings or {})})
        return ReadoutClassifier(self.dbn_, len(self.dbn_), self._linear(source, codes, settings))

    def _linear(self, source: Source, codes: Tensor, settings: ConvergedSettings) -> FeedForward:
        """A linear read-out of the top layer."""
        readout = FeedForward([self.dbn_.sizes[-1], len(self.classes_)], torch.relu, self._random)
        list(ConvergedTraining(readout, (self._features(source), codes), settings).epochs())
        return readout

    def _label_rbm(self, source: Source, codes: Tensor) -> nn.Module:
        width = self.dbn_.sizes[-1]
        top = LabelledRBM(Bernoulli(width), len(self.classes_), Bernoulli(width), self._random)
        settings = HybridSettings(**{"patience": 0, **(self.head_settings or {})})
        self._tell_of(HybridTraining(top, (self._features(source), codes), settings, random=self._random))
        return LabelledDBN(self.dbn_, top)


@final
class DBNRegressor(RegressorMixin, _Predictor):  # type: ignore[misc]
    """A Deep Belief Network that predicts numbers, one or several for each row (Hinton & Salakhutdinov 2008).

    Its layers learn from all rows without their targets; then a head learns the standardised targets.

    Args:
        hidden_layer_sizes: numbers of hidden units from layer 1 up.
        head: `readout`, ridge regression on the top layer, which stays as it is; `finetuned`, the same as a start, and
            then it and all layers below learn from the targets by backpropagation.
        head_settings: fields of `RegressionSettings`, or `{"alpha": ...}` of the ridge.
        units, epochs, batch_size, learning_rate, settings, precision, warm_start, verbose, random_state: of the layers'
            learning, as for `RBMTransformer`.

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
        hidden_layer_sizes: Sequence[int] = (256, 256),
        *,
        head: Literal["finetuned", "readout"] = "finetuned",
        head_settings: Mapping[str, Any] | None = None,
        units: str | Sequence[str] = "auto",
        epochs: int = 10,
        batch_size: int = 128,
        learning_rate: float | Literal["auto"] = "auto",
        settings: Mapping[str, Any] | None = None,
        precision: PrecisionName = "fp32",
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
        X, y = validate_data(
            self, X, y, reset=not self._goes_on(), accept_sparse="csr", dtype=FLOATS, multi_output=True, y_numeric=True
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        self._single = y.ndim == 1
        targets = np.asarray(y, dtype=np.float64).reshape(len(y), -1)
        self._mean, std = targets.mean(axis=0), targets.std(axis=0)
        self._std = np.where(std > 0, std, 1.0)
        source = self._rows(X, sample_weight)
        self._fit_layers(source)
        makers = {"finetuned": self._finetuned, "readout": self._readout}
        if self.head not in makers:
            raise SettingsError(f"head is {self.head!r}: give one of {', '.join(makers)}.")
        self.model_ = makers[self.head](source, (targets - self._mean) / self._std).requires_grad_(False)
        return self

    def predict(self, X: Any) -> Array:
        """The predictions, in the shape of the targets: (n,) or (n, outputs)."""
        found: Array = self._outputs(X) * self._std + self._mean
        return found[:, 0] if self._single else found

    def _finetuned(self, source: Source, targets: Array) -> nn.Module:
        readout = self._linear(source, targets, {})
        network = network_to_finetune(self.dbn_, targets.shape[1], self._random, readout).requires_grad_(True)
        settings = RegressionSettings(**{"epochs": 20, **(self.head_settings or {})})
        given = source, targets
        self._tell_of(RegressionTraining(network, given, settings, random=self._random, products=self._products()))
        return network

    def _readout(self, source: Source, targets: Array) -> nn.Module:
        return ReadoutClassifier(self.dbn_, len(self.dbn_), self._linear(source, targets, self.head_settings or {}))

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
