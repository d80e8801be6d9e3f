"""Feature extraction: images -> the hidden means of a DBN's layer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from torch import Tensor

from deepbelief.atomic import replacing
from deepbelief.checkpoint import load_dbn
from deepbelief.checks import check_width
from deepbelief.data import Images, Reader, Rows, Source, SourceLike, as_source
from deepbelief.dbn import DBN
from deepbelief.errors import SettingsError

_BATCH: Final = 2048


@torch.no_grad()
def encode_source(dbn: DBN, source: SourceLike, layer: int | None = None) -> Tensor:
    """The means of a hidden layer (the top one if None) for everything in a source, (n, units), batch by batch.

    Args:
        dbn: the model.
        source: a `Source`, or numbers in memory: a tensor, NumPy array or list of lists, (n, width).
        layer: from 1.

    Returns:
        A tensor without gradients, in the model's type; `.numpy()` makes it an array.

    Raises:
        SettingsError: the data have another width than the DBN, or the layer is not there.
        DataError: the numbers are sparse, ragged, or of another shape.
    """
    items = as_source(source)
    check_width(items, dbn.layer(1).visible, "the DBN", "images")
    parameters, size = next(dbn.parameters()), min(_BATCH, max(1, len(items)))
    layer = len(dbn) if layer is None else layer
    read, climb = items.reader(size, parameters.dtype), _climber(dbn, layer, size)
    encoded = parameters.new_empty(len(items), dbn.layer(layer).hidden.size)
    for start in range(0, len(items), size):
        rows = slice(start, min(start + size, len(items)))
        climb(read(rows).to(parameters), encoded[rows])
    return encoded


def _climber(dbn: DBN, layer: int, size: int) -> Callable[[Tensor, Tensor], Tensor]:
    """`dbn.encode` of up to `size` items into a given tensor, without gradients; layers between have kept memory."""
    rbms = [dbn.layer(number) for number in range(1, layer + 1)]
    rooms = [rbm.weights.new_empty(size, rbm.hidden.size) for rbm in rbms[:-1]]

    @torch.no_grad()
    def climb(values: Tensor, out: Tensor) -> Tensor:
        if dbn.standardisation is not None:
            values = dbn.standardisation(values)
        for rbm, room in zip(rbms, [*rooms, out], strict=True):
            values = rbm.hidden.mean_(torch.mm(values, rbm.weights, out=room[: len(values)]))
        return values

    return climb


@final
@dataclass(frozen=True, eq=False)
class Encoded:
    """A hidden layer's means of a source as a `Source`: computed batch by batch when asked for, and never kept."""

    dbn: DBN
    source: Source
    layer: int

    def __len__(self) -> int:
        return len(self.source)

    @property
    def width(self) -> int:
        """Number of units of the layer."""
        return self.dbn.layer(self.layer).hidden.size

    @torch.no_grad()
    def batch(self, rows: Rows) -> Tensor:
        """The means of the items at ``rows``, (batch, units)."""
        return self.dbn.encode(self.source.batch(rows).to(next(self.dbn.parameters())), self.layer)

    def reader(self, size: int, dtype: torch.dtype) -> Reader:
        """A reader of batches of up to ``size`` items."""
        parameters = next(self.dbn.parameters())
        read, climb = self.source.reader(size, parameters.dtype), _climber(self.dbn, self.layer, size)
        room = parameters.new_empty(size, self.width)
        return lambda rows: climb(read(rows).to(parameters), room).to(dtype)


def encode_to_file(
    model: Path, images: Images, out: Path, layer: int | None = None, device: torch.device | str = "cpu"
) -> tuple[int, int]:
    """Write the features of images to a .npy file, or with their labels (if any) to a .npz file; returns the shape.

    Raises:
        SettingsError: `out` has another ending, the layer is not there, or the images have another size.
        DeepBeliefError: the model cannot be read.
    """
    if out.suffix not in (".npy", ".npz"):
        raise SettingsError(f"features are written as .npy or .npz, not {out.name}: give --out features.npy.")
    features = encode_source(load_dbn(model).to(device), images.to(device), layer).cpu().numpy()
    with replacing(out) as temporary, temporary.open("wb") as file:
        if out.suffix == ".npy":
            np.save(file, features)
        elif images.labels is None:
            np.savez(file, features=features)
        else:
            np.savez(file, features=features, labels=images.labels.numpy())
    rows, units = features.shape
    return rows, units
