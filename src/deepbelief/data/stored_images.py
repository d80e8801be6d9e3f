"""Images that stay in their files, with labels in memory."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import torch

from deepbelief.data.dataset import Images
from deepbelief.data.image_source import ImageSource
from deepbelief.data.order import Runs
from deepbelief.data.source import Reader, Rows, take
from deepbelief.data.stored_rows import StoredRows


@final
@dataclass(frozen=True, eq=False)
class StoredImages(ImageSource):
    """Images in files, or some of them, which are read when they are asked for; see `StoredRows`.

    ``rows``: the files.
    ``labels``: (n,) int64, or None.
    ``real``: whether the values are real numbers of any finite size.
    ``places``: which rows of the files they are, (n,) int64; None: all.
    ``device``: where batches are given.
    """

    rows: StoredRows
    labels: torch.Tensor | None = None
    real: bool = False
    places: torch.Tensor | None = None
    device: torch.device | str = "cpu"

    def __len__(self) -> int:
        return len(self.rows) if self.places is None else len(self.places)

    @property
    def width(self) -> int:
        """Number of pixels per image."""
        return self.rows.width

    @property
    def maximum(self) -> float:  # type: ignore[override]  # it follows from the files
        """The stored value that means 1: 255 for 8-bit images, else 1."""
        return self.rows.maximum if self.rows.is_uint8 else 1.0

    @cached_property
    def runs(self) -> Runs | None:
        """Which images are cheap to read together; None where they are in another order than in the files."""
        of_all = self.rows.runs
        if self.places is None:
            return of_all
        if not (self.places.diff() > 0).all():
            return None
        starts = torch.searchsorted(self.places, of_all.starts)
        return Runs(starts[starts.diff(append=starts[-1:] + 1) > 0], of_all.window)

    def expect(self, order: torch.Tensor) -> None:
        """Begins to read in a thread what comes first."""
        self.rows.expect(order if self.places is None else self.places[order])

    def batch(self, rows: Rows) -> torch.Tensor:
        """The images at ``rows`` as (batch, width) float32, in [0, 1] unless they are real."""
        return self.rows.batch(self._in_files(rows)).to(self.device, torch.float32)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to ``size`` images, which takes what has been read ahead."""
        read = self.rows.reader(size, dtype)
        return lambda rows: read(self._in_files(rows)).to(self.device)

    def stored(self, rows: Rows) -> torch.Tensor:
        """The images at ``rows`` as `Images` keeps them, (batch, width): uint8, or float32 that `batch` gives, too."""
        found = self.rows.stored(self._in_files(rows))
        return found if self.rows.is_uint8 else found.to(torch.float32).div_(self.rows.maximum)

    def subset(self, rows: torch.Tensor) -> "StoredImages":
        """The images at the integer positions ``rows`` (batch,), with their labels, in that order."""
        places = rows.cpu() if self.places is None else take(self.places, rows)
        return replace(self, places=places, labels=None if self.labels is None else take(self.labels, rows))

    def to(self, device: torch.device | str) -> "StoredImages":
        """The same images, whose batches are on another device."""
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, labels=labels, device=device)

    def loaded(self) -> Images:
        """The same images in memory."""
        return Images(self.stored(slice(0, len(self))).to(self.device), self.maximum, self.labels, self.real)

    def _in_files(self, rows: Rows) -> Rows:
        return rows if self.places is None else take(self.places, rows)
