"""Perturbations stay in their budget; attacks follow the gradient; the defence is seen by the attack that knows it."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.arrays import Classifier
from deepbelief.errors import SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness.attacks.fgsm import fgsm, gradient_sign, step
from deepbelief.robustness.attacks.pgd import pgd
from deepbelief.robustness.noise import gaussian, uniform


def linear(images: Tensor) -> Tensor:
    return images @ torch.tensor([[1.0, -2.0], [0.0, 1.0], [-1.0, 0.5]], dtype=images.dtype)


images = torch.tensor([[0.2, 0.5, 0.9], [0.0, 1.0, 0.4]])
labels = torch.tensor([0, 1])


def small_network(values: Tensor) -> Tensor:
    """Two layers, the same in each call."""
    random = Random(3, "small network")
    first, second = (random.normal(shape, 2.0).to(values) for shape in ((3, 5), (5, 2)))
    return torch.tanh(values @ first) @ second


def lead(classifier: Classifier, values: Tensor) -> Tensor:
    """The wrong class's logit less the true one's, of two classes."""
    logits = classifier(values)
    return logits[[0, 1], 1 - labels] - logits[[0, 1], labels]


@given(st.floats(0, 2), st.integers(0, 50), st.floats(-3, 0), st.floats(0.1, 4), st.integers(1, 4))
def test_noise_and_attacks_share_one_budget(epsilon: float, seed: int, low: float, span: float, steps: int) -> None:
    inside, bounds, random = low + span * images, (low, low + span), Random(seed)
    for perturbed in (
        uniform(inside, epsilon, random, bounds),
        fgsm(small_network, inside, labels, epsilon, bounds),
        pgd(small_network, inside, labels, epsilon, steps, random, bounds),
    ):
        assert perturbed.min() >= low
        assert perturbed.max() <= torch.tensor(low + span)
        assert (perturbed - inside).abs().max() <= epsilon + 1e-5


def test_fgsm_is_its_formula() -> None:
    wide = images.double().requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(small_network(wide), labels, reduction="sum"), wide)
    expected = (wide + 0.3 * gradient.sign()).clamp(-0.1, 0.9)
    found = fgsm(small_network, images.double(), labels, 0.3, (-0.1, 0.9))
    torch.testing.assert_close(found, expected.detach(), rtol=0, atol=1e-6)


@given(st.floats(0.01, 0.6), st.integers(1, 7), st.integers(0, 20))
def test_pgd_is_its_formula(epsilon: float, steps: int, seed: int) -> None:
    clean, seen = images.double(), []
    point = (clean + Random(seed).uniform(clean.shape, -epsilon, epsilon).to(clean)).clamp(0, 1)
    for number in range(steps + 1):
        seen.append(point)
        if number < steps:
            inputs = point.clone().requires_grad_()
            (gradient,) = torch.autograd.grad(cross_entropy(small_network(inputs), labels, reduction="sum"), inputs)
            moved = point + 2.5 * epsilon / steps * gradient.sign()
            point = torch.minimum(torch.maximum(moved, clean - epsilon), clean + epsilon).clamp(0, 1)
    leads = torch.stack([lead(small_network, one) for one in seen])
    expected = torch.stack(seen)[leads.argmax(dim=0), [0, 1]]
    found = pgd(small_network, clean, labels, epsilon, steps, Random(seed))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@given(st.floats(0, 1), st.integers(0, 50))
def test_pgd_is_never_weaker_than_where_it_starts(epsilon: float, seed: int) -> None:
    def uphill(values: Tensor) -> Tensor:  # the steps lead astray: they follow the gradient of something else
        logits = small_network(values)
        return 2 * logits.detach() - logits

    start = uniform(images, epsilon, Random(seed))
    for classifier in (small_network, uphill):
        found = pgd(classifier, images, labels, epsilon, 4, Random(seed))
        assert (lead(classifier, found) >= lead(classifier, start)).all()


def test_where_one_step_is_the_best_there_is_many_steps_end_at_the_same_place() -> None:
    before = images.clone()
    found = pgd(linear, images, labels, 0.3, 20, Random(0))
    assert torch.equal(images, before)
    torch.testing.assert_close(found, fgsm(linear, images, labels, 0.3))
    with pytest.raises(SettingsError, match="PGD takes at least one step and one start, not 0 and 1"):
        pgd(linear, images, labels, 0.1, 0, Random(0))


def test_gaussian_noise_is_not_clipped_and_has_its_level() -> None:
    noise = gaussian(torch.zeros(300, 300), 0.7, Random(0))
    assert noise.std().item() == pytest.approx(0.7, rel=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.01)
    assert noise.min() < 0
    assert torch.equal(gaussian(images, 0.0, Random(0)), images)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_noise_is_what_was_drawn_in_the_images_own_type(dtype: torch.dtype) -> None:
    wide = images.to(dtype)
    drawn = Random(1).normal(images.shape, 0.7).to(dtype), Random(1).uniform(images.shape, -0.3, 0.3).to(dtype)
    assert torch.equal(gaussian(wide, 0.7, Random(1)), wide + drawn[0])
    assert torch.equal(uniform(wide, 0.3, Random(1)), (wide + drawn[1]).clamp(0, 1))
    grey = torch.full((200, 200), 0.5, dtype=dtype)
    assert (uniform(grey, 0.25, Random(2)).float().mean(), uniform(grey, 0.25, Random(2)).float().std()) == (
        pytest.approx(0.5, abs=0.01),
        pytest.approx(0.5 / 12**0.5, abs=0.01),
    )


def test_signs_are_those_of_finite_differences() -> None:
    wide = images.double()
    signs = gradient_sign(linear, wide, labels)
    loss = cross_entropy(linear(wide), labels, reduction="sum")
    for row in range(2):
        for pixel in range(3):
            moved = wide.clone()
            moved[row, pixel] += 1e-6
            slope = (cross_entropy(linear(moved), labels, reduction="sum") - loss) / 1e-6
            assert signs[row, pixel] == torch.sign(slope.round(decimals=4))


def test_the_attack_raises_the_loss_and_leaves_the_images() -> None:
    before = images.clone()
    attacked = fgsm(linear, images, labels, 0.1)
    assert torch.equal(images, before)
    assert cross_entropy(linear(attacked), labels) > cross_entropy(linear(images), labels)
    assert torch.equal(step(images, gradient_sign(linear, images, labels), 0.1), attacked)


def test_no_parameter_gets_a_gradient() -> None:
    model = torch.nn.Linear(3, 2, device="meta").to_empty(device="cpu")
    fgsm(model, images, labels, 0.1)
    assert model.weight.grad is None
