"""Images with their labels, wherever they are: in memory or in files."""

from abc import abstractmethod
from typing import TYPE_CHECKING

import torch

from deepbelief.data.source import Rows, Source, in_batches
from deepbelief.errors import DataError

if TYPE_CHECKING:
    from deepbelief.data.dataset import Images

_LOOKED_AT = 1000  # images at a time


class ImageSource(Source):
    """Images with optional labels, (n,) int64 in memory, and how their values are stored."""

    labels: torch.Tensor | None
    maximum: float
    """The stored value that means 1."""
    real: bool
    """Whether the values are real numbers of any size, rather than grey values from 0 to 1."""

    @abstractmethod
    def stored(self, rows: Rows) -> torch.Tensor:
        """The images at ``rows`` as `Images` keeps them, (batch, width): uint8 or float32, up to `maximum`."""

    @abstractmethod
    def subset(self, rows: torch.Tensor) -> "ImageSource":
        """The images at the integer positions ``rows`` (batch,), with their labels, in that order."""

    @abstractmethod
    def to(self, device: torch.device | str) -> "ImageSource":
        """The same images, whose batches are on another device."""

    @abstractmethod
    def loaded(self) -> "Images":
        """The same images in memory."""

    @property
    def missing(self) -> float:
        """Nothing: images are made of finite values."""
        return 0.0

    def required_labels(self) -> torch.Tensor:
        """The labels, (n,) int64; `DataError` if there are none."""
        if self.labels is None:
            raise DataError("these images have no labels; give a data set with labels.")
        return self.labels

    @property
    def strata(self) -> torch.Tensor:
        """What a random choice among the images is stratified by, (n,) int64: labels, or zeros if there are none."""
        return torch.zeros(len(self), dtype=torch.int64) if self.labels is None else self.labels

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value of a batch; all images are looked at for it."""
        ends = torch.stack([torch.stack(batch.aminmax()) for batch in in_batches(self, _LOOKED_AT)])
        return float(ends[:, 0].min()), float(ends[:, 1].max())

    def set_aside(self, kept: torch.Tensor, aside: torch.Tensor) -> tuple["ImageSource", "Images"]:
        """The images at the positions ``kept``, and those at ``aside`` in memory.

        The former are in that order, or, where they are read from files, in the order in which they are there.
        """
        in_order = kept if self.runs is None else kept.sort().values
        return self.subset(in_order), self.subset(aside).loaded()
