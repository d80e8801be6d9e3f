"""Pictures of many small grey images, and animations, as files."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from deepbelief.errors import SettingsError
from deepbelief.system.atomic import write_atomically

ENDINGS: Final = (".png", ".gif", ".apng")
"""The endings of files that `write_picture` writes: one image, and two kinds of animation."""

_LINE: Final = 96  # grey of the lines between images, distinct from black and white
_PAUSE: Final = 1500  # milliseconds on the last image of an animation, before it repeats

Picture = NDArray[np.uint8]


def grid(
    images: NDArray[Any],
    image_shape: Sequence[int],
    columns: int,
    scale: int = 1,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Picture:
    """Images (n, width) in rows of `columns`, as one grey picture with lines of one pixel between and around them.

    Values are taken as grey from `bounds[0]` (black) to `bounds[1]` (white); those outside are clipped, and NaN, where
    there is nothing, is drawn as the lines are. Each pixel becomes `scale` x `scale`. An image of shape (w,) is drawn
    as a row of pixels.

    Raises:
        SettingsError: the images do not have that shape, or there is none.

    >>> grid(np.zeros((5, 6)), (2, 3), columns=3).shape
    (7, 13)
    """
    height, width = (1, *image_shape)[-2:]
    if images.ndim != 2 or not len(images) or len(image_shape) not in (1, 2) or images.shape[1] != height * width:
        shape = "x".join(map(str, image_shape))
        raise SettingsError(f"images of shape {shape} cannot be made of an array of shape {images.shape}.")
    rows, columns = -(-len(images) // columns), min(columns, len(images))
    shades = np.clip((np.nan_to_num(images) - bounds[0]) / (bounds[1] - bounds[0]), 0, 1) * 255
    grey = np.where(np.isnan(images), _LINE, np.rint(shades)).astype(np.uint8)
    grey = grey.reshape(-1, height, width).repeat(scale, axis=1).repeat(scale, axis=2)
    high, wide = height * scale + 1, width * scale + 1
    picture = np.full((rows * high + 1, columns * wide + 1), _LINE, dtype=np.uint8)
    for number, image in enumerate(grey):
        top, left = number // columns * high + 1, number % columns * wide + 1
        picture[top : top + high - 1, left : left + wide - 1] = image
    return picture


def check_ending(path: Path) -> None:
    """`SettingsError` if no picture can be written to a file of this name."""
    if path.suffix.lower() not in ENDINGS:
        raise SettingsError(
            f"pictures are written as {', '.join(ENDINGS)}, not {path.name}: give one of these endings."
        )
    if path.is_dir():
        raise SettingsError(f"{path} is a folder: give the name of a file.")


def write_picture(path: Path, frames: Sequence[Picture], milliseconds: int = 80) -> None:
    """Write a .png of the last frame, or a repeating .gif or .apng of all, `milliseconds` for each.

    Raises:
        SettingsError: the file's name has another ending.
    """
    check_ending(path)
    images, ending = [Image.fromarray(frame) for frame in frames], path.suffix.lower()
    content, kind = io.BytesIO(), "GIF" if ending == ".gif" else "PNG"
    if ending == ".png" or len(images) == 1:
        images[-1].save(content, kind, optimize=True)
    else:
        durations = [milliseconds] * (len(images) - 1) + [_PAUSE]
        images[0].save(content, kind, save_all=True, append_images=images[1:], duration=durations, loop=0)
    write_atomically(path, content.getvalue())
