"""The images of the page's tour: chosen when the page is made, so that nobody waits for them."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.explorer.sources import Found
from deepbelief.robustness import fgsm

_EPSILON: Final = 0.1  # as in the steps "attack" and "defence" of static/page/tour.js, of the range of the data
_ATTACKED: Final = "ffnn"  # or without it the last classifier, as in static/page/main.js


@torch.no_grad()
def tour_images(found: Found, rows: Tensor) -> dict[str, int] | None:
    """Places, among these rows of the test images, of those that suit the tour; None without images.

    Returns:
        `agreed`, the first one that all classifiers get right; `disputed`, the first one on which they differ, and
        `fooled`, the first that all get right until FGSM through one of them leads that one astray; where there is
        none of these, `agreed` again, and where there is none of that, the first of all.
    """
    if found.images is None or not len(rows):
        return None
    images, classifiers = found.images.batch(rows), found.classifiers()
    if not classifiers:
        return dict.fromkeys(("agreed", "disputed", "fooled"), 0)
    answers = torch.stack([one(images).argmax(dim=1) for one in classifiers.values()])
    labels = torch.full_like(answers[0], -1) if found.images.labels is None else found.images.labels[rows]
    right = (answers == labels).all(dim=0)
    agreed = _first(right, 0)
    attacked = classifiers.get(_ATTACKED) or [*classifiers.values()][-1]
    low, high = found.bounds
    moved = fgsm(attacked, images[right], labels[right], _EPSILON * (high - low), found.bounds)
    fooled = right.clone()
    fooled[right] = attacked(moved).argmax(dim=1) != labels[right]
    disputed = (answers != answers[0]).any(dim=0)
    return {"agreed": agreed, "disputed": _first(disputed, agreed), "fooled": _first(fooled, agreed)}


def _first(chosen: Tensor, otherwise: int) -> int:
    places = chosen.nonzero().flatten().tolist()
    return int(places[0]) if places else otherwise
