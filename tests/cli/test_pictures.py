"""Pictures as a reader of the files finds them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from deepbelief.cli.pictures import grid, write_picture
from deepbelief.errors import SettingsError

LINE = 96


def test_a_grid_holds_every_pixel_of_every_image() -> None:
    images = np.linspace(0, 1, 5 * 6).reshape(5, 6)
    picture = grid(images, (2, 3), columns=3)
    assert picture.dtype == np.uint8
    assert picture.shape == (7, 13)
    for number, image in enumerate(images):
        top, left = 1 + number // 3 * 3, 1 + number % 3 * 4
        np.testing.assert_array_equal(picture[top : top + 2, left : left + 3], np.rint(image * 255).reshape(2, 3))
    assert (picture[::3] == LINE).all()
    assert (picture[:, ::4] == LINE).all()
    assert (picture[4:6, 9:12] == LINE).all()  # no sixth image


def test_pixels_grow_and_lines_do_not() -> None:
    picture = grid(np.array([[0.0, 1.0]]), (1, 2), columns=1, scale=3)
    assert picture.shape == (5, 8)
    np.testing.assert_array_equal(picture[1:4, 1:7], np.repeat([[0] * 3 + [255] * 3], 3, axis=0))


def test_values_outside_are_clipped_and_nothing_looks_like_a_line() -> None:
    picture = grid(np.array([[-3.0, 7.0, np.nan, np.inf]]), (4,), columns=5)
    assert picture.tolist() == [[LINE] * 6, [LINE, 0, 255, LINE, 255, LINE], [LINE] * 6]


@pytest.mark.parametrize(
    ("images", "shape"), [(np.zeros((2, 5)), (2, 3)), (np.zeros((0, 6)), (2, 3)), (np.zeros(6), (2, 3))]
)
def test_images_of_another_shape_are_refused(images: np.ndarray, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match=r"images of shape 2x3 cannot be made of an array of shape \("):
        grid(images, shape, 3)


def frames(n: int) -> list[np.ndarray]:
    return [np.full((4, 6), 40 * number, dtype=np.uint8) for number in range(n)]


@pytest.mark.parametrize("ending", [".gif", ".apng", ".GIF"])
def test_animations_come_back_frame_by_frame(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"way{ending}"
    write_picture(path, frames(5), milliseconds=50)
    with Image.open(path) as image:
        assert image.size == (6, 4)
        assert image.info["loop"] == 0
        found = [(np.asarray(frame.convert("L")), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
    assert [duration for _, duration in found] == [50] * 4 + [1500]
    for (picture, _), expected in zip(found, frames(5), strict=True):
        np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("ending", [".png", ".gif", ".apng"])
def test_one_frame_is_a_still_picture_and_a_png_shows_the_last(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"new folder/picture{ending}"
    write_picture(path, frames(4) if ending == ".png" else frames(4)[-1:])
    with Image.open(path) as image:
        assert getattr(image, "n_frames", 1) == 1
        np.testing.assert_array_equal(np.asarray(image.convert("L")), frames(4)[-1])
    assert list(path.parent.iterdir()) == [path]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"as \.png, \.gif, \.apng, not picture\.jpg: give one of these endings"):
        write_picture(tmp_path / "picture.jpg", frames(1))
    assert not list(tmp_path.iterdir())
