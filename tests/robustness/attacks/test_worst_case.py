"""The worst of several attacks, and who found it; attacks found on another classifier."""

import torch

from deepbelief.robustness import FGSM, PGD, LInf, Square, Transfer, margin, worst_case
from tests.robustness.networks import SHAPE, linear, network, right_labels, some_images


def nothing(classifier, images, labels, ball, random):
    return images


def test_each_image_has_the_first_attack_that_took_it() -> None:
    images, ball = some_images(80), LInf(0.1)
    labels = right_labels(images)
    labels[:5] = (labels[:5] + 1) % 4  # wrong before anybody attacks
    attacks = {"nothing": nothing, "fgsm": FGSM(), "pgd": PGD(20), "square": Square(SHAPE, 200)}
    found = worst_case(network, images, labels, ball, attacks, 0)

    assert (found.lost_to[:5] == 0).all()
    by_fgsm = margin(network(FGSM()(network, images, labels, ball)), labels) >= 0
    assert torch.equal(found.lost_to[5:] == 2, by_fgsm[5:])
    assert found.lost_to.unique().tolist() == [-1, 0, 2, 3, 4]
    assert torch.equal(found.right, found.lost_to == -1)
    assert torch.equal(network(found.images).argmax(dim=1) == labels, found.right)
    assert torch.equal(found.images[found.right], images[found.right])
    assert torch.equal(found.images[:5], images[:5])
    assert (ball.distance(found.images, images) <= 0.1 + 1e-9).all()
    assert found.accuracy == found.right.double().mean()
    assert found.taken == {name: (found.lost_to == n).double().mean() for n, name in enumerate(attacks, start=1)}
    assert found.taken["nothing"] == 0


def test_only_images_that_are_left_are_attacked() -> None:
    seen = []

    def lazy(classifier, images, labels, ball, random):
        seen.append((len(images), labels.tolist()))
        return images

    def complete(classifier, images, labels, ball, random):
        return torch.where(labels[:, None] == 0, 1 - images, images)

    def by_first_value(images):
        return torch.stack([images[:, 0], 1 - images[:, 0]], dim=1)

    images, labels = torch.tensor([[0.9], [0.1], [0.8]]), torch.tensor([0, 1, 0])
    found = worst_case(by_first_value, images, labels, LInf(1.0), {"a": lazy, "b": complete, "c": lazy}, 0)
    assert seen == [(3, [0, 1, 0]), (1, [1])]
    assert found.lost_to.tolist() == [2, -1, 2]
    none_left = worst_case(by_first_value, images, 1 - labels, LInf(1.0), {"a": lazy}, 0)
    assert len(seen) == 2
    assert none_left.accuracy == 0


def test_what_was_found_on_another_classifier() -> None:
    images, ball = some_images(30), LInf(0.2)
    labels = right_labels(images)
    assert torch.equal(
        Transfer(linear, PGD(5))(network, images, labels, ball, 3), PGD(5)(linear, images, labels, ball, 3)
    )
