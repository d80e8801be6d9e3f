"""What holds for every attack: it stays in its ball, changes nothing it is given, and finds what is easy to find."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbelief.robustness import (
    APGD,
    FGSM,
    L2,
    PGD,
    LInf,
    RayS,
    Square,
    TargetedAPGD,
    Transfer,
    cross_entropy,
    margin,
)
from deepbelief.robustness.attacks.attack import look
from tests.robustness.networks import SHAPE, linear, network, right_labels, some_images

ATTACKS = {
    "fgsm": FGSM(),
    "pgd": PGD(4, 2, margin),
    "apgd": APGD(7),
    "targeted": TargetedAPGD(4),
    "square": Square(SHAPE, 30),
    "rays": RayS(100),
    "transfer": Transfer(linear, PGD(3)),
}
BALLS = {"linf": LInf, "l2": L2}


@pytest.mark.parametrize("kind", BALLS.values(), ids=BALLS)
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
@settings(max_examples=12)
@given(
    epsilon=st.floats(0, 2),
    low=st.floats(-3, 0),
    span=st.floats(0.1, 4),
    seed=st.integers(0, 50),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_nothing_leaves_its_ball_or_the_bounds(attack, kind, epsilon, low, span, seed, dtype) -> None:
    ball = kind(epsilon, (low, low + span))
    images = some_images(5, ball.bounds, seed).to(dtype)
    before, labels = images.clone(), right_labels(images)
    found = attack(network, images, labels, ball, seed)
    assert torch.equal(images, before)
    assert (found.shape, found.dtype) == (images.shape, dtype)
    assert found.min() >= torch.tensor(low, dtype=dtype)
    assert found.max() <= torch.tensor(low + span, dtype=dtype)
    assert (ball.distance(found, images) <= epsilon + 1e-5).all()
    assert torch.equal(found, attack(network, images, labels, ball, seed))


@pytest.mark.parametrize("name", ["fgsm", "pgd", "apgd", "targeted", "square", "rays"])
def test_in_a_wide_ball_every_answer_can_be_made_wrong(name: str) -> None:
    images = some_images(40)
    labels = linear(images).argmax(dim=1)
    found = {**ATTACKS, "square": Square(SHAPE, 300), "rays": RayS(500)}[name](linear, images, labels, LInf(0.9), 0)
    assert (margin(linear(found), labels) > 0).all()


@pytest.mark.parametrize("name", ["square", "rays"])
def test_without_gradients(name: str) -> None:
    """A classifier of steps has none, or misleading ones."""

    def steps(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return network((8 * images).round() / 8)

    images = some_images(60)
    labels = steps(images).argmax(dim=1)
    found = {"square": Square(SHAPE, 300), "rays": RayS(500)}[name](steps, images, labels, LInf(0.3), 0)
    assert (margin(steps(found), labels) > 0).double().mean() > 0.7


def test_no_parameter_gets_a_gradient() -> None:
    model = torch.nn.Linear(12, 4, dtype=torch.float64)
    images = some_images(3)
    for attack in ATTACKS.values():
        attack(model, images, torch.zeros(3, dtype=torch.int64), LInf(0.1), 0)
    assert model.weight.grad is None


def test_a_look_is_the_same_in_small_batches_and_every_image_has_its_label() -> None:
    images = some_images(7)
    labels = right_labels(images)
    whole, parts = (look(network, images, labels, cross_entropy, size) for size in (7, 2))
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other)
    expected = torch.func.grad(lambda x: torch.nn.functional.cross_entropy(network(x), labels, reduction="sum"))(images)
    torch.testing.assert_close(whole.gradient, expected)
    torch.testing.assert_close(whole.loss, cross_entropy(network(images), labels))
    torch.testing.assert_close(whole.margin, margin(network(images), labels))
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        look(network, images, labels[:1], cross_entropy, 1)
