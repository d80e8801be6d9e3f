"""Whole runs of the samplers against their loops written out, number by number; and what they do if not told more."""

import itertools

import pytest
import torch
from torch import Tensor

from deepbelief.errors import SettingsError
from deepbelief.models.annealed_path import AnnealedPath
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN
from deepbelief.randomness import Random
from deepbelief.sampling import (
    annealing,
    chain,
    fantasies,
    fantasy_frames,
    inpaint,
    inpainting_frames,
    interpolate,
    labelled_fantasies,
    labelled_frames,
)


def deep() -> DBN:
    """Three RBMs of as many units each, so that none can be left out unnoticed by the shapes."""
    return DBN.from_sizes([4, 4, 4, 4], Random(0), weight_std=2.0).requires_grad_(False)


def gibbs(path: AnnealedPath, visible: Tensor, beta: float, random: Random) -> tuple[Tensor, Tensor]:
    """A state of the visible units and the field that it was drawn from."""
    hidden = path.sample_hidden(visible @ path.rbm.weights, beta, random)
    field = path.visible_field(hidden @ path.rbm.weights.T, beta)
    return path.rbm.visible.sample(field, random), field


def inpainted(dbn: DBN, images: Tensor, known: Tensor, steps: int, samples: bool, random: Random) -> list[Tensor]:
    """What each step shows: the first RBM is annealed alone, half of the steps; then all go up and down."""
    first, rbms = AnnealedPath(dbn.layer(1), dbn.layer(1).visible.bias), list(dbn.rbms)
    alone = steps if len(rbms) == 1 else (steps + 1) // 2
    visible, shown = images, []
    for beta in annealing(steps)[:alone]:
        state, field = gibbs(first, visible, beta, random)
        visible = torch.where(known, images, state)
        shown.append(visible if samples else first.rbm.visible.mean(field))
    for _ in range(steps - alone):
        for rbm in rbms[:-1]:
            visible = rbm.sample_hidden(visible, random)
        visible, mean = gibbs(AnnealedPath(rbms[-1], rbms[-1].visible.bias), visible, 1.0, random)
        mean = rbms[-1].visible.mean(mean)
        for rbm in reversed(rbms[:-1]):
            visible, mean = rbm.sample_visible(visible, random), rbm.visible_mean(mean)
        visible = torch.where(known, images, visible)
        shown.append(visible if samples else mean)
    return [torch.where(known, images, one) for one in shown]


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("samples", [False, True])
@pytest.mark.parametrize("steps", [7, 8])
def test_each_step_of_inpainting(steps: int, samples: bool, layers: int) -> None:
    dbn = DBN(list(deep().rbms)[:layers])
    images, known = Random(1).uniform((50, 4)), torch.tensor([True, False, False, True])
    frames = list(inpainting_frames(dbn, images, known, Random(2), steps, samples=samples))
    expected = inpainted(dbn, images, known, steps, samples, Random(2))
    for ours, theirs in zip(frames, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(inpaint(dbn, images, known, Random(2), steps, samples=samples), frames[-1])


@pytest.mark.parametrize("samples", [False, True])
def test_each_step_of_a_chain_goes_down_through_every_layer(samples: bool) -> None:
    dbn, random, start = deep(), Random(2), Random(1).uniform((50, 4))
    first, second, top = dbn.rbms
    frames = itertools.islice(chain(dbn, start, Random(2), samples=samples), 5)
    visible = second.sample_hidden(first.sample_hidden(start, random), random)
    for frame in frames:
        visible, field = gibbs(AnnealedPath(top, top.visible.bias), visible, 1.0, random)
        if samples:
            expected = first.sample_visible(second.sample_visible(visible, random), random)
        else:
            expected = first.visible_mean(second.visible_mean(top.visible.mean(field)))
        torch.testing.assert_close(frame, expected)


def test_what_is_not_said_is_as_documented() -> None:
    dbn, images, known = deep(), Random(1).uniform((1, 4)), torch.tensor([True, False, False, True])
    labelled, label = LabelledDBN.from_sizes([4, 4, 4], 2, Random(0)), torch.tensor([1])
    assert torch.equal(fantasies(dbn, 1, Random(2)), fantasies(dbn, 1, Random(2), 1000, clamp=None, samples=False))
    assert len(list(fantasy_frames(dbn, 1, Random(2)))) == 1000
    assert torch.equal(inpaint(dbn, images, known, Random(2)), inpaint(dbn, images, known, Random(2), 200))
    assert len(list(inpainting_frames(dbn, images, known, Random(2)))) == 200
    assert not set(inpaint(dbn, images, known, Random(2))[:, ~known].flatten().tolist()) <= {0.0, 1.0}  # means
    made = labelled_fantasies(labelled, label, Random(2))
    assert torch.equal(made, labelled_fantasies(labelled, label, Random(2), 1000))
    assert len(list(labelled_frames(labelled, label, Random(2)))) == 1000
    assert len(interpolate(dbn, images, images)) == 10


def test_ways_between_images_of_other_types_and_widths() -> None:
    dbn, first, second = deep(), Random(1).uniform((3, 4)), Random(2).uniform((3, 4))
    way = interpolate(dbn, first, second, 2)
    assert len(way) == 2
    torch.testing.assert_close(interpolate(dbn, first.double(), second.double(), 2), way)
    with pytest.raises(SettingsError, match=r"^the DBN sees 4 values of each item"):
        interpolate(dbn, first[:, :3], second[:, :3])
