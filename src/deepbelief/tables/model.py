"""A DBN that has learnt from a table, with the table's columns, and what it does with new rows."""

from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from deepbelief.data import Column, Columns, UserTable
from deepbelief.data.columns import TableLike
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.views import encode_source
from deepbelief.randomness import Random
from deepbelief.sampling import fantasies, impute, impute_by_mean_field

_BATCH: Final = 2000  # rows at a time


@final
@dataclass(frozen=True, eq=False)
class TableModel:
    """What `train_table` gives.

    ``dbn`` sees rows as ``columns`` encodes them. ``label`` is the column of labels and ``classifier`` a network from
    rows without missing cells to logits of its values, if there were labels. ``image_shape`` is height and width where
    rows are images.
    """

    dbn: DBN
    columns: Columns
    label: Column | None = None
    classifier: FeedForward | None = None
    image_shape: tuple[int, int] | None = None

    def rows(self, table: TableLike) -> Tensor:
        """The rows of a table as the DBN sees them, (n, width), NaN where a cell is missing.

        Raises:
            DataError: a column is missing, or a cell is not what was learnt; see `Columns.encode`.
        """
        return torch.from_numpy(self.columns.encode(table)).to(self.dbn.layer(1).weights)

    def encode(self, table: TableLike, layer: int | None = None) -> Tensor:
        """The means of a hidden layer (None: the top one), (n, units)."""
        return encode_source(self.dbn, self.rows(table), layer)

    @torch.no_grad()
    def probabilities(self, table: TableLike) -> Tensor:
        """The probability of each class, (n, classes); missing cells are filled in by their mean field.

        Raises:
            SettingsError: it was trained without labels.
        """
        if self.classifier is None:
            raise SettingsError("this model was trained without labels: train one with them, and then classify.")
        parts = torch.split(filled_in(self.dbn, self.rows(table)), _BATCH)
        return torch.cat([self.classifier(part).softmax(dim=1) for part in parts])

    def missing_cells(self, table: UserTable) -> int:
        """How many cells of the model's columns are missing."""
        rows = self.rows(table.cells).cpu().numpy()
        return sum(int(np.isnan(block[:, 0]).sum()) for _, block in self.columns.blocks(rows))

    def impute(self, table: UserTable, random: Random, steps: int, *, samples: bool) -> UserTable:
        """The table with all missing cells of the model's columns filled in; all other cells are as they were.

        Arguments are those of `deepbelief.sampling.impute`.
        """
        rows = self.rows(table.cells)
        incomplete = rows.isnan().any(dim=1).cpu().numpy()
        if not incomplete.any():
            return table
        known = rows[torch.from_numpy(incomplete)]
        made = self.columns.decode(impute(self.dbn, known, random, steps, samples=samples).cpu().numpy())
        cells = dict(table.cells)
        for column, block in self.columns.blocks(known.cpu().numpy()):
            if (missing := np.isnan(block[:, 0])).any():
                places = incomplete.nonzero()[0][missing]
                cells[column.name] = _with(cells[column.name], places, made[column.name][missing], table.are_text)
        return replace(table, cells=cells)

    def sample(self, number: int, random: Random, steps: int) -> dict[str, NDArray[Any]]:
        """New rows that the DBN makes up: samples at the ends of annealed chains, see `fantasies`."""
        made = fantasies(self.dbn, number, random, steps, samples=True)
        return self.columns.decode(made.cpu().numpy())

    def to(self, device: torch.device | str) -> "TableModel":
        """The same model, with its networks on another device."""
        classifier = None if self.classifier is None else self.classifier.to(device)
        return TableModel(self.dbn.to(device), self.columns, self.label, classifier, self.image_shape)


def _with(cells: NDArray[Any], places: NDArray[Any], values: NDArray[Any], as_text: bool) -> NDArray[Any]:
    """A copy of the cells with these values at these places."""
    full = cells.copy() if cells.dtype.kind == "f" else cells.astype(object)
    full[places] = [str(value) for value in values] if as_text else values
    return full


def filled_in(dbn: DBN, rows: Tensor) -> Tensor:
    """Rows whose missing values are the mean field of the known ones: what a classifier learns from and sees."""
    incomplete = rows.isnan().any(dim=1)
    if not incomplete.any():
        return rows
    full = rows.clone()
    full[incomplete] = impute_by_mean_field(dbn, rows[incomplete])
    return full
