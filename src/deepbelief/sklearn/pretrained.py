"""What all estimators share: a DBN, of one or more layers, that learns from the rows of X without labels."""

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, validate_data

from deepbelief.data import Source, Weighted, in_batches
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.models.column_units import units_of_blocks
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import standardise
from deepbelief.randomness import Random
from deepbelief.sklearn.columns import blocks_of, categories_of, table_of
from deepbelief.sklearn.lengths import Number, batch_size_for, epochs_for
from deepbelief.sklearn.parameters import fields_of
from deepbelief.sklearn.rows import rows_of
from deepbelief.system.compilation import CompileName, choose_compiler
from deepbelief.system.precision import Precision, PrecisionName, choose_precision

Array = NDArray[Any]
FLOATS: Final = [np.float64, np.float32]

_BATCH: Final = 2000  # items at a time

_RATE: Final = {True: 0.05, False: 0.01}  # whether all visible units are bounded
# Of each layer, unless the user says otherwise: with small batches, larger steps would turn hidden units off for good.
_SETTINGS: Final = {"final_momentum": 0.9, "learning_rate_to_zero": True}
_UPDATES: Final = 4000  # of each layer, if that is not more or fewer epochs than these
_EPOCHS: Final = (10, 100)


class Pretrained(BaseEstimator):  # type: ignore[misc]
    """An estimator with a `dbn_`; the parameters are explained at `RBMTransformer`."""

    def __init__(
        self,
        *,
        units: str | Sequence[str],
        epochs: Number,
        batch_size: Number,
        learning_rate: float | Literal["auto"],
        settings: Mapping[str, Any] | None,
        precision: PrecisionName,
        compile_steps: CompileName,
        warm_start: bool,
        verbose: int,
        random_state: Any,
    ) -> None:
        self.units = units
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.settings = settings
        self.precision = precision
        self.compile_steps = compile_steps
        self.warm_start = warm_start
        self.verbose = verbose
        self.random_state = random_state

    @abstractmethod
    def _hidden(self) -> list[int]:
        """Numbers of hidden units, from layer 1 up."""

    def _rows(self, X: Any, sample_weight: Any) -> Source:
        """Checked rows as a source, with their weights if these differ."""
        if sample_weight is None:
            return rows_of(X)
        weights = _check_sample_weight(sample_weight, X, ensure_non_negative=True)
        return rows_of(X) if (weights == weights[0]).all() else Weighted(rows_of(X), weights)

    def _checked(self, X: Any, reset: bool) -> Any:
        """X as numbers, float32 where it is and otherwise float64: an array, or a sparse matrix in rows.

        NaN is what is missing. Of data frames and of columns that are declared categories, these become one-hot.
        """
        if reset:
            self._categories = categories_of(X, self.units)
        if self._categories is None:
            return validate_data(self, X, reset=reset, accept_sparse="csr", dtype=FLOATS, ensure_all_finite="allow-nan")
        validate_data(self, X, reset=reset, skip_check_array=True)
        return self._categories.encode(table_of(X))

    def _fit_layers(self, source: Source) -> None:
        """Learn from these items, from the start unless there is something to go on from."""
        if not self._goes_on():
            self._start(source)
        epochs = epochs_for(len(source), self._batch_size(source), _UPDATES, _EPOCHS, self.epochs)
        self._learn(source, epochs)

    def _goes_on(self) -> bool:
        return bool(self.warm_start) and hasattr(self, "dbn_")

    def _start(self, source: Source) -> None:
        """A DBN that has learnt nothing yet, with units for these columns."""
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._random = Random(seed)
        names = list(getattr(self, "feature_names_in_", [f"x{number}" for number in range(self.n_features_in_)]))
        visible = units_of_blocks(blocks_of(source, self.units, names, self._categories))
        dbn = DBN.from_units([visible, *map(Bernoulli, self._hidden())], self._random)
        if visible.are_real.any():
            standardise(dbn, source)
        self.dbn_ = dbn.to(_precision(self.precision).parameters).requires_grad_(False)
        self.n_iter_ = 0

    def _learn(self, source: Source, epochs: int) -> None:
        """Go through these items so many times with each layer."""
        settings = self._settings(epochs, self._batch_size(source))
        values = sum(
            layer.values_computed(len(source), sum(sizes))
            for layer, sizes in zip(settings, pairwise(self.dbn_.sizes), strict=True)
        )
        training = Pretraining(
            self.dbn_,
            source,
            settings,
            random=self._random,
            products=self._products(),
            compiler=choose_compiler(self.compile_steps, torch.device("cpu"), values),
        )
        for record in training.epochs():
            of = f"layer {record.layer} of {len(self.dbn_)}, epoch {record.epoch} of {epochs}"
            self._tell(f"{of}, error {record.monitors['reconstruction_error_unit']:.4f}")
        self.n_iter_ += epochs

    def _batch_size(self, source: Source) -> int:
        return batch_size_for(len(source), self.batch_size)

    def _settings(self, epochs: int, batch_size: int) -> list[RBMSettings]:
        """Of each layer."""
        found = []
        for number in range(1, len(self.dbn_) + 1):
            bounded = self.dbn_.layer(number).visible.bounded
            rate = _RATE[bounded] if self.learning_rate == "auto" else self.learning_rate
            given = {
                **_SETTINGS,
                "binarise": bounded,
                "epochs": epochs,
                "batch_size": batch_size,
                "learning_rate": rate,
            }
            found.append(RBMSettings(**{**given, **fields_of("settings", self.settings)}))
        return found

    def _products(self) -> torch.dtype:
        return _precision(self.precision).products

    def _tell(self, news: str) -> None:
        if self.verbose:
            print(f"[{type(self).__name__}] {news}")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        return tags


def in_parts(function: Callable[[torch.Tensor], torch.Tensor], X: Any) -> Array:
    """A function of checked rows, (n, columns), some of them at a time, as one array."""
    found: Array = torch.cat([function(batch) for batch in in_batches(rows_of(X), _BATCH)]).numpy()
    return found


def in_type(module: Any, dtype: Any) -> Any:
    """A model, or a copy of it, with parameters of a NumPy type."""
    wanted = torch.float32 if dtype == np.float32 else torch.float64
    return module if next(module.parameters()).dtype == wanted else copy.deepcopy(module).to(wanted)


@cache
def _precision(name: PrecisionName) -> Precision:
    """Measured once: every training of a process then takes the same."""
    return choose_precision(name, torch.device("cpu"))
