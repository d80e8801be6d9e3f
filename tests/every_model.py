"""One small random model of every kind that has a file, in float32, with all kinds of units among them."""

import torch
from torch import Tensor, nn

from deepbelief.models import (
    DBN,
    Bernoulli,
    Categorical,
    FeedForward,
    Gaussian,
    Joint,
    LabelledDBN,
    LabelledRBM,
    ReadoutClassifier,
    ReLU,
    Standardisation,
    Units,
    unroll,
)
from deepbelief.randomness import Random

WIDTH = 6


def filled(model: nn.Module) -> nn.Module:
    """The model with every parameter from N(0, 0.5^2)."""
    random = Random(7, "every model")
    for parameter in model.parameters():
        parameter.data = random.normal(parameter.shape, 0.5)
    return model


def stack(*layers: Units, standardised: bool = False) -> DBN:
    """A random DBN, perhaps of values on another scale, of which the first never changes."""
    dbn = DBN.from_units(layers, Random(0))
    if standardised:
        mean, scale = torch.linspace(-1, 3, WIDTH), torch.linspace(0, 2, WIDTH)
        dbn.standardisation = Standardisation(mean, scale)
    filled(dbn)
    return dbn


def every_model() -> dict[str, nn.Module]:
    """By a name."""
    binary = stack(Bernoulli(WIDTH), Bernoulli(5), Bernoulli(4))
    real = stack(Gaussian(WIDTH, 0.3), Bernoulli(5), Gaussian(3), standardised=True)
    joint = stack(Joint(Bernoulli(2), Gaussian(1), Categorical(1, 3)), Bernoulli(5))
    untied = LabelledDBN(binary, LabelledRBM(Bernoulli(4), 3, Bernoulli(5), 0), stack(*map(Bernoulli, (WIDTH, 5, 4))))
    return {
        "binary": binary,
        "real": real,
        "categorical": stack(Categorical(2, 3), Categorical(1, 4)),
        "counts": stack(ReLU(WIDTH), Bernoulli(5), ReLU(3)),
        "joint": joint,
        "labelled_rbm": filled(LabelledRBM(Bernoulli(WIDTH), 2, ReLU(3), 0)),
        "labelled_dbn": filled(LabelledDBN.from_sizes([WIDTH, 5, 4], 3, 0)),
        "untied": filled(untied),
        "autoencoder": filled(unroll(real)),
        "network": filled(FeedForward([WIDTH, 5, 3], torch.tanh, 0)),
        "readout": ReadoutClassifier(real, (1, 2), filled(FeedForward([8, 3], torch.relu, 0))),
    }


EVERY_MODEL = every_model()


def some_rows(number: int) -> Tensor:
    """Values that every one of these models takes: (number, WIDTH)."""
    numbers = torch.arange(number)
    one_hot = [torch.nn.functional.one_hot(numbers % 3, 3), torch.nn.functional.one_hot((numbers + 1) % 3, 3)]
    return torch.cat(one_hot, dim=1).float()


@torch.no_grad()
def outputs(model: nn.Module, values: Tensor) -> list[Tensor]:
    """What a model gives for values: what it is called for, and all else that it computes of them without chance."""
    found = [model(values)]
    for name in ("encode", "reconstruct", "squared_error", "cross_entropy", "log_joint"):
        if hasattr(model, name):
            found.append(getattr(model, name)(values))
    return found
