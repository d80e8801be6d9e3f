"""What classifier and regressor share: a DBN that learns from all rows, and a head that learns from those with labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from deepbelief.data import Source, TensorSource, Weighted
from deepbelief.models.views import encode_source
from deepbelief.sklearn.lengths import batch_size_for, epochs_for
from deepbelief.sklearn.pretrained import Array, Pretrained, in_parts, in_type


class Predictor(Pretrained):
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

    def _head_settings(self, rows: int, updates: int, bounds: tuple[int, int], **defaults: Any) -> dict[str, Any]:
        """Of a head that learns from so many rows in minibatches: the user's before the defaults."""
        given = {"batch_size": batch_size_for(rows), **(self.head_settings or {})}
        epochs = epochs_for(rows, given["batch_size"], updates, bounds)
        return {"epochs": epochs, "patience": 0, **defaults, **given}
