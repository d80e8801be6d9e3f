"""Reads a folder of images: a folder for each class inside it, or the images alone."""

from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from deepbelief.errors import DataError, one_line

_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm")
_MORE_THAN_8_BITS: Final = ("I", "F", "I;16", "I;16B", "I;16L")  # Pillow's modes of grey images


class ImageFolder(NamedTuple):
    """``pixels``: grey, (images, height, width) uint8. ``labels``: the class of each, or None."""

    pixels: NDArray[np.uint8]
    labels: list[str] | None


def read_image_folder(folder: Path) -> ImageFolder:
    """Read all images of a folder as grey ones, in the order of `image_files`.

    Raises:
        DataError: as `image_files` says, or an image cannot be read or has another size than the first.
    """
    paths, labels = image_files(folder)
    images = [_grey(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            sizes = ["x".join(map(str, one.shape)) for one in (image, images[0])]
            raise DataError(f"{path} is of size {sizes[0]}, and {paths[0]} of {sizes[1]}: make all images one size.")
    return ImageFolder(np.stack(images), labels)


def image_files(folder: Path) -> tuple[list[Path], list[str] | None]:
    """The images of a folder and the class of each (None without classes), in the order of their names.

    The folders inside it are the classes, called as they are; or all images lie in the folder itself, without labels.
    Other files, and what is hidden, is passed over.

    Raises:
        DataError: there is no image, or images are both in the folder and in folders inside it.
    """
    here = _images(folder)
    classes = {inside.name: _images(inside) for inside in sorted(folder.iterdir()) if _is_class(inside)}
    found = [(path, name) for name, paths in classes.items() for path in paths]
    if here and found:
        raise DataError(
            f"{folder} has images in it, such as {here[0].name}, and others in folders, such as {found[0][0]}: put "
            "each into the folder of its class, or all of them into one folder."
        )
    paths = here or [path for path, _ in found]
    if not paths:
        raise DataError(f"{folder} has no images; give a folder of images ({', '.join(_ENDINGS)}).")
    return paths, None if here else [name for _, name in found]


def holds_images(folder: Path) -> bool:
    """Whether a folder has images in it, or folders with images."""
    return bool(_images(folder) or any(_images(inside) for inside in folder.iterdir() if _is_class(inside)))


def _is_class(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _images(folder: Path) -> list[Path]:
    files = (path for path in folder.iterdir() if path.suffix.lower() in _ENDINGS and not path.name.startswith("."))
    return sorted(path for path in files if path.is_file())


def _grey(path: Path) -> NDArray[np.uint8]:
    """Height and width as in an array."""
    try:
        with Image.open(path) as image:
            if image.mode in _MORE_THAN_8_BITS:
                raise DataError(f"{path} has more than 8 bits a pixel: save it with 8, or as an array of uint16.")
            return np.asarray(image.convert("L"))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} is no image that can be read ({one_line(str(error))}): replace or remove it."
        ) from None
