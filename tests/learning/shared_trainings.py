"""Small trainings of every kind that processes can share, and a program that runs them in each of the processes.

python -m tests.learning.shared_trainings all FOLDER            # every training, its end written to FOLDER
python -m tests.learning.shared_trainings all_by_messages FOLDER    # without memory that processes share
python -m tests.learning.shared_trainings first_half FOLDER     # three epochs, and a checkpoint in FOLDER
python -m tests.learning.shared_trainings second_half FOLDER    # goes on from that
python -m tests.learning.shared_trainings other_seeds FOLDER    # a mistake
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from deepbelief.data import Labelled, TensorSource
from deepbelief.learning import resumption
from deepbelief.learning.backprop.autoencoding import AutoencoderSettings, AutoencoderTraining
from deepbelief.learning.backprop.classifier import MinibatchSettings, MinibatchTraining
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.learning.resumption import resume, save_checkpoint, saving
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import FeedForward
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, ReLU
from deepbelief.randomness import Random
from deepbelief.system.processes import joined
from deepbelief.system.shared_memory import SharedMemory
from tests.small_models import some_values

N = 43  # in batches of ten: four whole ones, and one of three
VISIBLE, HIDDEN = 7, 5


def items() -> Tensor:
    return Random(0, "items").uniform((N, VISIBLE)).double()


def rbm_training(source: Any = None, seed: int = 2, **settings: Any) -> RBMTraining:
    rbm = bernoulli_rbm(VISIBLE, HIDDEN, Random(1), weight_std=0.3).double()
    chosen = RBMSettings(epochs=3, batch_size=10, **settings)
    return RBMTraining(rbm, items() if source is None else source, chosen, random=seed, held_out=items()[:9])


def of_units(visible: Any, hidden: Any, **settings: Any) -> RBMTraining:
    rbm = RBM(visible, hidden, Random(1), weight_std=0.3).double()
    source = some_values(visible.double(), N, Random(3))
    return RBMTraining(rbm, source, RBMSettings(epochs=2, batch_size=10, learning_rate=0.01, **settings), random=2)


def missing() -> RBMTraining:
    source = items().masked_fill(Random(4).uniform((N, VISIBLE)) < 0.3, torch.nan)
    return rbm_training(source, visible_bias_from_data=False)


def labelled(**settings: Any) -> RBMTraining:
    rbm = bernoulli_rbm(VISIBLE + 2, HIDDEN, Random(1), weight_std=0.3).double()
    source = Labelled(TensorSource(items()), torch.arange(N) % 2, 2)
    return RBMTraining(rbm, source, RBMSettings(epochs=2, batch_size=10, clamp_labels=True, **settings), random=2)


def dbn(kind: Any, **settings: Any) -> Any:
    stack = DBN.from_sizes([VISIBLE, HIDDEN, 4], Random(1), weight_std=0.3).double()
    return kind(stack, items(), RBMSettings(epochs=2, batch_size=10, **settings), random=2)


def classifier() -> MinibatchTraining:
    network = FeedForward([VISIBLE, HIDDEN, 2], torch.tanh, 0).double()
    chosen = MinibatchSettings(epochs=3, batch_size=10, dropout=0.3, input_dropout=0.2, label_smoothing=0.1, patience=2)
    labels = torch.arange(N) % 2
    return MinibatchTraining(network, (items(), labels), chosen, random=2, held_out=(items()[:9], labels[:9]))


def autoencoder() -> AutoencoderTraining:
    stack = DBN.from_sizes([VISIBLE, HIDDEN], Random(1), weight_std=0.3).double()
    return AutoencoderTraining(unroll(stack), items(), AutoencoderSettings(epochs=2, batch_size=10), random=2)


TRAININGS: dict[str, Callable[[], Any]] = {
    "cd": rbm_training,
    "cd-3 of means": lambda: rbm_training(gibbs_steps=3, visible_samples=False),
    "persistent chains": lambda: rbm_training(persistent_chains=7, gibbs_steps=2),
    "persistent chains, dropout": lambda: rbm_training(persistent_chains=7, dropout=0.3),
    "centred": lambda: rbm_training(centring=True, batch_statistics=True),
    "sparse": lambda: rbm_training(sparsity_cost=2.0, sparsity_target=0.1, dropout=0.3),
    "clipped": lambda: rbm_training(max_gradient_norm=0.2, l1=0.01),
    "binarised": lambda: rbm_training(binarise=True),
    "in order": lambda: rbm_training(shuffle=False, drop_last=True),
    "missing": missing,
    "clamped labels": lambda: labelled(persistent_chains=6),
    "gaussian and relu": lambda: of_units(Categorical(2, 3), ReLU(4)),
    "real values": lambda: of_units(Gaussian(4), Bernoulli(3), persistent_chains=5),
    "layer by layer": lambda: dbn(Pretraining, binarise=True),
    "all layers at once": lambda: dbn(JointTraining, binarise=True, dropout=0.2),
    "classifier": classifier,
    "autoencoder": autoencoder,
}


def everything(training: Any) -> dict[str, Tensor]:
    """Model, memory, chains and random numbers after a training, and its records."""
    list(training.epochs())
    state = training.state()
    figures = json.loads(json.dumps(state.progress), parse_constant=lambda _: -1.0)
    return {**state.tensors, "records": torch.tensor(list(numbers(figures)), dtype=torch.float64)}


def numbers(values: Any) -> Iterator[float]:
    """All numbers inside lists and dictionaries."""
    if isinstance(values, dict | list):
        for one in values.values() if isinstance(values, dict) else values:
            yield from numbers(one)
    elif isinstance(values, int | float):
        yield values


def all_of_them(folder: Path, first: bool) -> None:
    """The end of every training."""
    for name, make in TRAININGS.items():
        found = everything(make())
        if first:
            save_file({key: value.clone().contiguous() for key, value in found.items()}, folder / f"{name}.safetensors")


def all_by_messages(folder: Path, first: bool) -> None:
    """As on several hosts."""
    SharedMemory.add_up = lambda self, tensors: False  # type: ignore[method-assign]
    all_of_them(folder, first)


def first_half(folder: Path, first: bool) -> None:
    """Epochs of layer 1, and a checkpoint."""
    training = halves()
    epochs = training.epochs()
    for _ in range(3):
        next(epochs)
    save_checkpoint(folder / "half.safetensors", training, 1.0)


def second_half(folder: Path, first: bool) -> None:
    """The rest of `first_half`."""
    training = halves()
    resume(folder / "half.safetensors", training)
    found = everything(training)
    if first:
        save_file({key: value.clone().contiguous() for key, value in found.items()}, folder / "whole.safetensors")


def halves() -> Pretraining:
    """A training to interrupt, with chains."""
    return dbn(Pretraining, persistent_chains=7)


def killed(folder: Path, first: bool) -> None:
    """Checkpoints after every epoch; in each of two starts one process kills itself after an epoch."""
    resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0
    training, path, restarts = halves(), folder / "training.safetensors", int(os.environ["TORCHELASTIC_RESTART_COUNT"])
    if path.exists():
        resume(path, training)
    for number, _ in enumerate(saving(path, training, training.epochs(), lambda: 1.0)):
        if first:
            with (folder / "epochs").open("a") as file:
                file.write(f"{len(training.records)} ")
        if number == 0 and restarts < 2 and first == bool(restarts):
            os.kill(os.getpid(), signal.SIGKILL)
    found = everything(training)
    if first:
        save_file({key: value.clone().contiguous() for key, value in found.items()}, folder / "whole.safetensors")


def other_seeds(folder: Path, first: bool) -> None:
    """A mistake: each process has a seed of its own."""
    list(rbm_training(seed=int(first)).epochs())


if __name__ == "__main__":
    torch.set_num_threads(1)
    work = {
        "all": all_of_them,
        "all_by_messages": all_by_messages,
        "first_half": first_half,
        "second_half": second_half,
        "killed": killed,
        "other_seeds": other_seeds,
    }
    with joined() as processes:
        work[sys.argv[1]](Path(sys.argv[2]), processes.is_first)
