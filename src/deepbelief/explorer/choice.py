"""The choice of how weights travel: a type that is asked for, or the fewest bytes within an error that is measured."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Literal, final

import numpy as np
import torch
from torch import Tensor, nn

from deepbelief.explorer.encoding import Encoded, Floats, as_floats, as_int8, decoded, in_steps
from deepbelief.explorer.rounding import passing_on, rounded
from deepbelief.explorer.sources import Contestant, Found
from deepbelief.models import DBN
from deepbelief.models.readout import side_by_side
from deepbelief.pretrained.model import LABELLED
from deepbelief.randomness import Random

WeightType = Literal["auto", "float32", "float16", "int8"]
Encode = Callable[[int, Tensor], Encoded]
"""The number of a layer, from 1, and its matrix (inputs, outputs) -> the matrix as it travels."""

TOLERANCE: Final = 1e-3
"""By how much, for type `auto`, no probability and no value of a reconstruction may differ on the measured images, and
the gradients of 98 in 100 of these."""

SAME_CLASS: Final = 0.995
"""For type `auto`, the least share of the measured images in which each contestant's answer is the same."""

_DBN: Final = "dbn"
_MEASURED: Final = 1000  # images
_COARSEST: Final = -8.0  # log2 of the step
_FINEST: Final = -16.0


@final
@dataclass(frozen=True)
class Choice:
    """How each part's matrices are encoded, and what that costs in accuracy: see `measure`."""

    type: WeightType
    encoders: Mapping[str, Encode]
    errors: dict[str, float] = field(default_factory=dict)

    def of(self, part: str) -> Encode:
        """The encoder of the DBN, of a contestant, or of the RBM with labels."""
        return self.encoders[part]


def choose(found: Found, wanted: WeightType = "auto") -> Choice:
    """The encoding of all weights.

    For `auto` they are whole numbers of steps. The DBN comes first, with the coarsest step at which its reconstructions
    and the answers of all that stands on it are within the limits; then each network. The rounding of networks knows
    what their layers see (`rounded`), for float16 as well. Linear read-outs are small and their errors count most: they
    have the finest steps for `auto`, and are float32 for every other type.
    """
    images = _images(found)
    fixed: dict[str, Encode] = {
        "float32": lambda _, weights: as_floats(_numpy(weights)),
        "float16": lambda _, weights: as_floats(_numpy(weights), "float16"),
        "int8": lambda _, weights: as_int8(_numpy(weights)),
    }
    parts = [_DBN, LABELLED, *(one.name for one in found.contestants)]
    encoders = dict.fromkeys(parts, fixed["float16" if wanted == "auto" else wanted])
    readout = _stepper(2**_FINEST) if wanted == "auto" else fixed["float32"]
    encoders |= {one.name: readout for one in found.contestants if one.linear}
    if wanted == "auto":
        encoders |= _coarsest(found.standing_on_dbn(), (_DBN, LABELLED), encoders, images, _stepper)
        for one in found.contestants:
            if not one.linear:
                make = partial(_knowing_stepper, _passing_on(found, one))
                encoders |= _coarsest(found.only(one.name), (one.name,), encoders, images, make)
    elif wanted == "float16":
        networks = [one for one in found.contestants if not one.linear]
        encoders |= {one.name: _knowing(_passing_on(found, one), _half, fixed[wanted]) for one in networks}
    return Choice(wanted, encoders, measure(found, encoders, images))


def _coarsest(
    found: Found,
    parts: Sequence[str],
    encoders: Mapping[str, Encode],
    images: Tensor,
    make: Callable[[float], Encode],
) -> Mapping[str, Encode]:
    """The encoders with the coarsest step, 2^(k / 2), of these parts that keeps to the limits; as they were if none.

    The error grows about as the step does, which tells where to begin.
    """
    power = _COARSEST
    while power >= _FINEST:
        own = {**encoders, **dict.fromkeys(parts, make(2**power))}
        errors = measure(found, own, images, reconstructions=_DBN in parts)
        excess = max(errors["probabilities"], errors["reconstructions"], errors["gradients"]) / TOLERANCE
        if excess <= 1 and errors["same_class"] >= SAME_CLASS:
            return own
        jump = math.floor(2 * math.log2(max(1, excess))) / 2 - 0.5 if power == _COARSEST else 0.5
        power -= max(0.5, jump)
    return encoders


def _stepper(step: float) -> Encode:
    return lambda _, weights: in_steps(np.rint(_numpy(weights) / step), step)


def _knowing_stepper(uppers: Sequence[Tensor], step: float) -> Encode:
    return _knowing(uppers, lambda weights: torch.round(weights / step) * step, _stepper(step))


def _half(weights: Tensor) -> Tensor:
    return weights.half().float()


def _knowing(uppers: Sequence[Tensor], nearest: Callable[[Tensor], Tensor], encode: Encode) -> Encode:
    """Of a network, with the `passing_on` of each of its layers; each matrix is rounded once."""
    kept: dict[int, Encoded] = {}

    def rounded_and_encoded(number: int, weights: Tensor) -> Encoded:
        if number not in kept:
            kept[number] = encode(number, rounded(weights.detach().float(), nearest, uppers[number - 1]))
        return kept[number]

    return rounded_and_encoded


@torch.no_grad()
def _passing_on(found: Found, one: Contestant) -> list[Tensor]:
    """`passing_on` of each layer of a network, for other test images than those that errors are measured on."""
    images = _images(found, last=True)
    inputs = [side_by_side(found.dbn.encode_all(images), one.seen) if one.seen else found.dbn.encode(images, 0)]
    for number in range(1, len(one.network.sizes) - 1):
        inputs.append(one.network.activation(one.network.linear(number)(inputs[-1])))
    return [passing_on(seen) for seen in inputs]


def _numpy(weights: Tensor) -> Floats:
    return weights.detach().cpu().float().numpy()


@torch.no_grad()
def measure(
    found: Found, encoders: Mapping[str, Encode], images: Tensor, reconstructions: bool = True
) -> dict[str, float]:
    """What the page computes against what the models do, on some images.

    Returns:
        the largest difference of a probability, and of a value of a reconstruction (one pass from each layer) as a
        share of the range of the data; in which share of all answers the class is the same; and the error of gradients
        (`_gradient_error`).
    """
    sent = as_sent(found, encoders)
    alike, probability, value, gradient = [1.0], 0.0, 0.0, 0.0
    for name, classifier in found.classifiers().items():
        exact, near = (one(images).softmax(dim=1) for one in (classifier, sent.classifiers()[name]))
        probability = max(probability, float((exact - near).abs().max()))
        alike.append(float((exact.argmax(dim=1) == near.argmax(dim=1)).double().mean()))
        gradient = max(gradient, _gradient_error(classifier, sent.classifiers()[name], images, found.bounds))
    low, high = found.bounds
    for layer in range(1, len(found.dbn) + 1) if reconstructions else ():
        change = found.dbn.reconstruct(images, 1, layer) - sent.dbn.reconstruct(images, 1, layer)
        value = max(value, float(change.abs().max()) / (high - low))
    return {
        "probabilities": probability,
        "reconstructions": value,
        "same_class": min(alike),
        "gradients": gradient,
    }


def _gradient_error(exact: nn.Module, near: nn.Module, images: Tensor, bounds: tuple[float, float]) -> float:
    """By how much the gradient of the loss in an image is wrong: what 98 of 100 images keep to.

    It is the largest difference of a pixel, as a share of the gradient's largest pixel where that is above 1, for the
    loss of the answer that is given. Where a ReLU unit crosses 0 a gradient jumps, so that no bound holds for all.
    """
    span, wanted = bounds[1] - bounds[0], exact(images).argmax(dim=1)
    gradients = []
    for classifier in (exact, near):
        with torch.enable_grad():
            leaf = images.detach().clone().requires_grad_()
            loss = nn.functional.cross_entropy(classifier(leaf), wanted, reduction="sum")
            gradients.append(span * torch.autograd.grad(loss, leaf)[0])
    size = gradients[0].abs().amax(dim=1).clamp_min(1)
    return float(((gradients[1] - gradients[0]).abs().amax(dim=1) / size).quantile(0.98))


def as_sent(found: Found, encoders: Mapping[str, Encode]) -> Found:
    """The same with the weights that the page decodes."""
    dbn, labelled, contestants = copy.deepcopy((found.dbn, found.labelled, found.contestants))
    _send_stack(dbn, encoders[_DBN])
    for one in contestants:
        for number in range(1, len(one.network.sizes)):
            weight = one.network.linear(number).weight
            weight.copy_(_sent(encoders[one.name], number, weight.T).T)
    if labelled is not None:
        for stack in (labelled.below, labelled.recognition):
            if stack is not None and stack is not dbn:
                _send_stack(stack, encoders[_DBN])
        labelled.top.rbm.weights.copy_(_sent(encoders[LABELLED], 1, labelled.top.rbm.weights))
    return found.with_models(dbn, labelled, contestants)


def _send_stack(dbn: DBN, encode: Encode) -> None:
    for number in range(1, len(dbn) + 1):
        weights = dbn.layer(number).weights
        weights.copy_(_sent(encode, number, weights))


def _sent(encode: Encode, number: int, weights: Tensor) -> Tensor:
    return torch.from_numpy(decoded(encode(number, weights)).copy())


def _images(found: Found, last: bool = False) -> Tensor:
    """Images to measure on: the first test images, or the last, or where there are none random ones."""
    if found.images is not None and len(found.images):
        start = max(0, len(found.images) - _MEASURED) if last else 0
        return found.images.batch(slice(start, start + _MEASURED))
    low, high = found.bounds
    return low + (high - low) * Random(0, "explorer").uniform((100, found.dbn.sizes[0]))
