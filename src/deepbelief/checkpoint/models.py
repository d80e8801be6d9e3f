"""Each kind of model in a file: how it is described there, and how it is built again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import torch
from torch import nn

from deepbelief.checkpoint.module import load_module, save_module
from deepbelief.checkpoint.state import UnusableFileError
from deepbelief.errors import SettingsError
from deepbelief.models import (
    DBN,
    Autoencoder,
    FeedForward,
    LabelledDBN,
    LabelledRBM,
    ReadoutClassifier,
    Standardisation,
)
from deepbelief.models.units import make_units
from deepbelief.randomness import Random

_ACTIVATIONS: Final = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class _Kind:
    """How models of a kind are described and built, and what is said of a file that holds another kind."""

    describe: Callable[[Any], dict[str, Any]]
    build: Callable[[Mapping[str, Any]], nn.Module]
    otherwise: str


def save_model(path: Path | str, model: nn.Module, /, *, half: bool = False, **further: Any) -> None:
    """Save a model of any kind that has a file; `load_model` gives it back, bit for bit.

    Kept are its architecture and units, its standardisation, and a digest of all of it. Further keywords are kept
    beside it (JSON values), such as `training`, what it learnt from, and how; `read_description` gives them back.

    Args:
        path: the file.
        model: the model.
        half: round its numbers to float16, which takes half the space of float32; the model is loaded in float32.
        further: JSON values to keep beside it.

    Raises:
        SettingsError: no file can hold such a model, or what is to be kept beside it, or float16 cannot hold a number.

    >>> import tempfile
    >>> from deepbelief import DBN
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "dbn.safetensors"
    ...     save_model(path, DBN.from_sizes([6, 4], 0), half=True)
    ...     load_model(path).layer(1).weights.dtype
    torch.float32
    """
    kind = type(model).__name__
    if kind not in _KINDS:
        raise SettingsError(f"{kind} is no model that a file can hold: give one of {', '.join(_KINDS)}.")
    save_module(path, model, {"model": kind, **_KINDS[kind].describe(model)}, further, half)


def load_model(path: Path | str) -> nn.Module:
    """Load a model of any kind, on the CPU; `DeepBeliefError` if the file is missing, damaged or something else."""

    def build(description: Mapping[str, Any]) -> nn.Module:
        kind = description.get("model")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise UnusableFileError(f"{path} holds no model", "give a file that one of deepbelief's models is saved in")
        return _KINDS[kind].build(description)

    return load_module(path, build)


def _load(path: Path | str, wanted: type[Model]) -> Model:
    """The model in a file that holds this kind of model."""

    def build(description: Mapping[str, Any]) -> nn.Module:
        kind, held = wanted.__name__, description.get("model")
        otherwise = _KINDS[kind].otherwise
        if (held, kind) == ("LabelledDBN", "DBN"):
            otherwise = (
                "a DBN with labels: draw its classes with `deepbelief sample --labels all`, load it in Python with "
                "load_labelled_dbn, or give a file such as runs/default/seed-0/models/dbn.safetensors"
            )
        if held != kind:
            fault, _, remedy = otherwise.partition(": ")
            raise UnusableFileError(f"{path} holds {fault}", remedy)
        return _KINDS[kind].build(description)

    return cast(Model, load_module(path, build))


def save_dbn(path: Path | str, dbn: DBN, **further: Any) -> None:
    """Save a DBN; `load_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    save_model(path, dbn, **further)


def load_dbn(path: Path | str) -> DBN:
    """Load a DBN that `save_dbn` wrote, on the CPU; `DeepBeliefError` if it is missing, damaged or something else."""
    return _load(path, DBN)


def save_labelled_rbm(path: Path | str, model: LabelledRBM, **further: Any) -> None:
    """Save an RBM with labels; `load_labelled_rbm` gives it back. Further keywords are kept beside it (JSON values)."""
    save_model(path, model, **further)


def load_labelled_rbm(path: Path | str) -> LabelledRBM:
    """Load an RBM that `save_labelled_rbm` wrote, on the CPU; errors as of `load_dbn`."""
    return _load(path, LabelledRBM)


def save_labelled_dbn(path: Path | str, model: LabelledDBN, **further: Any) -> None:
    """Save a DBN with labels; `load_labelled_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    save_model(path, model, **further)


def load_labelled_dbn(path: Path | str) -> LabelledDBN:
    """Load a DBN that `save_labelled_dbn` wrote, on the CPU; errors as of `load_dbn`."""
    return _load(path, LabelledDBN)


def save_autoencoder(path: Path | str, model: Autoencoder, **further: Any) -> None:
    """Save an autoencoder; `load_autoencoder` gives it back. Further keywords are kept beside it (JSON values)."""
    save_model(path, model, **further)


def load_autoencoder(path: Path | str) -> Autoencoder:
    """Load an autoencoder that `save_autoencoder` wrote, on the CPU; errors as of `load_dbn`."""
    return _load(path, Autoencoder)


def load_network(path: Path | str) -> FeedForward:
    """Load a feed-forward network that `save_model` or a study wrote, on the CPU; errors as of `load_dbn`."""
    return _load(path, FeedForward)


def _dbn_description(dbn: DBN) -> dict[str, Any]:
    hidden = [dbn.layer(number).hidden.description for number in range(1, len(dbn) + 1)]
    return {"units": [dbn.layer(1).visible.description, *hidden], "standardised": dbn.standardisation is not None}


def _dbn(description: Mapping[str, Any]) -> DBN:
    if "units" in description:
        dbn = DBN.from_units([make_units(one) for one in description["units"]], Random(0, device="meta"))
    else:  # from before there were other kinds than binary units
        dbn = DBN.from_sizes(description["sizes"], Random(0, device="meta"))
    if description.get("standardised"):
        dbn.standardisation = Standardisation(torch.zeros(dbn.sizes[0]), torch.ones(dbn.sizes[0]))
    return dbn


def _labelled_rbm_description(model: LabelledRBM) -> dict[str, Any]:
    values, _ = model.rbm.visible.description["parts"]
    return {"values": values, "classes": model.classes, "hidden": model.rbm.hidden.description}


def _labelled_rbm(description: Mapping[str, Any]) -> LabelledRBM:
    values, hidden = make_units(description["values"]), make_units(description["hidden"])
    return LabelledRBM(values, description["classes"], hidden, Random(0, device="meta"))


def _labelled_dbn_description(model: LabelledDBN) -> dict[str, Any]:
    shape = _of_both(model.below, model.recognition or model.below, model)
    return {**shape, "top": _labelled_rbm_description(model.top), "untied": model.recognition is not None}


def _labelled_dbn(description: Mapping[str, Any]) -> LabelledDBN:
    recognition = _dbn(description) if description["untied"] else None
    return LabelledDBN(_dbn(description), _labelled_rbm(description["top"]), recognition)


def _of_both(one: DBN, other: DBN, model: nn.Module) -> dict[str, Any]:
    """The description that the two stacks of a model share."""
    shape = _dbn_description(one)
    if shape != _dbn_description(other):
        raise SettingsError(
            f"the two stacks of this {type(model).__name__} differ in their units or in whether they standardise, "
            "which its file cannot hold: save each as a DBN."
        )
    return shape


def _network_description(network: FeedForward) -> dict[str, Any]:
    names = [name for name, known in _ACTIVATIONS.items() if network.activation is known]
    if not names:
        known = ", ".join(f"torch.{name}" for name in _ACTIVATIONS)
        raise SettingsError(f"a file names the activation of a network, and knows {known}: make it with one of them.")
    return {"sizes": network.sizes, "activation": names[0]}


def _network(description: Mapping[str, Any]) -> FeedForward:
    return FeedForward(description["sizes"], _ACTIVATIONS[description["activation"]], Random(0, device="meta"))


def _readout_description(model: ReadoutClassifier) -> dict[str, Any]:
    readout = _network_description(model.readout)
    return {"dbn": _dbn_description(model.dbn), "layers": list(model.layers), "readout": readout}


def _readout(description: Mapping[str, Any]) -> ReadoutClassifier:
    return ReadoutClassifier(_dbn(description["dbn"]), description["layers"], _network(description["readout"]))


_KINDS: Final = {
    "DBN": _Kind(_dbn_description, _dbn, "no DBN: give a file such as runs/default/seed-0/models/dbn.safetensors"),
    "LabelledRBM": _Kind(
        lambda model: {"top": _labelled_rbm_description(model)},
        lambda description: _labelled_rbm(description["top"]),
        "no RBM with labels: give a file that save_labelled_rbm wrote",
    ),
    "LabelledDBN": _Kind(
        _labelled_dbn_description,
        _labelled_dbn,
        "no DBN with labels: give a file such as runs/default/seed-0/models/labelled.safetensors, which a study of "
        "labelled images saves",
    ),
    "Autoencoder": _Kind(
        lambda model: _of_both(model.encoder, model.decoder, model),
        lambda description: Autoencoder(_dbn(description), _dbn(description)),
        "no autoencoder: give a file that save_autoencoder wrote",
    ),
    "FeedForward": _Kind(
        _network_description, _network, "no feed-forward network: give one that save_model or a study saved"
    ),
    "ReadoutClassifier": _Kind(
        _readout_description, _readout, "no read-out of a DBN: give a file that save_model wrote of a ReadoutClassifier"
    ),
}
