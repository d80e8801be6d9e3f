"""Models and the state of a training on disk: one safetensors file each, with JSON in its header; never pickle."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

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

Model = TypeVar("Model", bound=nn.Module)


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
    """Read what `save_state` wrote, onto the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or of something else.
    """
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
    try:
        progress = json.loads(metadata.get("progress", ""))
    except (ValueError, RecursionError):
        progress = None
    if not isinstance(progress, dict):
        raise _damaged(path, "its header does not describe what it holds")
    return TrainingState(tensors, progress)


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
    return _load(path, "DBN", "no DBN: give a file such as runs/default/seed-0/models/dbn.safetensors", _dbn)


def save_labelled_rbm(path: Path, model: LabelledRBM, **description: Any) -> None:
    """Save an RBM with labels; `load_labelled_rbm` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "LabelledRBM", "top": _top_description(model), **description})


def load_labelled_rbm(path: Path) -> LabelledRBM:
    """Load an RBM that `save_labelled_rbm` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    otherwise = "no RBM with labels: give a file that save_labelled_rbm wrote"
    return _load(path, "LabelledRBM", otherwise, lambda description: _top(description["top"]))


def save_labelled_dbn(path: Path, model: LabelledDBN, **description: Any) -> None:
    """Save a DBN with labels; `load_labelled_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    shape = {**_description(model.below), "top": _top_description(model.top), "untied": model.recognition is not None}
    save_module(path, model, {"model": "LabelledDBN", **shape, **description})


def load_labelled_dbn(path: Path) -> LabelledDBN:
    """Load a DBN that `save_labelled_dbn` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    otherwise = "no DBN with labels: give a file such as runs/default/seed-0/models/labelled.safetensors"
    return _load(path, "LabelledDBN", otherwise, _labelled_dbn)


def save_autoencoder(path: Path, model: Autoencoder, **description: Any) -> None:
    """Save an autoencoder; `load_autoencoder` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "Autoencoder", **_description(model.encoder), **description})


def load_autoencoder(path: Path) -> Autoencoder:
    """Load an autoencoder that `save_autoencoder` wrote, on the CPU.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    otherwise = "no autoencoder: give a file that save_autoencoder wrote"
    return _load(path, "Autoencoder", otherwise, lambda description: Autoencoder(_dbn(description), _dbn(description)))


def _load(path: Path, kind: str, otherwise: str, build: Callable[[Mapping[str, Any]], Model]) -> Model:
    """The model in a file of this kind, built from its description; `otherwise` says what any other file holds."""
    state = load_state(path)
    held = state.progress.get("model")
    if (held, kind) == ("LabelledDBN", "DBN"):
        otherwise = (
            "a DBN with labels: draw its classes with `deepbelief sample --labels all`, load it in Python with "
            "load_labelled_dbn, or give a file such as runs/default/seed-0/models/dbn.safetensors"
        )
    if held != kind:
        raise DeepBeliefError(f"{path} holds {otherwise}.")
    _check_image_shape(path, state.progress.get("image_shape"))
    try:
        model = build(state.progress)
    except Exception as error:  # a description that was not written here can break anything
        raise _damaged(path, f"no model can be built from its description, {error!r}") from error
    _check_tensors(path, state.tensors, model.state_dict())
    first, _ = next(model.named_parameters())
    model.to(state.tensors[first].dtype).load_state_dict(state.tensors)
    return model


def _check_image_shape(path: Path, shape: Any) -> None:
    """Refuse a shape that no image has; a file need not tell any."""
    if shape is not None and not (isinstance(shape, list) and all(isinstance(n, int) and n > 0 for n in shape)):
        raise _damaged(path, f"it tells of images of the shape {shape!r}")


def _check_tensors(path: Path, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors other than a model wants, and parameters that are no numbers."""
    for name in sorted({*found, *wanted}):
        if name not in found:
            raise _damaged(path, f"{name} is missing")
        if name not in wanted:
            raise _damaged(path, f"{name} has no place in its model")
        shape, expected = list(found[name].shape), list(wanted[name].shape)
        if shape != expected:
            raise _damaged(path, f"{name} has the shape {shape}, not {expected}")
        if not found[name].is_floating_point():
            raise _damaged(path, f"{name} holds {found[name].dtype}, no real numbers")
        if not found[name].isfinite().all():
            raise _damaged(path, f"{name} holds NaN or infinite values")


def _damaged(path: Path, what: str) -> DeepBeliefError:
    return DeepBeliefError(f"{path} is damaged ({what}): give a file that deepbelief saved, or save it again.")


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


def _labelled_dbn(description: Mapping[str, Any]) -> LabelledDBN:
    recognition = _dbn(description) if description["untied"] else None
    return LabelledDBN(_dbn(description), _top(description["top"]), recognition)


def _top_description(model: LabelledRBM) -> dict[str, Any]:
    """What `_top` makes such an RBM from."""
    values, _ = model.rbm.visible.description["parts"]
    return {"values": values, "classes": model.classes, "hidden": model.rbm.hidden.description}


def _top(description: Mapping[str, Any]) -> LabelledRBM:
    values, hidden = make_units(description["values"]), make_units(description["hidden"])
    return LabelledRBM(values, description["classes"], hidden, Random(0))
