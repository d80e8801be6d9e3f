"""Trains a DBN on a table, and a classifier where there are labels."""

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, final

import torch
from pydantic import Field
from torch import Tensor

from deepbelief.data import TensorSource
from deepbelief.data.split import split_rows
from deepbelief.data.stored_rows import StoredRows
from deepbelief.learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.resumption import Record, Resumable, resume, saving
from deepbelief.models.column_units import units_of_columns
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import encode_source, standardise
from deepbelief.progress import Progress
from deepbelief.randomness import Random
from deepbelief.settings import settings_dataclass
from deepbelief.system.processes import here
from deepbelief.tables.model import TableModel, filled_in
from deepbelief.tables.recognition import NO_LABEL, LearnableTable

_RATE: Final = {True: 0.1, False: 0.01}  # whether all visible units are bounded
_L2: Final = 1e-3  # of the read-out that fine-tuning starts from


@final
@settings_dataclass
class TableSettings:
    """How `train_table` learns.

    ``hidden``: units of each hidden layer. ``epochs``, ``batch_size``, ``learning_rate``: of each layer, see
    `RBMSettings`; the rate is 0.1, or 0.01 for real columns, if it is None. ``classifier_epochs``: of fine-tuning.
    ``held_out``: the share of the rows with a label on which its accuracy is measured, and from which it does
    not learn.
    """

    hidden: tuple[int, ...] = Field(default=(256, 256), min_length=1)
    epochs: int = Field(default=30, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    classifier_epochs: int = Field(default=20, ge=1)
    held_out: float = Field(default=0.1, ge=0, lt=1)


@final
class TableTraining:
    """Trains a `TableModel`, and keeps a record of it (JSON values).

    Args:
        table: what to learn from.
        settings: how.
        random: start of the weights, order of the rows and states of the units.
        progress: gets the layer, or the classifier, and counts epochs.

    Raises:
        SettingsError: the settings are impossible for these rows.
    """

    def __init__(
        self, table: LearnableTable, settings: TableSettings, random: Random, progress: Progress | None = None
    ) -> None:
        self._table, self._settings, self._random = table, settings, random
        self._progress = progress or (lambda *_: None)
        rows = table.rows
        self._rows: Tensor | StoredRows = rows.to(random.device) if isinstance(rows, Tensor) else rows
        visible = units_of_columns(table.columns)
        self._dbn = DBN.from_units([visible, *map(Bernoulli, settings.hidden)], random)
        if visible.are_real.any():
            standardise(self._dbn, self._rows)
        rate = settings.learning_rate or _RATE[visible.bounded]
        of_layers = [
            RBMSettings(epochs=settings.epochs, batch_size=settings.batch_size, learning_rate=each)
            for each in [rate] + [settings.learning_rate or _RATE[True]] * (len(settings.hidden) - 1)
        ]
        self._pretraining = Pretraining(self._dbn, self._rows, of_layers, random=random)
        self.record: dict[str, Any] = {"learnt_from": table.summary, "settings": asdict(settings)}
        """What was learnt from, how, and the course of it."""

    def run(self, checkpoints: Path | None = None) -> TableModel:
        """Train all layers without labels, and then the classifier.

        Args:
            checkpoints: a folder for them; where it has those of the same training, this goes on from there.

        Raises:
            DivergedError: a layer diverged.
            DeepBeliefError: a checkpoint is damaged.
        """
        self._checkpoints, self._started, table = checkpoints, time.perf_counter(), self._table
        errors: list[list[float]] = [[] for _ in self._settings.hidden]
        for record in self._resumed("layers", self._pretraining):
            self._progress(f"layer {record.layer} of {len(errors)}", record.epoch, self._settings.epochs)
        for record in self._pretraining.records:
            errors[record.layer - 1].append(record.monitors["reconstruction_error_unit"])
        self.record["reconstruction_errors"] = errors
        classifier = None if table.label is None else self._classifier(table.classes, len(table.label.values))
        self.record["seconds"] = round(self._seconds(), 1)
        return TableModel(self._dbn, table.columns, table.label, classifier, table.image_shape)

    def _resumed(self, name: str, training: Resumable[Record]) -> Iterator[Record]:
        """The records of what is left of a training, with checkpoints of this name if these are wanted."""
        if self._checkpoints is None:
            return training.epochs()
        path = self._checkpoints / f"{name}.safetensors"
        if here().first_says(path.exists()):
            self._started = min(self._started, time.perf_counter() - resume(path, training))
        return saving(path, training, training.epochs(), self._seconds)

    def _seconds(self) -> float:
        """How long the work has taken, without interruptions."""
        return time.perf_counter() - self._started

    @property
    def headline(self) -> str:
        """In one line what became of it, after `run`."""
        sizes = "-".join(map(str, self._dbn.sizes))
        found = [f"a DBN of {sizes} units", f"reconstruction error {self.record['reconstruction_errors'][0][-1]:.4f}"]
        if (classifier := self.record.get("classifier")) is not None:
            last, rows = classifier["held_out_accuracies"][-1], classifier["held_out_rows"]
            found.append(f"accuracy {last:.3f} on {rows} rows held out" if rows else "a classifier")
        return f"{', '.join(found)}; {self.record['seconds']:.0f} s"

    def _classifier(self, classes: Tensor | None, number: int) -> FeedForward:
        """The DBN's recognition pass with a read-out, all of it fine-tuned on the rows that have labels."""
        assert classes is not None and isinstance(self._rows, Tensor)  # files that are not loaded have no labels
        classes = classes.to(self._rows.device)
        labelled = classes != NO_LABEL
        rows = filled_in(self._dbn, self._rows[labelled].to(self._dbn.layer(1).weights))
        labels = classes[labelled]
        kept, aside = _split(labels, self._settings.held_out)
        readout = FeedForward([self._dbn.sizes[-1], number], torch.relu, self._random)
        features = TensorSource(encode_source(self._dbn, rows[kept]))
        list(ConvergedTraining(readout, (features, labels[kept]), ConvergedSettings(l2=(_L2,))).epochs())
        scaling = self._dbn.standardisation
        network = network_to_finetune(self._dbn, number, self._random, readout, standardised=True).requires_grad_(True)
        rows = rows if scaling is None else scaling(rows)
        training = MinibatchTraining(
            network,
            (rows[kept], labels[kept]),
            MinibatchSettings(
                epochs=self._settings.classifier_epochs, batch_size=self._settings.batch_size, patience=0
            ),
            random=self._random,
            held_out=(rows[aside], labels[aside]) if len(aside) else None,
        )
        for record in self._resumed("classifier", training):
            self._progress("classifier", record.epoch, self._settings.classifier_epochs)
        if scaling is not None:
            scaling.fold_into(network.linear(1))
        self.record["classifier"] = {
            "losses": [record.loss for record in training.records],
            "held_out_accuracies": [record.score for record in training.records],
            "rows": len(kept),
            "held_out_rows": len(aside),
        }
        return network.requires_grad_(False)


def _split(labels: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Rows to learn from, and to hold out, by class; none are held out where a class has too few for that."""
    counts = labels.bincount()
    counts = counts[counts > 0]
    aside = max(round(share * len(labels)), len(counts))
    if not share or int(counts.min()) < 2 or aside > len(labels) - len(counts):
        return torch.arange(len(labels)), torch.arange(0)
    return split_rows(labels, aside, seed=0)
