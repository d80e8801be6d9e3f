"""The choice of how weights travel: errors as they are measured, and the fewest bytes within them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from deepbelief.explorer.choice import TOLERANCE, WeightType, as_sent, choose, measure
from deepbelief.explorer.encoding import as_floats, decoded
from deepbelief.explorer.payload import make_payload
from deepbelief.explorer.rounding import passing_on, rounded
from deepbelief.models import DBN
from deepbelief.randomness import Random
from tests.explorer.conftest import small
from tests.explorer.test_numbers import FOUND


@pytest.mark.parametrize("found", FOUND.values(), ids=FOUND)
def test_by_itself_no_answer_is_off_by_more_than_the_tolerance(found) -> None:  # type: ignore[no-untyped-def]
    choice = choose(found)
    assert 0 < choice.errors["probabilities"] + choice.errors["reconstructions"] <= 2 * TOLERANCE
    assert max(choice.errors["probabilities"], choice.errors["reconstructions"]) <= TOLERANCE
    assert choice.errors["same_class"] == 1


def test_errors_are_those_of_the_models_with_the_weights_that_are_sent() -> None:
    found = small()
    choice = choose(found, "int8")
    assert found.images is not None
    images = found.images.batch(slice(0, 20))
    sent = as_sent(found, choice.encoders)
    exact, near = found.classifiers()["finetuned"](images), sent.classifiers()["finetuned"](images)
    alone = measure(found.only("finetuned"), choice.encoders, images, reconstructions=False)
    assert alone["probabilities"] == pytest.approx(float((exact.softmax(1) - near.softmax(1)).abs().max()), abs=1e-7)
    assert alone["reconstructions"] == 0
    weights = sent.dbn.layer(1).weights
    assert torch.equal(weights, torch.from_numpy(decoded(choice.of("dbn")(1, found.dbn.layer(1).weights))))
    assert not torch.equal(weights, found.dbn.layer(1).weights), "the models themselves stay as they were"
    assert torch.equal(sent.labelled.below.layer(1).weights, weights)  # type: ignore[union-attr]


@pytest.mark.parametrize(("finer", "coarser"), [("float32", "float16"), ("float16", "int8")])
def test_fewer_bits_are_fewer_bytes_and_larger_errors(finer: WeightType, coarser: WeightType) -> None:
    found = small(layers=(40, 30))
    payloads = [make_payload(found, choose(found, one)) for one in (finer, coarser)]
    assert len(payloads[0].block) > len(payloads[1].block)
    errors = [one.header["weights"]["errors"]["probabilities"] for one in payloads]
    assert errors[0] < errors[1]


def test_readouts_travel_with_hardly_an_error() -> None:
    found = small()
    readout = found.contestants[0].network.linear(1).weight.T
    for wanted in ("float16", "int8"):
        assert choose(found, wanted).of("readout_1")(1, readout) == as_floats(readout.numpy())
    by_itself = decoded(choose(found).of("readout_1")(1, readout))
    assert 0 < np.abs(by_itself - readout.numpy()).max() <= 2**-17


def test_a_model_without_images_is_measured_on_random_ones() -> None:
    dbn = DBN.from_sizes([9, 4], Random(1), 0.5).requires_grad_(False)
    errors = choose(type(FOUND["binary"])("alone", dbn, (3, 3))).errors
    assert 0 < errors["reconstructions"] <= TOLERANCE


def in_steps_of(step: float) -> Callable[[Tensor], Tensor]:
    return lambda weights: (weights / step).round() * step


@pytest.mark.parametrize(
    "nearest", [in_steps_of(0.5), lambda weights: weights.bfloat16().float()], ids=["step", "float"]
)
def test_rounding_that_knows_the_inputs_changes_the_outputs_less(nearest: Callable[[Tensor], Tensor]) -> None:
    random = Random(3)
    smooth = random.normal((500, 100)).cumsum(dim=1)  # neighbours are alike
    weights = random.normal((100, 20))
    sent = rounded(weights, nearest, passing_on(smooth))
    assert torch.equal(sent, nearest(sent))
    knowing, plain = (smooth @ (one - weights) for one in (sent, nearest(weights)))
    assert knowing.square().mean() < 0.3 * plain.square().mean()


def test_rounding_of_inputs_that_are_never_there_is_plain_rounding() -> None:
    weights, nearest = Random(1).normal((70, 3)), in_steps_of(0.25)
    assert torch.equal(rounded(weights, nearest, passing_on(torch.zeros(5, 70))), nearest(weights))


def test_the_block_of_rows_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    weights, upper = Random(1).normal((70, 3)), passing_on(Random(2).normal((90, 70)))
    found = rounded(weights, in_steps_of(0.25), upper)
    monkeypatch.setattr("deepbelief.explorer.rounding._ROWS", 1000)
    again = rounded(weights, in_steps_of(0.25), upper)
    assert np.mean((found != again).numpy()) < 0.02  # but for sums in another order


def test_float16_of_networks_knows_the_inputs() -> None:
    found = small(layers=(40, 30))
    choice, network = choose(found, "float16"), found.contestants[2].network
    weights = network.linear(2).weight.T
    sent = torch.from_numpy(decoded(choice.of("ffnn")(2, weights)))
    assert torch.equal(sent, sent.half().float()) and not torch.equal(sent, weights.half().float())
    assert (sent - weights).abs().max() < 4 * 2**-11 * weights.abs().max()
