"""The biases of the labels of a model that has learnt each class's items, but not how frequent the classes are."""

from typing import Final

import torch

from deepbelief.data import LabelledLike, as_labelled, in_batches
from deepbelief.models.labelled import LabelledDBN, LabelledRBM

_BATCH: Final = 2000  # items at a time
_ROUNDS: Final = 200
_ENOUGH: Final = 1e-6


@torch.no_grad()
def fit_label_biases(model: LabelledRBM | LabelledDBN, source: LabelledLike) -> None:
    """Set the biases of the labels to those that maximise mean log p(y | v), and leave all else as it is.

    Training with `clamp_labels` leaves them open: p(v | y) does not depend on them, but p(y | v) does. At the maximum
    each class's mean probability is the share of its items, which iterative scaling reaches:
    a_y += log(share of y) - log(mean p(y | v)) (Darroch & Ratcliff 1972). Classes without items keep their bias.

    Args:
        model: whose label biases are set; of a DBN, those of its top RBM.
        source: items with labels.
    """
    items = as_labelled(source, model.classes)
    top = model if isinstance(model, LabelledRBM) else model.top
    biases = top.rbm.visible.bias[top.values :]
    batches = in_batches(items.source, _BATCH)
    logits = torch.cat([model.predict_log_proba(batch.to(biases)) for batch in batches]).double()
    share = torch.bincount(items.labels, minlength=model.classes).to(logits) / len(items)
    occurs, change = share > 0, torch.zeros_like(share)
    for _ in range(_ROUNDS):
        mean = (logits + change).softmax(dim=1).mean(dim=0)
        step = torch.where(occurs, share.log() - mean.log(), 0.0)
        change += step
        if step.abs().max() < _ENOUGH:
            break
    biases += change.to(biases)
