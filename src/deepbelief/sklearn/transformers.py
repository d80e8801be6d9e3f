"""Transformers: the hidden means of an RBM, or of the top layer of a DBN, as new features."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self, final

import numpy as np
import torch
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from deepbelief.errors import SettingsError
from deepbelief.models.views import encode_source
from deepbelief.sklearn.lengths import Number
from deepbelief.sklearn.parameters import Sizes, sizes_of
from deepbelief.sklearn.pretrained import FLOATS, Array, Pretrained, in_parts, in_type
from deepbelief.sklearn.rows import rows_of
from deepbelief.system.compilation import CompileName
from deepbelief.system.precision import PrecisionName


class _Transformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Pretrained):  # type: ignore[misc]
    """What both transformers share."""

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn from the rows of X, (n, columns), an array, data frame or sparse matrix; y is ignored.

        With `sample_weight`, (n,), a row is seen in proportion to its weight.

        Raises:
            SettingsError: a parameter is impossible.
            DataError: X has values that the declared units cannot take.
        """
        self._fit_layers(self._rows(self._checked(X, reset=not self._goes_on()), sample_weight))
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn one epoch of each layer from these rows; the first call settles the units and the scale of columns."""
        started = hasattr(self, "dbn_")
        source = self._rows(self._checked(X, reset=not started), sample_weight)
        if not started:
            self._start(source)
        self._learn(source, 1)
        return self

    def transform(self, X: Any) -> Array:
        """The hidden means, (n, features), as float32 where X is float32 and otherwise as float64."""
        check_is_fitted(self)
        checked = self._checked(X, reset=False)
        features: Array = encode_source(in_type(self.dbn_, checked.dtype), rows_of(checked)).numpy()
        return features

    @torch.no_grad()
    def inverse_transform(self, X: Any) -> Array:
        """From hidden means, (n, features), back down to the means of the columns, (n, columns).

        Of a category it is the most probable one; all cells then are objects.
        """
        check_is_fitted(self)
        checked = check_array(X, dtype=FLOATS)
        if checked.shape[1] != self._n_features_out:
            raise SettingsError(f"X has {checked.shape[1]} features: give {self._n_features_out}, as `transform` does.")
        numbers = in_parts(in_type(self.dbn_, checked.dtype).decode, checked)
        if self._categories is None:
            return numbers
        return np.column_stack([cells.astype(object) for cells in self._categories.decode(numbers).values()])

    @property
    def _n_features_out(self) -> int:
        return self.dbn_.sizes[-1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@final
class RBMTransformer(_Transformer):
    """The means of the hidden units of a Restricted Boltzmann Machine as features (Smolensky 1986; Hinton 2002).

    Args:
        n_components: number of hidden units.
        units: the kind of the columns: `binary` (from 0 to 1), `real`, a list with one of these for each column, or
            `auto`, which finds out. Real columns are standardised.
        epochs: how often `fit` goes through the rows; `auto` is 4,000 updates, in 10 to 100 epochs.
        batch_size: rows of an update; `auto` is a hundredth of all, from 10 to 128.
        learning_rate: of CD; `auto` is 0.05 for binary columns, and 0.01 where some are real.
        settings: further fields of `RBMSettings`, such as `{"persistent_chains": 100}`.
        precision: of the matrix products in training: `bf16`, `fp32`, `fp64` (and the parameters), or `auto`, which is
            bf16 where that is faster here: a matter of the machine, and of chance where the two are near each other.
        compile_steps: whether the steps of training are compiled, which takes a C++ compiler and, at first, seconds:
            `on`, `off`, or `auto`, where it saves more than that. Results differ by rounding.
        warm_start: whether `fit` goes on from what was learnt before.
        verbose: whether every epoch is told of.
        random_state: a seed, or what else scikit-learn takes.

    Attributes:
        dbn_: the model, a `DBN` of one layer; `dbn_.layer(1)` is the RBM.
        n_iter_: epochs so far.

    >>> from sklearn.datasets import load_digits
    >>> images = load_digits().data / 16
    >>> RBMTransformer(20, epochs=2, random_state=0).fit(images).transform(images).shape
    (1797, 20)
    """

    def __init__(
        self,
        n_components: int = 256,
        *,
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
        self.n_components = n_components
        super().__init__(
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

    def _hidden(self) -> list[int]:
        return [self.n_components]

    @torch.no_grad()
    def score_samples(self, X: Any) -> Array:
        """-F(v), minus the free energy of each row in nats, (n,): log p(v) but for log Z, the same for all rows.

        Of real columns it is that of the standardised values.
        """
        check_is_fitted(self)
        checked = self._checked(X, reset=False)
        dbn = in_type(self.dbn_, checked.dtype)

        def score(batch: torch.Tensor) -> torch.Tensor:
            seen = batch if dbn.standardisation is None else dbn.standardisation(batch)
            energy: torch.Tensor = dbn.layer(1).free_energy(seen)
            return -energy

        return in_parts(score, checked)


@final
class DBNTransformer(_Transformer):
    """The means of the top layer of a Deep Belief Network as features (Hinton, Osindero & Teh 2006).

    Each layer is an RBM that learns from the means of the one below; see `RBMTransformer` for the other parameters.

    Args:
        hidden_layer_sizes: numbers of hidden units from layer 1 up; one number is one layer.

    Attributes:
        dbn_: the model, a `DBN`.
        n_iter_: epochs of each layer so far.

    >>> from sklearn.datasets import load_digits
    >>> images = load_digits().data / 16
    >>> DBNTransformer((20, 10), epochs=2, random_state=0).fit_transform(images).shape
    (1797, 10)
    """

    def __init__(
        self,
        hidden_layer_sizes: Sizes = (256, 256),
        *,
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
        self.hidden_layer_sizes = hidden_layer_sizes
        super().__init__(
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

    def _hidden(self) -> list[int]:
        return sizes_of(self.hidden_layer_sizes)
