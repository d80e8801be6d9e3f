"""A classifier: a DBN that learnt from all rows, and a head that learnt from those with labels."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Self, final

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_consistent_length, column_or_1d
from torch import Tensor, nn

from deepbelief.data import Source
from deepbelief.learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.labels.hybrid import HybridSettings, HybridTraining
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.models.units import Bernoulli
from deepbelief.sklearn.lengths import Number
from deepbelief.sklearn.parameters import Sizes, count_of, fields_of
from deepbelief.sklearn.predictor import Predictor
from deepbelief.sklearn.pretrained import Array
from deepbelief.system.compilation import CompileName
from deepbelief.system.precision import PrecisionName

Head = Literal["finetuned", "readout", "label_rbm"]

_LABELLED: Final = 0.2  # the share of rows with labels among those that self-training sees
_RATE: Final = 3e-4  # of fine-tuning, which begins where the read-out is best: larger steps lose that with few rows
_LABEL_RBM: Final = {"learning_rate": 0.02}  # of the RBM that sees the labels
_LABEL_UNITS: Final = 500  # hidden ones of that RBM, or as many as the top layer has
_PENALTY: Final = (1e-3,)  # of a linear read-out, see `ConvergedSettings`


@final
class DBNClassifier(ClassifierMixin, Predictor):  # type: ignore[misc]
    """A Deep Belief Network that classifies (Hinton, Osindero & Teh 2006).

    Its layers learn from all rows, also those without a label; then a head learns from those that have one.

    Args:
        hidden_layer_sizes: numbers of hidden units from layer 1 up; one number is one layer.
        head: `readout`, a linear read-out of the top layer, which stays as it is; `finetuned`, the same as a start, and
            then it and all layers below learn from the labels by backpropagation; `label_rbm`, an RBM on top that sees
            the labels, too, and classifies by its free energy.
        head_settings: fields of `MinibatchSettings`, `ConvergedSettings` or `HybridSettings`, of the head. Unless these
            say otherwise, a head in minibatches learns without a patience from a hundredth of its rows at a time, 10 to
            128, by 2,000 updates in 20 to 100 epochs; fine-tuning has a learning rate of 0.0003.
        self_training: rounds in which a head of the same kind learns from all rows, those without a label by the class
            that the head before takes them for (Lee 2013); the rows with labels are a fifth of what it then sees.
        unlabelled: the label of rows that have none, as in scikit-learn's semi-supervised module, where at least two
            other labels occur; None: all rows have one.
        class_weight: of each class for the head, or `balanced`: as if all classes were equally frequent.
        units, epochs, batch_size, learning_rate, settings: of the layers' learning, as for `RBMTransformer`.
        precision, compile_steps, warm_start, verbose, random_state: as for `RBMTransformer`.

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
        hidden_layer_sizes: Sizes = (256, 256),
        *,
        head: Head = "finetuned",
        head_settings: Mapping[str, Any] | None = None,
        unlabelled: Any = -1,
        self_training: int = 0,
        class_weight: Mapping[Any, float] | Literal["balanced"] | None = None,
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
        self.unlabelled = unlabelled
        self.self_training = self_training
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
            compile_steps=compile_steps,
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
        X, y = self._checked_with_labels(X, y, reset=not self._goes_on())
        known = self._known(y)
        self.classes_, codes = np.unique(y[known], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"all labels are of one class, {self.classes_[0]}: give labels of at least two.")
        heads = {"finetuned": self._finetuned, "readout": self._readout, "label_rbm": self._label_rbm}
        learn, rounds = heads[self._chosen(Head)], count_of("self_training", self.self_training, 0)
        self._fit_layers(self._rows(X, sample_weight))
        weights = self._weights(y, known, sample_weight)
        self._keep(learn(self._rows(X[known], weights[known]), torch.from_numpy(codes)))
        for number in range(rounds if not known.all() else 0):
            self._tell(f"self-training, round {number + 1} of {rounds}")
            labels = torch.from_numpy(self._of_numbers(X).argmax(axis=1))
            labels[torch.from_numpy(known)] = torch.from_numpy(codes)
            self._keep(learn(self._rows(X, _shared(weights, known)), labels))
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from some of the rows, once: each layer from all of these, then the head from those with labels.

        The head goes on from where it is; what the layers below learn without labels is added to what it has made of
        them. The first call settles the classes, the units and the scale of columns.

        Args:
            classes: all labels that there will be, at least two, without the one of rows that have none; needed at the
                first call.

        Raises:
            ValueError: the classes are not given at the first call, others than these later, or y has another one.
        """
        first = not hasattr(self, "classes_")
        X, y = self._checked_with_labels(X, y, reset=first)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit: give all labels there will be.")
        wanted = np.unique(self.classes_ if classes is None else classes)
        if not first and not np.array_equal(wanted, self.classes_):
            raise ValueError(f"classes is {wanted}, and was {self.classes_} at the first call: leave it out now.")
        known = np.ones(len(y), dtype=bool) if self.unlabelled in wanted else y != self.unlabelled
        if len(others := np.setdiff1d(y[known], wanted)):
            raise ValueError(f"y has the label {others[0]}, which is none of the classes: {wanted}.")
        self.classes_ = wanted
        rows = self._rows(X, sample_weight)
        if first:
            self._start(rows)
        before = self._network(len(wanted))
        self._learn(rows, 1)
        head = self._head(before)
        weights = self._weights(y, known, sample_weight)
        if weights.any():
            self._once_more(head, *_with_all_classes(X, known, weights, np.searchsorted(wanted, y[known]), len(wanted)))
        self._keep(head)
        return self

    def _head(self, before: FeedForward) -> nn.Module:
        """The head that goes on learning: at first one that has learnt nothing."""
        classes, top = len(self.classes_), len(self.dbn_)
        if hasattr(self, "model_"):
            return self._go_on(self._learnt, before) if isinstance(self._learnt, FeedForward) else self._learnt
        if self._chosen(Head) == "finetuned":
            return self._network(classes)
        if self.head == "readout":
            readout = FeedForward([self.dbn_.sizes[-1], classes], torch.relu, self._random)
            return ReadoutClassifier(self.dbn_, top, readout)
        return LabelledDBN(self.dbn_, self._top())

    def _once_more(self, head: nn.Module, X: Any, codes: Array, weights: Array) -> None:
        """Let a head learn one epoch from these rows."""
        rows, labels = self._rows(X, weights), torch.from_numpy(codes)
        settings = self._epoch_settings(head, len(rows))
        if isinstance(head, LabelledDBN):
            self._learn_top(head.top, rows, labels, settings)
        elif isinstance(head, ReadoutClassifier):
            self._descend(head.readout, self._features(rows), labels, settings)
        else:
            self._descend(head, self._for_head(rows), labels, settings)

    def _checked_with_labels(self, X: Any, y: Any, reset: bool) -> tuple[Any, Array]:
        X, y = self._checked(X, reset), column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_consistent_length(X, y)
        return X, y

    def _weights(self, y: Array, known: Array, sample_weight: Any) -> Array:
        """How much each row with a label counts for the head, (n,); 0 for the others."""
        weights = np.zeros(len(y))
        weights[known] = compute_sample_weight(self.class_weight, y[known])
        return weights if sample_weight is None else weights * _check_sample_weight(sample_weight, y)

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

    def _finetuned(self, rows: Source, codes: Tensor) -> nn.Module:
        readout = self._linear(rows, codes, ConvergedSettings(l2=_PENALTY))
        network = self._network(len(self.classes_), readout)
        self._descend(network, self._for_head(rows), codes, {"learning_rate": _RATE, **self._head_settings(len(rows))})
        return network

    def _descend(self, network: nn.Module, rows: Source, codes: Tensor, settings: Mapping[str, Any]) -> None:
        """Backpropagation."""
        assert isinstance(network, FeedForward)
        given, chosen = (rows, codes), MinibatchSettings(**settings)
        network.requires_grad_(True)
        self._train(MinibatchTraining(network, given, chosen, random=self._random, products=self._products()))

    def _readout(self, rows: Source, codes: Tensor) -> nn.Module:
        settings = ConvergedSettings(**{"l2": _PENALTY, **fields_of("head_settings", self.head_settings)})
        return ReadoutClassifier(self.dbn_, len(self.dbn_), self._linear(rows, codes, settings))

    def _linear(self, rows: Source, codes: Tensor, settings: ConvergedSettings) -> FeedForward:
        """A linear read-out of the top layer."""
        readout = FeedForward([self.dbn_.sizes[-1], len(self.classes_)], torch.relu, self._random)
        list(ConvergedTraining(readout, (self._features(rows), codes), settings).epochs())
        return readout

    def _label_rbm(self, rows: Source, codes: Tensor) -> nn.Module:
        top = self._top()
        self._learn_top(top, rows, codes, self._head_settings(len(rows)))
        return LabelledDBN(self.dbn_, top)

    def _top(self) -> LabelledRBM:
        """An RBM on the top layer and the labels."""
        width = self.dbn_.sizes[-1]
        hidden = Bernoulli(max(_LABEL_UNITS, width))
        return LabelledRBM(Bernoulli(width), len(self.classes_), hidden, self._random)

    def _learn_top(self, top: LabelledRBM, rows: Source, codes: Tensor, settings: Mapping[str, Any]) -> None:
        chosen = HybridSettings(**{**_LABEL_RBM, **settings})
        self._train(HybridTraining(top, (self._features(rows), codes), chosen, random=self._random))


def _shared(weights: Array, known: Array) -> Array:
    """Of weights of the rows with labels, those of all rows in self-training, where each other row counts 1."""
    shares = np.ones(len(weights))
    shares[known] = weights[known] / weights.sum() * _LABELLED / (1 - _LABELLED) * (~known).sum()
    return shares


def _with_all_classes(X: Any, known: Array, weights: Array, codes: Array, classes: int) -> tuple[Any, Array, Array]:
    """The rows with labels, their numbers of classes and weights; and a row of no weight for each class.

    A part of the rows may lack classes, which in a whole training would be a mistake.
    """
    rows = np.concatenate([np.flatnonzero(known), np.zeros(classes, dtype=int)])
    return X[rows], np.concatenate([codes, np.arange(classes)]), np.concatenate([weights[known], np.zeros(classes)])
