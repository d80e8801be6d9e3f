"""Models and the state of a training on disk: one safetensors file each, with JSON in its header; never pickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from deepbelief.atomic import write_atomically
from deepbelief.autoencoder import Autoencoder
from deepbelief.dbn import DBN
from deepbelief.errors import DeepBeliefError
from deepbelief.labelled import LabelledDBN, LabelledRBM
from deepbelief.randomness import Random
from deepbelief.standardisation import Standardisation
from deepbelief.units import make_units

_FORMAT: Final = "deepbelief/1"


@dataclass(frozen=True)
class TrainingState:
    """What a training needs to go on as if it had never stopped: tensors, and progress that JSON can hold."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any] = field(default_factory=dict)


def tensors_under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def save_state(path: Path, state: TrainingState) -> None:
    """Write tensors and progress into one file, atomically."""
    # A copy of each tensor: safetensors refuses tensors that share memory.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.tensors.items()}
    metadata = {"format": _FORMAT, "progress": json.dumps(state.progress)}
    write_atomically(path, save(tensors, metadata))


def load_state(path: Path) -> TrainingState:
    """Read what `save_state` wrote, onto the CPU."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise DeepBeliefError(f"{path} does not exist: give a .safetensors file that deepbelief saved.") from None
    except (SafetensorError, OSError) as error:
        raise DeepBeliefError(f"{path} cannot be read ({error}): give a file that deepbelief saved.") from None
    if metadata.get("format") != _FORMAT:
        raise DeepBeliefError(f"{path} was not written by this version of deepbelief: give a file that it saved.")
    return TrainingState(tensors, json.loads(metadata["progress"]))


def save_module(path: Path, module: nn.Module, description: Mapping[str, Any]) -> None:
    """Save a module's `state_dict` with a description that is enough to build it again."""
    save_state(path, TrainingState(dict(module.state_dict()), dict(description)))


def save_dbn(path: Path, dbn: DBN, **description: Any) -> None:
    """Save a DBN; `load_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, dbn, {"model": "DBN", **_description(dbn), **description})


def load_dbn(path: Path) -> DBN:
    """Load a DBN that `save_dbn` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    state = _state_of(path, "DBN", "no DBN: give a file such as runs/default/seed-0/models/dbn.safetensors.")
    dbn = _dbn(state.progress)
    dbn.to(state.tensors["rbms.0.weights"].dtype).load_state_dict(state.tensors)
    return dbn


def save_labelled_rbm(path: Path, model: LabelledRBM, **description: Any) -> None:
    """Save an RBM with labels; `load_labelled_rbm` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "LabelledRBM", "top": _top_description(model), **description})


def load_labelled_rbm(path: Path) -> LabelledRBM:
    """Load an RBM that `save_labelled_rbm` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    state = _state_of(path, "LabelledRBM", "no RBM with labels: give a file that save_labelled_rbm wrote.")
    model = _top(state.progress["top"])
    model.to(state.tensors["rbm.weights"].dtype).load_state_dict(state.tensors)
    return model


def save_labelled_dbn(path: Path, model: LabelledDBN, **description: Any) -> None:
    """Save a DBN with labels; `load_labelled_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    shape = {**_description(model.below), "top": _top_description(model.top), "untied": model.recognition is not None}
    save_module(path, model, {"model": "LabelledDBN", **shape, **description})


def load_labelled_dbn(path: Path) -> LabelledDBN:
    """Load a DBN that `save_labelled_dbn` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    state = _state_of(path, "LabelledDBN", "no DBN with labels: give a file that save_labelled_dbn wrote.")
    progress = state.progress
    model = LabelledDBN(_dbn(progress), _top(progress["top"]), _dbn(progress) if progress["untied"] else None)
    model.to(state.tensors["top.rbm.weights"].dtype).load_state_dict(state.tensors)
    return model


def save_autoencoder(path: Path, model: Autoencoder, **description: Any) -> None:
    """Save an autoencoder; `load_autoencoder` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "Autoencoder", **_description(model.encoder), **description})


def load_autoencoder(path: Path) -> Autoencoder:
    """Load an autoencoder that `save_autoencoder` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    state = _state_of(path, "Autoencoder", "no autoencoder: give a file that save_autoencoder wrote.")
    model = Autoencoder(_dbn(state.progress), _dbn(state.progress))
    model.to(state.tensors["encoder.rbms.0.weights"].dtype).load_state_dict(state.tensors)
    return model


def _state_of(path: Path, model: str, otherwise: str) -> TrainingState:
    """What a file of this kind of model holds; an error says what any other file holds."""
    state = load_state(path)
    if state.progress.get("model") != model:
        raise DeepBeliefError(f"{path} holds {otherwise}")
    return state


def _description(dbn: DBN) -> dict[str, Any]:
    """What `_dbn` makes such a DBN from."""
    hidden = [dbn.layer(number).hidden.description for number in range(1, len(dbn) + 1)]
    return {"units": [dbn.layer(1).visible.description, *hidden], "standardised": dbn.standardisation is not None}


def _dbn(description: Mapping[str, Any]) -> DBN:
    if "units" in description:
        dbn = DBN.from_units([make_units(one) for one in description["units"]], Random(0))
    else:  # from before there were other kinds than binary units
        dbn = DBN.from_sizes(description["sizes"], Random(0))
    if description.get("standardised"):
        dbn.standardisation = Standardisation(torch.zeros(dbn.sizes[0]), torch.ones(dbn.sizes[0]))
    return dbn


def _top_description(model: LabelledRBM) -> dict[str, Any]:
    """What `_top` makes such an RBM from."""
    values, _ = model.rbm.visible.description["parts"]
    return {"values": values, "classes": model.classes, "hidden": model.rbm.hidden.description}


def _top(description: Mapping[str, Any]) -> LabelledRBM:
    values, hidden = make_units(description["values"]), make_units(description["hidden"])
    return LabelledRBM(values, description["classes"], hidden, Random(0))
