"""Images and their labels."""

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, final

import numpy as np
import torch

from deepbelief.data.image_source import ImageSource
from deepbelief.data.source import Reader, Rows, take
from deepbelief.data.split import check_aside, split_rows
from deepbelief.errors import DataError

_HASHED: Final = 4096  # images at a time


@final
@dataclass(frozen=True, eq=False)
class Images(ImageSource):
    """Images with optional labels, kept as they were stored and scaled to [0, 1] one batch at a time.

    ``pixels``: (n, width), uint8 or float32, each from 0 to ``maximum``.
    ``maximum``: the pixel value that means 1.0: 255 for 8-bit images, 16 for digits, 1 for float images.
    ``labels``: (n,) int64, or None.
    ``real``: the pixels are real numbers of any finite size, float32, and are kept as they are (``maximum`` 1), for
    models whose visible units are real-valued.

    Raises `DataError` for other shapes, types or values.

    >>> images = Images(torch.tensor([[0, 51], [255, 102]], dtype=torch.uint8), 255, torch.tensor([3, 1]))
    >>> images.batch(slice(0, 2))
    tensor([[0.0000, 0.2000],
            [1.0000, 0.4000]])
    """

    pixels: torch.Tensor
    maximum: float
    labels: torch.Tensor | None = None
    real: bool = False

    def __post_init__(self) -> None:
        pixels = self.pixels
        if pixels.ndim != 2:
            raise DataError(f"images have the shape {tuple(pixels.shape)}; give one row per image: (images, values).")
        if pixels.dtype not in (torch.uint8, torch.float32):
            raise DataError(f"images have the type {pixels.dtype}; give torch.uint8 or torch.float32.")
        if self.real and (pixels.dtype != torch.float32 or self.maximum != 1):
            raise DataError(
                f"real values have the type {pixels.dtype} and the maximum {self.maximum:g}; "
                "give torch.float32 and the maximum 1."
            )
        if pixels.numel():
            self._check_range()
        if self.labels is not None:
            _check_labels(self.labels, len(pixels))

    def _check_range(self) -> None:
        low, high = (float(bound) for bound in self.pixels.aminmax())
        # Both are written so that NaN, which aminmax passes on, fails too.
        if self.real and not (math.isfinite(low) and math.isfinite(high)):
            raise DataError(f"values range from {low:g} to {high:g}; replace what is NaN or infinite.")
        if not self.real and not (low >= 0 and high <= self.maximum):
            raise DataError(
                f"pixels range from {low:g} to {high:g}; scale them so that all lie from 0 to {self.maximum:g}, "
                "or use a model of real-valued units (`visible = 'gaussian'` in a recipe, real=True in Python)."
            )

    def __len__(self) -> int:
        return len(self.pixels)

    @property
    def width(self) -> int:
        """Number of pixels per image."""
        return self.pixels.shape[1]

    def stored(self, rows: Rows) -> torch.Tensor:
        """The pixels of the images at ``rows``, (batch, width), as they are stored."""
        return take(self.pixels, rows)

    def batch(self, rows: Rows) -> torch.Tensor:
        """The images at ``rows`` as (batch, width) float32, in [0, 1] unless they are real: pixels / maximum."""
        # .to before the division: uint8 / number would follow torch's global default type.
        return self.stored(rows).to(torch.float32) / self.maximum

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to ``size`` images: pixels / maximum, on the images' device."""
        raw, ready = self.pixels.new_empty(size, self.width), self.pixels.new_empty(size, self.width, dtype=dtype)

        def read(rows: Rows) -> torch.Tensor:
            stored = take(self.pixels, rows, raw)
            return ready[: len(stored)].copy_(stored).div_(self.maximum)

        return read

    def subset(self, rows: torch.Tensor) -> "Images":
        """The images at the integer positions ``rows`` (batch,), with their labels, in that order."""
        labels = None if self.labels is None else take(self.labels, rows)
        return replace(self, pixels=take(self.pixels, rows), labels=labels)

    def to(self, device: torch.device | str) -> "Images":
        """The same images on another device, still in their stored type."""
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, pixels=self.pixels.to(device), labels=labels)

    def loaded(self) -> "Images":
        """These images, which are in memory."""
        return self


@contextmanager
def located(where: Path) -> Iterator[None]:
    """Prefix the messages of `DataError`s with the file or folder that the data came from."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _check_labels(labels: torch.Tensor, images: int) -> None:
    if labels.ndim != 1 or labels.dtype != torch.int64:
        raise DataError(
            f"labels have the shape {tuple(labels.shape)} and type {labels.dtype}; give one torch.int64 per image."
        )
    if len(labels) != images:
        raise DataError(f"there are {images} images but {len(labels)} labels; give exactly one label per image.")


@final
@dataclass(frozen=True, eq=False)
class Dataset:
    """Images for training and for testing, with labels and names for the classes, or without any.

    Those for training may stay in files (see `load_array_folder`); all others are in memory.

    ``image_shape`` is (height, width) for pictures and (width,) for plain vectors; its product is the images' width.

    Raises `DataError` if a part is empty, if one has labels and the other none, if widths differ, or if a label names
    no class.

    >>> two = Images(torch.zeros(2, 4, dtype=torch.uint8), 255, torch.tensor([0, 1]))
    >>> Dataset("blank", two, two, (2, 2), ("left", "right")).train.width
    4
    """

    name: str
    train: ImageSource
    test: Images
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, images in (("training", self.train), ("test", self.test)):
            if not len(images) or not images.width:
                raise DataError(f"the {part} images are empty; give at least one image of at least one pixel.")
            if images.labels is None:
                if self.labelled or self.class_names:
                    raise DataError(f"the {part} images have no labels; give one label per image, or no labels at all.")
                continue
            low, high = (int(bound) for bound in images.labels.aminmax())
            if low < 0 or high >= len(self.class_names):
                raise DataError(
                    f"the {part} labels range from {low} to {high} but there are {len(self.class_names)} class names; "
                    "number the classes from 0 and name each of them."
                )
        if self.train.width != self.test.width:
            raise DataError(
                f"the training images have {self.train.width} values each but the test images {self.test.width}; "
                "give images of one size."
            )
        if self.train.real != self.test.real:
            kinds = {True: "real values", False: "grey values from 0 to 1"}
            raise DataError(
                f"the training images hold {kinds[self.train.real]} but the test images {kinds[self.test.real]}; "
                "give both of one kind."
            )
        if math.prod(self.image_shape) != self.train.width:
            raise DataError(
                f"the images have {self.train.width} values each, which does not fit the shape {self.image_shape}; "
                "give the shape of one image."
            )

    @property
    def labelled(self) -> bool:
        """Whether the images have labels."""
        return self.train.labels is not None or self.test.labels is not None

    @cached_property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value: 0 and 1 for images, those of the training part for real values."""
        if not self.train.real:
            return 0.0, 1.0
        return self.train.range

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over the shape and all pixels and labels: equal for equal data on every machine."""
        digest = hashlib.sha256(repr(self.image_shape).encode())
        for images in (self.train, self.test):
            kind, dtype = " real" if images.real else "", images.stored(slice(0, 1)).cpu().numpy().dtype
            digest.update(f"{dtype} {(len(images), images.width)} {images.maximum:g}{kind}".encode())
            for start in range(0, len(images), _HASHED):
                pixels = images.stored(slice(start, start + _HASHED)).cpu().numpy()
                # "<": the same bytes on machines of either byte order.
                digest.update(np.ascontiguousarray(pixels, dtype.newbyteorder("<")).data)
            if images.labels is not None:
                digest.update(np.ascontiguousarray(images.labels.cpu().numpy(), "<i8").data)
        return digest.hexdigest()

    def split(self, validation: int, seed: int) -> tuple[ImageSource, Images]:
        """Split the training images into (training, validation), stratified by class.

        ``validation`` images are held out, chosen by ``seed``, and are in memory; with 0, all training images stay, in
        their order.

        Raises `SettingsError` if this number cannot be set aside with every class on both sides.

        >>> images = Images(torch.zeros(6, 1), 1.0, torch.tensor([0, 1, 0, 1, 0, 1]))
        >>> train, validation = Dataset("six", images, images, (1,), ("a", "b")).split(validation=2, seed=0)
        >>> len(train), validation.labels.sort().values.tolist()
        (4, [0, 1])
        """
        kept, aside = self.split_rows(validation, seed)
        return (self.train, self.train.subset(aside).loaded()) if not len(aside) else self.train.set_aside(kept, aside)

    def split_rows(self, validation: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The positions of the images that `split` gives: those that stay, and those that are held out."""
        self.check_split(validation, seed)
        if validation == 0:
            return torch.arange(len(self.train)), torch.empty(0, dtype=torch.int64)
        return split_rows(self.train.strata, validation, seed)

    def check_split(self, validation: int, seed: int) -> None:
        """Raise the `SettingsError` of `split`, if there is one, without splitting."""
        check_aside(self.name, self.train.strata, validation, seed)
