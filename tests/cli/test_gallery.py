"""From a model's file to a picture: what is drawn where, how many steps are shown, and what is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from deepbelief.checkpoint import load_dbn, save_dbn, save_labelled_dbn
from deepbelief.cli.gallery import PARTS, SampleSettings, draw_samples, known_part, task_of
from deepbelief.data import Images, TensorSource
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN
from deepbelief.models.units import Bernoulli, Gaussian, Joint, ReLU, Units
from deepbelief.models.views import standardise
from deepbelief.randomness import Random
from deepbelief.sampling import fantasies, fantasy_frames, inpaint, interpolate

IMAGES = Images(torch.rand(9, 12, generator=torch.manual_seed(0)), 1.0)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_dbn(tmp_path / "dbn.safetensors", DBN.from_sizes([12, 6, 4], Random(0), weight_std=1.0), image_shape=[3, 4])
    return tmp_path / "dbn.safetensors"


def cells(path: Path, columns: int) -> Tensor:
    """The images that a picture shows, (lines, columns, 12), from 0 to 1; NaN where all is as the lines are."""
    with Image.open(path) as picture:
        pixels = torch.from_numpy(np.array(picture.convert("L"))).float()
    scale = (pixels.shape[1] - 1) // columns // 4
    lines = pixels.shape[0] // (3 * scale + 1)
    assert pixels.shape == (lines * (3 * scale + 1) + 1, columns * (4 * scale + 1) + 1)
    parts = [
        pixels[line * (3 * scale + 1) + 1 :, column * (4 * scale + 1) + 1 :][: 3 * scale : scale, : 4 * scale : scale]
        for line in range(lines)
        for column in range(columns)
    ]
    found = torch.stack(parts).view(lines, columns, 12)
    return torch.where(found == 96, math.nan, found / 255)


def assert_shown(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=0.51 / 255, equal_nan=True)


def test_fantasies_are_those_of_the_library(tmp_path: Path, model: Path) -> None:
    assert draw_samples(model, tmp_path / "f.png", SampleSettings(number=7, steps=30, seed=3)) == 1
    found = cells(tmp_path / "f.png", 3).flatten(0, 1)
    assert_shown(found[:7], fantasies(load_dbn(model), 7, Random(3, "sampling"), 30))
    assert found[7:].isnan().all()


def test_completions_stand_below_the_image_and_what_is_known_of_it(tmp_path: Path, model: Path) -> None:
    settings = SampleSettings("inpainting", steps=20, known="left", items=(8, 2, 3), columns=2)
    draw_samples(model, tmp_path / "i.png", settings, IMAGES)
    found = cells(tmp_path / "i.png", 2)
    chosen, known = IMAGES.batch(torch.tensor([8, 2, 3])), torch.arange(12) % 4 < 2
    completed = inpaint(load_dbn(model), chosen, known, Random(0, "sampling"), 20)
    rows = [chosen, torch.where(known, chosen, math.nan), completed]
    for line, row in enumerate(rows):
        assert_shown(found[line], row[:2])
        assert_shown(found[3 + line, 0], row[2])
        assert found[3 + line, 1].isnan().all()


def test_a_way_is_one_line_with_both_images_at_its_ends(tmp_path: Path, model: Path) -> None:
    draw_samples(model, tmp_path / "w.png", SampleSettings("interpolation", steps=5, items=(0, 4, 7, 1)), IMAGES)
    first, second = IMAGES.batch(torch.tensor([0, 7])), IMAGES.batch(torch.tensor([4, 1]))
    way = interpolate(load_dbn(model), first, second, 5).transpose(0, 1)
    assert_shown(cells(tmp_path / "w.png", 7), torch.cat([first[:, None], way, second[:, None]], dim=1))


def test_chains_from_data_stand_below_where_they_started(tmp_path: Path, model: Path) -> None:
    draw_samples(model, tmp_path / "c.png", SampleSettings("chains", steps=3, number=5), IMAGES)
    found = cells(tmp_path / "c.png", 5)
    chosen = IMAGES.batch(Random(0, "items").permutation(9)[:5])
    assert_shown(found[0], chosen)
    assert not torch.isclose(found[1], chosen, atol=0.01).all()


@pytest.mark.parametrize(
    ("task", "steps", "frames"),
    [
        ("fantasies", 5, 5),
        ("fantasies", 150, 50),
        ("inpainting", 61, 31),
        ("chains", 4, 4),
        ("interpolation", None, 60),
    ],
)
@pytest.mark.parametrize("ending", ["gif", "apng"])
def test_animations_show_the_steps(
    tmp_path: Path, model: Path, task: str, steps: int | None, frames: int, ending: str
) -> None:
    path, told = tmp_path / f"a.{ending}", []
    settings = SampleSettings(task, number=4, steps=steps)
    assert draw_samples(model, path, settings, IMAGES, progress=lambda *done: told.append(done)) == frames
    with Image.open(path) as image:
        # Two states that look the same are one frame that lasts longer.
        assert frames - 8 <= image.n_frames <= frames
    assert len(told) == frames
    assert steps is None or told[-1] == ("Sampling", steps, steps)


def test_the_last_frame_is_the_still_picture(tmp_path: Path, model: Path) -> None:
    for name in ("a.png", "a.gif"):
        draw_samples(model, tmp_path / name, SampleSettings(number=4, steps=9))
    with Image.open(tmp_path / "a.gif") as image:
        image.seek(image.n_frames - 1)
        image.convert("L").save(tmp_path / "last.png")
    assert_shown(cells(tmp_path / "last.png", 2), cells(tmp_path / "a.png", 2))


def test_the_shape_is_the_files_or_a_square_or_asked_for(tmp_path: Path, model: Path) -> None:
    draw_samples(model, tmp_path / "a.png", SampleSettings(number=1, steps=2, image_shape=(2, 6)))
    with Image.open(tmp_path / "a.png") as image:
        assert (image.width - 2) / 6 == (image.height - 2) / 2
    other = tmp_path / "other.safetensors"
    save_dbn(other, DBN.from_sizes([9, 2], Random(0)))
    draw_samples(other, tmp_path / "b.png", SampleSettings(number=1, steps=2))
    with Image.open(tmp_path / "b.png") as image:
        assert image.width == image.height
    save_dbn(other, DBN.from_sizes([12, 2], Random(0)))
    with pytest.raises(
        SettingsError, match=r"sees 12 values and no shape of its images is known: give .* --shape 28x28"
    ):
        draw_samples(other, tmp_path / "c.png", SampleSettings(number=1, steps=2))
    with pytest.raises(SettingsError, match="sees 12 values and 5x5 is another number"):
        draw_samples(model, tmp_path / "c.png", SampleSettings(image_shape=(5, 5)))


@pytest.mark.parametrize("shape", [None, (12,), (1, 12)])
@pytest.mark.parametrize("task", ["fantasies", "chains", "inpainting", "interpolation"])
@pytest.mark.parametrize("ending", ["png", "gif"])
def test_a_vector_is_a_row_of_pixels(tmp_path: Path, shape: tuple[int, ...] | None, task: str, ending: str) -> None:
    vectors = tmp_path / "vectors.safetensors"
    save_dbn(vectors, DBN.from_sizes([12, 6], Random(0)), image_shape=[12])
    settings = SampleSettings(task, number=4, steps=3, image_shape=shape)
    draw_samples(vectors, tmp_path / f"v.{ending}", settings, IMAGES)
    with Image.open(tmp_path / f"v.{ending}") as picture:
        lines = {"fantasies": 2, "chains": 2, "inpainting": 3, "interpolation": 4}[task]
        columns = {"fantasies": 2, "interpolation": 5 if ending == "png" else 3}.get(task, 4)
        scale = (picture.height - 1) // lines - 1
        assert picture.size == (columns * (12 * scale + 1) + 1, lines * (scale + 1) + 1)


@pytest.mark.parametrize("units", [Gaussian(12), ReLU(12), Joint(Gaussian(6), Bernoulli(6))])
@pytest.mark.parametrize("ending", ["png", "gif"])
def test_values_without_bounds_are_shown_from_the_lowest_to_the_highest(
    tmp_path: Path, units: Units, ending: str
) -> None:
    values = Random(0).normal((50, 12), 9.0).abs_().add_(50)
    dbn = DBN.from_units([units, Bernoulli(4)], Random(0), weight_std=0.3)
    standardise(dbn, TensorSource(values))
    save_dbn(tmp_path / "real.safetensors", dbn, image_shape=[3, 4])
    out, every = tmp_path / f"f.{ending}", 9 if ending == "png" else 1
    draw_samples(tmp_path / "real.safetensors", out, SampleSettings(number=4, steps=9))
    with Image.open(out) as picture:
        picture.seek(getattr(picture, "n_frames", 1) - 1)
        picture.convert("L").save(tmp_path / "last.png")
    last = cells(tmp_path / "last.png", 2).flatten(0, 1)
    random = Random(0, "sampling")
    frames = torch.stack(list(fantasy_frames(load_dbn(tmp_path / "real.safetensors"), 4, random, 9, every=every)))
    expected = (frames[-1] - frames.min()) / (frames.max() - frames.min())
    assert_shown(last, torch.where(last.isnan(), math.nan, expected))  # one may be as grey as the lines
    assert last.nan_to_num(0.4).std() > 0.05


def test_a_picture_of_nothing_but_one_value_is_drawn(tmp_path: Path) -> None:
    dbn = DBN.from_units([Gaussian(4), Bernoulli(2)], Random(0))
    standardise(dbn, TensorSource(torch.full((5, 4), -3.0)))
    save_dbn(tmp_path / "flat.safetensors", dbn)
    assert draw_samples(tmp_path / "flat.safetensors", tmp_path / "f.png", SampleSettings(number=2, steps=2)) == 1


@pytest.mark.parametrize("name", PARTS)
def test_parts_are_about_half_of_the_image_or_the_middle(name: str) -> None:
    known = known_part(name, (28, 28), Random(0))
    assert known.shape == (784,)
    share = {"centre": 0.25, "border": 0.75}.get(name, 0.5)
    assert known.double().mean() == pytest.approx(share, abs=0.05 if name == "random" else 0)
    corner = {"top": (True, True, False, False), "right": (False, True, False, True), "border": (True,) * 4}
    if name in corner:
        assert known[[0, 27, 756, 783]].tolist() == list(corner[name])


def test_opposite_parts_share_nothing_and_tiny_images_have_none() -> None:
    for one, other in (("top", "bottom"), ("left", "right"), ("centre", "border")):
        assert not (known_part(one, (5, 7), Random(0)) & known_part(other, (5, 7), Random(0))).any()
    with pytest.raises(SettingsError, match="top is no part of a 1x7 image"):
        known_part("top", (7,), Random(0))
    with pytest.raises(SettingsError, match="there is no part 'middle'"):
        known_part("middle", (7, 7), Random(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"number": 0}, "number is at least 1, not 0"),
        ({"columns": -1}, "columns is at least 1, not -1"),
        ({"known": "top"}, "give --known with --inpaint"),
        ({"task": "inpainting", "known": "middle"}, "there is no part 'middle' of an image: give one of top, bottom"),
        ({"candidates": 2}, "give --candidates with --labels"),
        ({"items": (1, 2)}, "items choose the images of --from"),
        ({"task": "chains", "items": (1,), "number": 3}, "leave --number out"),
        ({"task": "interpolation", "items": (1, 2, 3)}, "need pairs of items, not 3"),
        ({"task": "interpolation", "samples": True}, "no samples"),
        ({"number": 10_001}, "number is at most 10,000, not 10,001"),
        ({"task": "classes", "columns": 3}, "leave columns and items out"),
        ({"task": "classes", "items": (1,)}, "leave columns and items out"),
    ],
)
def test_settings_without_meaning_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        SampleSettings(**settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (SampleSettings("chains", items=(9,)), "there are images 0 to 8: give items among these"),
        (SampleSettings("chains", items=(-1,)), "there are images 0 to 8: give items among these"),
        (SampleSettings("chains", items=(10**20,)), "there are images 0 to 8: give items among these"),
        (SampleSettings("chains", image_shape=(-3, -4)), "-3x-4 is another number"),
        (SampleSettings(image_shape=(1, 3, 4)), "1x3x4 is no height and width"),
        (
            SampleSettings(number=9000, columns=1, steps=2),
            "the picture would be 5x36000 pixels, more than 16,384 a side",
        ),
        (SampleSettings("chains", number=10), r"10 images are needed, and there are 9: give more, or less --number"),
        (SampleSettings("interpolation", number=5), r"10 images are needed, and there are 9"),
        (SampleSettings("interpolation", steps=1), "needs at least 2 steps"),
    ],
)
def test_images_that_are_not_there_are_refused(
    tmp_path: Path, model: Path, settings: SampleSettings, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        draw_samples(model, tmp_path / "a.png", settings, IMAGES)
    assert not (tmp_path / "a.png").exists()


def test_images_of_another_size_and_other_endings_are_refused(tmp_path: Path, model: Path) -> None:
    other = Images(torch.rand(9, 15), 1.0)
    with pytest.raises(SettingsError, match="the DBN sees 12 values, the images have 15: make them equal"):
        draw_samples(model, tmp_path / "a.png", SampleSettings("inpainting"), other)
    with pytest.raises(SettingsError, match="inpainting needs images"):
        draw_samples(model, tmp_path / "a.png", SampleSettings("inpainting"))
    with pytest.raises(SettingsError, match=r"not a\.jpg: give one of these endings"):
        draw_samples(tmp_path / "no model", tmp_path / "a.jpg", SampleSettings())
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(SettingsError, match=r"folder\.png is a folder: give the name of a file"):
        draw_samples(model, tmp_path / "folder.png", SampleSettings())


def test_data_are_named_for_one_task() -> None:
    assert task_of() == ("fantasies", None)
    assert task_of(inpainting="digits") == ("inpainting", "digits")
    with pytest.raises(SettingsError, match="give one of them"):
        task_of(chains="digits", interpolation="digits")


def test_classes_are_drawn_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "labelled.safetensors"
    save_labelled_dbn(path, LabelledDBN.from_sizes([12, 5, 4], 3, Random(0)), image_shape=[3, 4])
    assert draw_samples(path, tmp_path / "c.gif", SampleSettings("classes", number=2, steps=4)) == 4
    for name, more in {"c.png": {}, "s.png": {"samples": True}, "k.png": {"candidates": 9}}.items():
        settings = SampleSettings("classes", number=5, steps=4, labels=(2, 0), **more)
        assert draw_samples(path, tmp_path / name, settings) == 1
    assert len({(tmp_path / name).read_bytes() for name in ("c.png", "s.png", "k.png")}) == 3
    with Image.open(tmp_path / "c.png") as picture:
        assert picture.width > 2 * picture.height  # five in a line, two lines
    with pytest.raises(SettingsError, match=r"one is drawn, whose way is no film: give --out a \.png"):
        draw_samples(path, tmp_path / "k.gif", SampleSettings("classes", candidates=2))
    with pytest.raises(SettingsError, match="labels 0 to 2: give --labels among these"):
        draw_samples(path, tmp_path / "d.png", SampleSettings("classes", labels=(3,)))
    with pytest.raises(DeepBeliefError, match=r"holds a DBN with labels: .* --labels all`, .* load_labelled_dbn"):
        draw_samples(path, tmp_path / "d.png", SampleSettings())
    save_dbn(path, DBN.from_sizes([12, 5], Random(0)))
    with pytest.raises(
        DeepBeliefError, match=r"holds no DBN with labels: give a file such as .*/labelled\.safetensors"
    ):
        draw_samples(path, tmp_path / "d.png", SampleSettings("classes"))
