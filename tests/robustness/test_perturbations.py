"""What every perturbation promises: bounds, levels, shapes, types, and the same result for the same seed."""

import itertools
import math
import re
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import deepbelief.robustness
from deepbelief.errors import DataError, SettingsError
from deepbelief.randomness import Random
from deepbelief.robustness import BRIGHTNESS, CONTRAST, GAUSSIAN, PERTURBATIONS, ROTATION, Perturbation
from deepbelief.robustness.perturbations import BLUR, CLIPPED_GAUSSIAN, INVERSION, SHOT, UNIFORM

WITHOUT_CHANCE = (BLUR, BRIGHTNESS, CONTRAST, INVERSION)
ONE_DRAW_A_VALUE = (GAUSSIAN, CLIPPED_GAUSSIAN, UNIFORM, SHOT)
each = pytest.mark.parametrize("kind", PERTURBATIONS.values(), ids=PERTURBATIONS)


@dataclass(frozen=True)
class Case:
    """Grey values in 64 steps, which all types hold, an image shape, a seed, and how strong a level to take."""

    steps: Tensor  # (n, rows, columns, channels) of 0 ... 64
    seed: int
    strength: float

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.steps.shape[1:])

    def level(self, kind: Perturbation) -> float:
        return self.strength * min(kind.most, 2 * kind.levels[-1])

    def images(self, dtype: torch.dtype, low: float = 0.0, span: float = 1.0) -> Tensor:
        """(n, width) with 0 ... 64 mapped to low ... low + span."""
        return (low + span * self.steps.double() / 64).flatten(1).to(dtype)


@st.composite
def cases(draw: st.DrawFn, largest: int = 7, channels: int = 3) -> Case:
    """Images of any shape, a single row among them, of one to three channels."""
    sides = st.integers(1, largest)
    shape = draw(st.integers(1, 3)), draw(sides), draw(sides), draw(st.integers(1, channels))
    seed = draw(st.integers(0, 1000))
    generator = torch.Generator().manual_seed(seed)
    strength = draw(st.floats(0, 1, exclude_min=True))
    return Case(torch.randint(0, 65, shape, generator=generator), seed, strength)


BOUNDS = st.tuples(st.integers(-300, 300), st.integers(1, 300))
TYPES = st.sampled_from([torch.float32, torch.float64, torch.bfloat16])


@each
@settings(max_examples=30)
@given(cases(), st.floats(-300, 300), st.floats(0.1, 300), TYPES)
def test_results_keep_bounds_shape_type_and_the_input(
    kind: Perturbation, case: Case, low: float, span: float, dtype: torch.dtype
) -> None:
    bounds, images = (low, low + span), case.images(dtype, low, span)
    before = images.clone()
    found = kind(images, case.level(kind), case.seed, shape=case.shape, bounds=bounds)
    assert (found.shape, found.dtype, found.device) == (images.shape, dtype, images.device)
    assert torch.equal(images, before)
    least, greatest = torch.tensor(bounds, dtype=torch.promote_types(dtype, torch.float32)).to(dtype)
    assert kind is GAUSSIAN or (found.min() >= least and found.max() <= greatest)
    assert torch.equal(found, kind(images, case.level(kind), Random(case.seed), shape=case.shape, bounds=bounds))


@each
@settings(max_examples=15)
@given(cases(), TYPES)
def test_level_0_draws_nothing_and_returns_the_very_values(kind: Perturbation, case: Case, dtype: torch.dtype) -> None:
    images, random = torch.cat([case.images(dtype), -case.images(dtype)]), Random(case.seed)  # -0.0, and out of bounds
    found = kind(images, 0, random, shape=case.shape)
    assert torch.equal(found, images)
    assert torch.equal(found.signbit(), images.signbit())
    found.add_(1)
    assert torch.equal(images[:1], case.images(dtype)[:1])
    assert torch.equal(random.normal((3,)), Random(case.seed).normal((3,)))


@each
@settings(max_examples=30)
@given(cases(), BOUNDS)
def test_levels_are_relative_to_the_bounds(kind: Perturbation, case: Case, bounds: tuple[int, int]) -> None:
    low, span = bounds
    unit = kind(case.images(torch.float64), case.level(kind), case.seed, shape=case.shape)
    images = case.images(torch.float64, low, span)
    found = kind(images, case.level(kind), case.seed, shape=case.shape, bounds=(low, low + span))
    torch.testing.assert_close(found, low + span * unit, rtol=0, atol=1e-6 * span)


@each
@settings(max_examples=15)
@given(cases())
def test_narrow_types_are_computed_in_float32(kind: Perturbation, case: Case) -> None:
    level, shape = case.level(kind), case.shape
    wide = kind(case.images(torch.float32), level, case.seed, shape=shape)
    assert torch.equal(kind(case.images(torch.bfloat16), level, case.seed, shape=shape), wide.bfloat16())
    double = kind(case.images(torch.float64), level, case.seed, shape=shape)
    torch.testing.assert_close(wide.double(), double, rtol=0, atol=1e-5)


@each
@settings(max_examples=15)
@given(cases())
def test_a_shape_is_asked_for_only_where_it_matters(kind: Perturbation, case: Case) -> None:
    images, level = case.images(torch.float64), case.level(kind)
    if kind.needs_shape:
        with pytest.raises(SettingsError, match=f"{kind.name} depends on where pixels lie: give shape="):
            kind(images, level, case.seed)
    else:
        grey = (math.prod(case.shape), 1)
        torch.testing.assert_close(kind(images, level, case.seed), kind(images, level, case.seed, shape=grey))


@each
@settings(max_examples=15)
@given(cases(channels=1))
def test_every_channel_is_perturbed_like_a_grey_image(kind: Perturbation, case: Case) -> None:
    if kind in ONE_DRAW_A_VALUE:  # which differ between channels
        return
    images, level = case.images(torch.float64), case.level(kind)
    grey = kind(images, level, case.seed, shape=case.shape[:2])
    colour = images.repeat_interleave(3, dim=1)
    found = kind(colour, level, case.seed, shape=(*case.shape[:2], 3))
    torch.testing.assert_close(found, grey.repeat_interleave(3, dim=1))


@each
@settings(max_examples=15)
@given(cases(), st.permutations(range(3)))
def test_an_image_does_not_depend_on_the_others(kind: Perturbation, case: Case, order: list[int]) -> None:
    level, batch = case.level(kind), case.images(torch.float64)
    found = kind(batch, level, case.seed, shape=case.shape)
    torch.testing.assert_close(found[:1], kind(batch[:1], level, case.seed, shape=case.shape))
    if kind in WITHOUT_CHANCE:
        order = [number for number in order if number < len(batch)]
        torch.testing.assert_close(found[order], kind(batch[order], level, 0, shape=case.shape))


def blobs() -> Tensor:
    """Smooth, uneven images of 24 x 20 pixels, (n, width)."""
    down, across = torch.linspace(-1, 1, 24)[:, None], torch.linspace(-1, 1, 20)
    middles = Random(5).uniform((12, 2, 2), -0.5, 0.5)
    spots = [torch.exp(-(((down - y) / 0.5) ** 2) - ((across - x) / 0.3) ** 2) for y, x in middles.flatten(0, 1)]
    return torch.stack(spots).unflatten(0, (12, 2)).amax(dim=1).flatten(1)


@each
def test_higher_levels_perturb_more(kind: Perturbation) -> None:
    assert len(kind.levels) == 5
    images = blobs()
    moved = [(kind(images, level, 3, shape=(24, 20)) - images).abs().mean().item() for level in (0, *kind.levels)]
    assert moved[0] == 0
    assert all(more > 1.05 * less for less, more in itertools.pairwise(moved)), moved


@each
def test_images_differ_in_what_happens_to_them_where_chance_plays_a_part(kind: Perturbation) -> None:
    same, shape = blobs()[:1].expand(40, -1), (24, 20)
    found, random = kind(same, kind.levels[2], 0, shape=shape), Random(0)
    kinds = len({tuple(one) for one in found.tolist()})
    again = [kind(same, kind.levels[2], random, shape=shape) for _ in range(2)]
    assert torch.equal(*again) == (kind in WITHOUT_CHANCE)
    assert (kinds == 1) == (kind in WITHOUT_CHANCE)


@each
def test_no_images_strided_ones_and_ones_with_gradients(kind: Perturbation) -> None:
    shape, level = (24, 20), kind.levels[1]
    assert kind(torch.empty(0, 480), level, 0, shape=shape).shape == (0, 480)
    images = blobs()
    found = kind(images, level, 0, shape=shape)
    torch.testing.assert_close(kind(images.T.contiguous().T, level, 0, shape=shape), found)
    with_gradients = kind(images.clone().requires_grad_(), level, 0, shape=shape)
    assert torch.equal(with_gradients, found)
    assert not with_gradients.requires_grad


@each
@pytest.mark.parametrize("wrong", [-0.1, math.nan, math.inf, -math.inf])
def test_impossible_levels_are_refused(kind: Perturbation, wrong: float) -> None:
    wanted = "a finite one from 0" if math.isinf(kind.most) else f"one from 0 to {kind.most:g}"
    message = f"{kind.name} has no level {wrong:g}: give {wanted} ({kind.unit})."
    with pytest.raises(SettingsError, match=f"^{re.escape(message)}$"):
        kind(blobs(), wrong, 0, shape=(24, 20))


@each
def test_only_shares_and_angles_have_a_highest_level(kind: Perturbation) -> None:
    shares = {"salt-and-pepper", "contrast", "brightness", "occlusion", "inversion"}
    most = 1 if kind.name in shares else 180 if kind is ROTATION else math.inf
    assert kind.most == most
    kind(blobs(), min(most, 1e6), 0, shape=(24, 20))
    if math.isfinite(most):
        with pytest.raises(SettingsError, match=f"has no level {most * 1.01:g}: give one from 0 to {most:g} \\("):
            kind(blobs(), most * 1.01, 0, shape=(24, 20))


@pytest.mark.parametrize("shape", [(480,), (20, 25), (24, 20, 3), (-24, -20), (0, 480), (2, 2, 2, 60), (), (480, 1, 0)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    for kind in (ROTATION, GAUSSIAN):
        with pytest.raises(SettingsError, match=r"images of 480 values cannot have the shape \(.*with the product 480"):
            kind(blobs(), 0.1, 0, shape=shape)


@pytest.mark.parametrize("bounds", [(1, 1), (1, 0), (0, math.inf), (-math.inf, 0), (math.nan, 1), (0, math.nan)])
def test_bounds_without_a_range_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(SettingsError, match=r"the bounds are .* and .*: give a finite least value and one above it"):
        BRIGHTNESS(blobs(), 0.1, 0, bounds=bounds)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(6), r"a tensor of shape \(6,\): give \(n, width\)"),
        (torch.zeros(2, 2, 3), r"a tensor of shape \(2, 2, 3\): give \(n, width\)"),
        (torch.zeros(1, 6, dtype=torch.uint8), r"of type torch.uint8: give floats, as their float\(\) makes them"),
        (torch.tensor([[0.0, 1.0], [0.5, math.nan]]), "item 1 has the value nan at position 1, but only finite values"),
        (torch.tensor([[math.inf, 1.0]]), "item 0 has the value inf at position 0"),
    ],
)
def test_images_that_cannot_be_perturbed_are_refused(images: Tensor, message: str) -> None:
    for level in (0, 0.5):
        with pytest.raises(DataError, match=message):
            CONTRAST(images, level, 0)


def test_random_is_a_source_or_a_seed() -> None:
    with pytest.raises(SettingsError, match="the seed -1 is below 0"):
        GAUSSIAN(blobs(), 0, -1)


def test_perturbations_are_found_by_name_and_as_objects() -> None:
    assert list(PERTURBATIONS) == [
        *("gaussian", "clipped-gaussian", "uniform", "salt-and-pepper", "shot", "blur", "contrast", "brightness"),
        *("occlusion", "rotation", "translation", "inversion"),
    ]
    for name, kind in PERTURBATIONS.items():
        assert kind.name == name
        assert getattr(deepbelief.robustness, name.upper().replace("-", "_")) is kind
        assert kind.clipped == (kind is not GAUSSIAN)


def test_a_perturbation_of_ones_own() -> None:
    def lift(images: Tensor, level: float, random: Random, bounds: tuple[float, float]) -> Tensor:
        assert images.shape in ((2, 3, 2, 1), (2, 1, 6, 1))
        assert (level, bounds) == (0.25, (-1, 1))
        return images + 1.5

    ours = Perturbation("lift", lift, "of no use", (0.1, 0.25))
    images = torch.tensor([[-1.0], [0.5]]).repeat(1, 6)
    assert torch.equal(ours(images, 0.25, 0, shape=(3, 2), bounds=(-1, 1))[:, 0], torch.tensor([0.5, 1.0]))
    assert torch.equal(ours(images, 0.25, 0, bounds=(-1, 1)), (images + 1.5).clamp(-1, 1))
    unclipped = replace(ours, clipped=False)
    assert torch.equal(unclipped(images, 0.25, 0, shape=(3, 2), bounds=(-1, 1)), images + 1.5)
    for levels in ((0.25, 0.1), (0.1, 0.1), (0.0, 0.1)):
        with pytest.raises(SettingsError, match=r"the levels of lift are \(.*: give positive ones, each above"):
            replace(ours, levels=levels)
    with pytest.raises(SettingsError, match="lift has no level 2: give one from 0 to 1"):
        replace(ours, levels=(0.1, 2), most=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@each
def test_results_on_a_gpu_are_those_of_the_cpu(kind: Perturbation) -> None:
    images, level, shape = blobs(), kind.levels[2], (24, 20)
    for random in (7, Random(7), Random(7, device="cuda")):
        found = kind(images.cuda(), level, random, shape=shape)
        assert found.is_cuda
        torch.testing.assert_close(found.cpu(), kind(images, level, 7, shape=shape), rtol=0, atol=1e-4)
