"""Learning from rows in files: as from the same rows in memory, as well as with all of them shuffled, and resumed."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from deepbelief import DBN, RBM, Bernoulli, FeedForward, MinibatchSettings, MinibatchTraining, Random, RBMSettings
from deepbelief.data import Rows, Source, StoredRows, TensorSource, Weighted, open_rows
from deepbelief.data.order import Runs
from deepbelief.data.views import SideBySide
from deepbelief.learning.backprop.classifier import FullBatchSettings, FullBatchTraining
from deepbelief.learning.backprop.readout import ConvergedSettings, ConvergedTraining
from deepbelief.learning.rbm import pretraining
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.training import RBMTraining

CLASSES = 10
N = 4000


class InMemory(Source):
    """The rows of a file in memory, which are mixed in the same way."""

    def __init__(self, stored: StoredRows) -> None:
        self.values, self._runs = stored.batch(slice(0, len(stored))).clone(), stored.runs

    def __len__(self) -> int:
        return len(self.values)

    @property
    def width(self) -> int:
        return self.values.shape[1]

    @property
    def runs(self) -> Runs:
        return self._runs

    def batch(self, rows: Rows) -> torch.Tensor:
        return self.values[rows]


@pytest.fixture(scope="module")
def sorted_rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Noisy copies of ten patterns, one pattern after the other, in four files."""
    numbers, folder = np.random.default_rng(0), tmp_path_factory.mktemp("sorted")
    patterns = numbers.random((CLASSES, 30)) < 0.4
    rows = np.repeat(patterns, N // CLASSES, axis=0) ^ (numbers.random((N, 30)) < 0.05)
    for number, part in enumerate(np.split(rows, 4)):
        np.save(folder / f"{number}.npy", part.astype(np.uint8) * 255)
    return folder


def stored(folder: Path, run: int, window: int) -> StoredRows:
    """The rows, in runs that are short beside such small files."""
    rows = open_rows(folder, window=window)
    rows._runs = Runs(torch.tensor([*range(0, N, run), N]), window)
    return rows


def error(source: Source, **settings: Any) -> float:
    """How badly all rows are reconstructed after a few epochs."""
    rbm = RBM(Bernoulli(30), Bernoulli(20), Random(0))
    records = RBMTraining(
        rbm, source, RBMSettings(epochs=3, batch_size=20, learning_rate=0.1, **settings), random=1
    ).epochs()
    return next(record.monitors["reconstruction_error_unit"] for record in records if record.epoch == 3)


def test_windows_are_as_good_as_shuffling_all_rows_where_these_are_sorted(sorted_rows: Path) -> None:
    windows = stored(sorted_rows, run=10, window=1000)
    everything = stored(sorted_rows, run=1, window=N)
    unshuffled, good = error(everything, shuffle=False), error(everything)
    assert unshuffled > 1.5 * good
    assert error(windows) == pytest.approx(good, rel=0.1)
    assert error(stored(sorted_rows, run=400, window=400)) > 1.2 * good  # a window of one class mixes nothing


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("joint", [False, True])
def test_all_layers_learn_as_from_memory(
    sorted_rows: Path, joint: bool, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretraining, "FEATURE_BYTES", 0)
    rows = open_rows(sorted_rows, window=700)
    kind = JointTraining if joint else Pretraining

    def learnt(source: Source) -> DBN:
        random = Random(0)
        dbn = DBN.from_sizes([30, 12, 8], random)
        source = Weighted(source, torch.arange(N) % 3) if weighted else source
        settings = RBMSettings(epochs=2, batch_size=64, binarise=True)
        list(kind(dbn, source, settings, random=random, held_out=source).epochs())
        return dbn

    found, expected = learnt(rows), learnt(InMemory(rows))
    for one, other in zip(found.parameters(), expected.parameters(), strict=True):
        assert torch.equal(one, other)
    assert rows._ahead is not None


def test_a_training_goes_on_bit_by_bit(sorted_rows: Path) -> None:
    def begin() -> tuple[DBN, Pretraining]:
        random = Random(0)
        dbn = DBN.from_sizes([30, 12, 8], random)
        rows = open_rows(sorted_rows, window=700)
        return dbn, Pretraining(dbn, rows, RBMSettings(epochs=3, batch_size=64), random=random)

    whole, training = begin()
    states = [copy.deepcopy(training.state()) for _ in training.epochs()]
    for state in states:
        again, other = begin()
        other.restore(state)
        list(other.epochs())
        assert all(torch.equal(one, two) for one, two in zip(whole.parameters(), again.parameters(), strict=True))


def test_classifiers_learn_from_files(sorted_rows: Path) -> None:
    rows, labels = open_rows(sorted_rows, window=700), torch.arange(N) * CLASSES // N

    def learnt(source: Source) -> FeedForward:
        settings = MinibatchSettings(epochs=2, patience=0)
        network = FeedForward([30, CLASSES], torch.relu, Random(0))
        list(MinibatchTraining(network, (source, labels), settings, random=Random(1)).epochs())
        return network

    found, expected = learnt(rows), learnt(InMemory(rows))
    assert all(torch.equal(one, two) for one, two in zip(found.parameters(), expected.parameters(), strict=True))
    assert rows._ahead is not None


@pytest.fixture(scope="module")
def features(tmp_path_factory: pytest.TempPathFactory) -> tuple[TensorSource, StoredRows, torch.Tensor]:
    """The same features in memory and in files, more than are read at once, and their labels."""
    values = Random(0).normal((4500, 6)).double() + torch.arange(6)  # double, so that searches end in one place
    path = tmp_path_factory.mktemp("features")
    for number, part in enumerate(values.split(1300)):
        np.save(path / f"{number}.npy", part.numpy())
    return TensorSource(values), open_rows(path), (values[:, 0] > values[:, 1]).long() + (values[:, 2] > 3).long()


def test_full_batches_take_the_same_steps_from_files(features: tuple[TensorSource, StoredRows, torch.Tensor]) -> None:
    memory, stored, labels = features
    for sizes in ([6, 3], [6, 5, 3]):
        networks = [FeedForward(sizes, torch.relu, Random(0)) for _ in range(2)]
        for network, source in zip(networks, (memory, stored), strict=True):
            list(FullBatchTraining(network, (source, labels), FullBatchSettings(steps=4, learning_rate=0.5)).epochs())
        one, other = (network.state_dict() for network in networks)
        assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_converged_readout_is_the_same_from_files(features: tuple[TensorSource, StoredRows, torch.Tensor]) -> None:
    memory, stored, labels = features
    settings, found = ConvergedSettings(l2=(1e-2, 1e-3)), []
    for source in (memory, stored, SideBySide([stored])):
        network = FeedForward([6, 3], torch.relu, Random(0))
        records = list(ConvergedTraining(network, (source, labels), settings).epochs())
        assert records[-1].converged
        found.append((records[-1].losses[-1], network.linear(1).weight))
    for loss, weight in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-9)
        torch.testing.assert_close(weight, found[0][1], rtol=1e-4, atol=1e-6)


def test_a_readout_of_files_keeps_no_features_in_memory(
    features: tuple[TensorSource, StoredRows, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, stored, labels = features
    largest: list[int] = []
    read = StoredRows.batch

    def counted(self: StoredRows, rows: Rows) -> torch.Tensor:
        found = read(self, rows)
        largest.append(len(found))
        return found

    monkeypatch.setattr(StoredRows, "batch", counted)
    network = FeedForward([6, 3], torch.relu, Random(0))
    job = ConvergedTraining(network, (stored, labels), ConvergedSettings(l2=(1e-2,), max_iterations=3))
    before = len(largest)
    list(job.epochs())
    assert len(largest) - before >= 2 * 5  # of two or more looks at 5 parts each
    assert max(largest) <= 2000
