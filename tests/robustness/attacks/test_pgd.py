"""PGD from several starts; one start's formula stands in test_robustness.py."""

import torch

from deepbelief.randomness import Random
from deepbelief.robustness import L2, PGD, LInf, margin
from tests.robustness.networks import network, right_labels, some_images


def test_of_several_starts_the_worst_is_kept() -> None:
    images, ball, random = some_images(40), LInf(0.15), Random(5)
    labels = right_labels(images)
    alone = [PGD(3)(network, images, labels, ball, random) for _ in range(3)]  # each goes on in the same stream
    margins = torch.stack([margin(network(one), labels) for one in alone])
    best = margins.argmax(dim=0)
    assert best.unique().tolist() == [0, 1, 2]
    expected = torch.stack(alone)[best, torch.arange(40)]
    assert torch.equal(PGD(3, 3)(network, images, labels, ball, Random(5)), expected)


def test_in_the_euclidean_ball_it_is_its_formula() -> None:
    images, ball = some_images(5), L2(0.4)
    labels = right_labels(images)
    point = ball.start(images, Random(2))
    seen = [point]
    for _ in range(6):
        gradient = torch.func.grad(lambda x: torch.nn.functional.cross_entropy(network(x), labels, reduction="sum"))(
            point
        )
        change = point + 2.5 * 0.4 / 6 * gradient / gradient.norm(dim=1, keepdim=True) - images
        point = (images + change * (0.4 / change.norm(dim=1, keepdim=True)).clamp(max=1)).clamp(0, 1)
        seen.append(point)
    worst = torch.stack([margin(network(one), labels) for one in seen]).argmax(dim=0)
    found = PGD(6)(network, images, labels, ball, Random(2))
    torch.testing.assert_close(found, torch.stack(seen)[worst, torch.arange(5)], rtol=0, atol=1e-6)
