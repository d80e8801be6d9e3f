"""What classifier and regressor share: a DBN that learns from all rows, and a head from those with labels."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from deepbelief.data import Source, TensorSource, Weighted
from deepbelief.errors import check_name
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.readout import ReadoutClassifier
from deepbelief.models.views import Standardised, encode_source
from deepbelief.sklearn.lengths import batch_size_for, epochs_for
from deepbelief.sklearn.parameters import Sizes, fields_of, sizes_of
from deepbelief.sklearn.pretrained import Array, Pretrained, in_parts, in_type
from deepbelief.sklearn.rows import Filled

_UPDATES: Final = 2000  # of a head by minibatches, if that is not more or fewer epochs than these
_EPOCHS: Final = (20, 100)
_READOUT_RATE: Final = 0.01  # of a linear read-out that learns from rows in parts


class Predictor(Pretrained):
    """What classifier and regressor share: `model_` maps rows to the outputs of the head."""

    head: Any

    def __init__(
        self,
        hidden_layer_sizes: Sizes,
        *,
        head_settings: Mapping[str, Any] | None,
        **shared: Any,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.head_settings = head_settings
        super().__init__(**shared)

    def _hidden(self) -> list[int]:
        return sizes_of(self.hidden_layer_sizes)

    def _features(self, source: Source) -> Source:
        """The means of the top layer, with the weights of the rows."""
        features = TensorSource(encode_source(self.dbn_, source))
        return features if source.weights is None else Weighted(features, source.weights)

    def _filled(self, values: Tensor) -> Tensor:
        """Rows with what sends nothing up in the place of NaN: the mean of a real column, and 0 in any other."""
        standardisation = self.dbn_.standardisation
        fill = values.new_zeros(()) if standardisation is None else standardisation.mean.to(values)
        return torch.where(values.isnan(), fill, values)

    def _for_head(self, rows: Source) -> Source:
        """Rows as a network learns from them: standardised as the DBN sees them, and nothing is missing."""
        filled = Filled(rows, self._filled) if rows.missing else rows
        scaling = self.dbn_.standardisation
        return filled if scaling is None else Standardised(filled, scaling)

    def _keep(self, head: nn.Module) -> None:
        """Keep a head that has learnt, and make `model_` of it, which takes rows as they are."""
        self._learnt, self.model_ = head.requires_grad_(False), head
        if isinstance(head, FeedForward) and (scaling := self.dbn_.standardisation) is not None:
            self.model_ = head.with_scaling(scaling)

    def _network(self, outputs: int, readout: FeedForward | None = None) -> FeedForward:
        """A network to fine-tune, see `_for_head`."""
        return network_to_finetune(self.dbn_, outputs, self._random, readout, standardised=True)

    def _go_on(self, network: FeedForward, before: FeedForward) -> FeedForward:
        """A network whose layers follow what those of the DBN have learnt without labels since `before`."""
        after = self._network(network.sizes[-1])
        for number in range(1, len(self.dbn_) + 1):
            here, new, old = (list(one.linear(number).parameters()) for one in (network, after, before))
            for parameter, to, start in zip(here, new, old, strict=True):
                parameter.data += to - start
        return network

    def _train(self, training: Any) -> None:
        """Train the head."""
        for record in training.epochs():
            self._tell(f"head, epoch {record.epoch}, loss {record.loss:.4f}")

    def _outputs(self, X: Any) -> Array:
        """Of the head, (n, outputs)."""
        check_is_fitted(self)
        return self._of_numbers(self._checked(X, reset=False))

    @torch.no_grad()
    def _of_numbers(self, checked: Any) -> Array:
        """Of the head, of rows that are checked."""
        model: nn.Module = in_type(self.model_, checked.dtype)
        like = next(model.parameters())
        return in_parts(lambda batch: model(self._filled(batch.to(like))), checked)

    def _head_settings(self, rows: int) -> dict[str, Any]:
        """Of a head that learns from so many rows in minibatches."""
        given = {"batch_size": batch_size_for(rows), **fields_of("head_settings", self.head_settings)}
        epochs = epochs_for(rows, given["batch_size"], _UPDATES, _EPOCHS)
        return {"epochs": epochs, "patience": 0, **given}

    def _epoch_settings(self, head: nn.Module, rows: int) -> dict[str, Any]:
        """Of one epoch of a head; those that the user gives for a linear read-out are of its fit to convergence."""
        if isinstance(head, ReadoutClassifier):
            return {"epochs": 1, "patience": 0, "batch_size": batch_size_for(rows), "learning_rate": _READOUT_RATE}
        return {**self._head_settings(rows), "epochs": 1}

    def _chosen(self, heads: Any) -> str:
        """The head by its name, which is one of these."""
        check_name("head", self.head, get_args(heads))
        return str(self.head)
