"""Figures, histograms and pictures of a training for TensorBoard."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.arrays import TensorLike
from deepbelief.errors import DataError, DeepBeliefError, SettingsError
from deepbelief.insight import scaled_alike, scaled_each, weights_to_pixels
from deepbelief.learning.course import AnyRecord
from deepbelief.models import DBN, RBM
from deepbelief.watching.figures import figures_of, place_of

_PICTURES: Final = 64  # of each kind at most
_LINE: Final = 0.6  # grey of the lines between pictures


@final
class TensorBoardLog:
    """The log of one training, for `follow`: event files that `tensorboard --logdir FOLDER` shows while it runs.

    The figures of each record are scalars at its epoch; each layer of a DBN is a run of its own, in the folder
    `layer_N`. `look` adds what cannot be seen in figures. Where a training goes on after an interruption, TensorBoard
    forgets what it had of the epochs that are learnt again.

    Args:
        folder: where; made if it is not there.
        image_shape: (height, width) of an item as a picture, or (width,); by default a square, or a single row if it
            makes none. Values after those of the picture, such as a label's, are left out.

    Raises:
        DeepBeliefError: TensorBoard is not installed.
        SettingsError: no picture has that shape.

    >>> import tempfile
    >>> from deepbelief import DBN, Pretraining, RBMSettings
    >>> from deepbelief.watching import follow
    >>> dbn, items = DBN.from_sizes([4, 2], 0), [[0.0, 1.0, 1.0, 0.0]]
    >>> training = Pretraining(dbn, items, RBMSettings(epochs=2, persistent_chains=5))
    >>> with tempfile.TemporaryDirectory() as folder, TensorBoardLog(folder) as log:
    ...     for record in follow(training, log):
    ...         log.look(record, dbn, items, training.chains)
    """

    def __init__(self, folder: Path | str, image_shape: Sequence[int] | None = None) -> None:
        if image_shape is not None and not (len(image_shape) in (1, 2) and min(image_shape) > 0):
            raise SettingsError(f"image_shape is (height, width) or (width,), not {image_shape}.")
        self._folder, self._shape, self._make = Path(folder), image_shape, summary_writer()
        self._writers: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        with self._naming():
            for writer in self._writers.values():
                writer.close()
        self._writers = {}

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """The writers' `OSError`s name no file: let them name the folder."""
        try:
            yield
        except OSError as error:
            error.filename = error.filename or str(self._folder)
            raise

    def begin(self, records: Sequence[AnyRecord]) -> None:
        """The training begins, or goes on after these records."""
        self._close()

    def write(self, record: AnyRecord) -> None:
        """An epoch is over."""
        with self._naming():
            writer = self._writer(record)
            for name, value in figures_of(record).items():
                writer.add_scalar(name, value, record.epoch)
            writer.flush()

    def _writer(self, record: AnyRecord) -> Any:
        """The writer of the record's layer, which begins at its epoch, and takes back what is there from then on."""
        layer = place_of(record).get("layer")
        run = self._folder if layer is None else self._folder / f"layer_{layer}"
        if str(run) not in self._writers:
            self._writers[str(run)] = self._make(str(run), purge_step=record.epoch)
        return self._writers[str(run)]

    @torch.no_grad()
    def look(
        self, record: AnyRecord, model: RBM | DBN, items: TensorLike, chains: Mapping[int, Tensor] | None = None
    ) -> None:
        """Show a model as it is after an epoch: of the record's layer, or of all layers if it names none,

        - `weights` and `activities`, the hidden means of some items: histograms;
        - `receptive_fields`, the weights to the pixels of the first 64 units: each by itself, 0 in grey;
        - `chains`, where the first 64 Markov chains are, as the layers below make an item of it.

        Args:
            record: of the epoch.
            model: what learns.
            items: some of its data, (n, width), as the model sees them.
            chains: by the number of their layer, as `training.chains` gives them.

        Raises:
            SettingsError: items or layers are others than the model's, or items smaller than the pictures.
            DataError: there are no items, or they or the weights are not finite.
        """
        dbn, only = model if isinstance(model, DBN) else DBN([model]), place_of(record).get("layer")
        with self._naming():
            for layer in range(1, len(dbn) + 1) if only is None else [only]:
                self._look_at(layer, record, dbn, items, chains or {})
            self._writer(record).flush()

    def _look_at(
        self, layer: int, record: AnyRecord, dbn: DBN, items: TensorLike, chains: Mapping[int, Tensor]
    ) -> None:
        writer = self._writer(record)
        writer.add_histogram(f"weights/layer_{layer}", _finite(dbn.layer(layer).weights, "weights"), record.epoch)
        writer.add_histogram(f"activities/layer_{layer}", _finite(dbn.encode(items, layer), "activities"), record.epoch)
        pictures = {"receptive_fields": scaled_each(weights_to_pixels(dbn, layer)[:_PICTURES])}
        if layer in chains:
            pictures["chains"] = _grey(dbn, dbn.decode(chains[layer][:_PICTURES], layer - 1))
        for name, values in pictures.items():
            images = self._images(_array(values))
            writer.add_images(f"{name}/layer_{layer}", images, record.epoch, dataformats="NHWC")

    def _images(self, values: NDArray[Any]) -> NDArray[Any]:
        """(n, width) values from 0 to 1 as pictures with a line below and on the right, (n, height, width, 1)."""
        width = values.shape[1]
        side = math.isqrt(width)
        height, long = (1, *(self._shape or ((side, side) if side * side == width else (width,))))[-2:]
        if height * long > width:
            raise SettingsError(
                f"items of {width} values make no pictures of {height}x{long}: give another image_shape."
            )
        images = values[:, : height * long].reshape(-1, height, long, 1)
        return np.pad(images, ((0, 0), (0, 1), (0, 1), (0, 0)), constant_values=_LINE)


def summary_writer() -> Any:
    """PyTorch's writer of event files.

    Raises:
        DeepBeliefError: TensorBoard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise DeepBeliefError(
            'TensorBoard is not installed: install it with pip install "deepbelief[tensorboard]".'
        ) from None
    return SummaryWriter


def _array(values: Tensor) -> NDArray[Any]:
    return values.float().cpu().numpy()


def _finite(values: Tensor, what: str) -> NDArray[Any]:
    if not values.numel() or not values.isfinite().all():
        raise DataError(
            f"the {what} to show are none or not finite: give finite items, and a model that has not diverged."
        )
    return _array(values)


def _grey(dbn: DBN, values: Tensor) -> Tensor:
    """Values of visible units from 0 to 1; those that may be larger on the scale of all of them."""
    return values if dbn.layer(1).visible.highest <= 1 else scaled_alike(values)
