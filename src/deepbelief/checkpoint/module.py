"""A module in a file: its tensors, and a description from which it is built again before they are read."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from deepbelief.checkpoint.state import TrainingState, UnusableFileError, damaged, opened, save_state
from deepbelief.errors import SettingsError

_REAL: Final = ("F64", "F32", "F16", "BF16")  # safetensors' names of real numbers
_OF_LAYERS: Final = ("units", "sizes", "top", "dbn", "layers", "readout")  # what descriptions call layers and parts
_MOST_WORDS: Final = 5000  # of a description's layers: hundreds of layers; to build one takes time, however small it is
_HALF: Final = "half"  # what the description of a file calls that its numbers were rounded to float16
_LONGEST: Final = 2**21  # bytes of a header: all of these words, the tensors that they are for, and `_MOST_FURTHER`
_MOST_FURTHER: Final = 2**20  # characters of JSON that are kept beside a model


def save_module(
    path: Path | str,
    module: nn.Module,
    description: Mapping[str, Any],
    further: Mapping[str, Any],
    half: bool = False,
) -> None:
    """Save a module's `state_dict` with a description that is enough to build it again, for `load_module`.

    With `half` the numbers are rounded to float16, and loaded as float32.

    Raises:
        SettingsError: what is to be kept `further` beside it has a name of the description, is nothing that JSON
            holds, or is too long; the description is longer than that of any model; or float16 cannot hold a number.
    """
    description = {**description, _HALF: True} if half else description
    if taken := sorted({*description} & {*further}):
        raise SettingsError(f"{taken[0]} is a name of the file's own: give what is kept beside a model another name.")
    if (fault := _fault(further)) or (fault := _fault(description)):
        raise SettingsError(f"{path} is not written ({fault}): change that and save again.")
    try:
        text = json.dumps({**description, **further})
        progress = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError(f"what is kept beside a model must be JSON values ({error}).") from None
    if len(text) > _MOST_FURTHER:
        raise SettingsError(f"what is kept beside a model has {len(text)} characters: keep {_MOST_FURTHER} at most.")
    tensors = dict(module.state_dict())
    save_state(path, TrainingState(_halved(tensors, path) if half else tensors, progress))


def _halved(tensors: Mapping[str, Tensor], path: Path | str) -> dict[str, Tensor]:
    """The tensors in float16."""
    halved = {name: tensor.half() for name, tensor in tensors.items()}
    if large := [name for name, tensor in halved.items() if not tensor.isfinite().all()]:
        raise SettingsError(f"{path} is not written (float16 cannot hold {large[0]}): save without half.")
    return halved


def read_description(path: Path | str) -> dict[str, Any]:
    """What a model's file says of it, and what is kept beside it, such as its `training`: JSON values.

    Raises:
        DeepBeliefError: the file is missing, damaged or something else.
    """
    with opened(path, _LONGEST) as (_, description):
        return description


def load_module(path: Path | str, build: Callable[[Mapping[str, Any]], nn.Module]) -> nn.Module:
    """The module in a file, on the CPU, bit for bit as it was saved; float32 if it was saved in half precision.

    `build` makes it from its description, on the device "meta": whatever a description claims takes neither memory
    nor random numbers before it is known that the file has the tensors for it. An `UnusableFileError` of `build`, such
    as that of a file with another kind of model, is passed on.

    Raises:
        DeepBeliefError: the file is missing, damaged or something else.
    """
    with opened(path, _LONGEST) as (file, description):
        if fault := _fault(description):
            raise damaged(path, fault)
        try:
            with torch.device("meta"):
                module = build(description)
        except UnusableFileError:
            raise
        except Exception as error:  # a description that was not written here can break anything
            raise damaged(path, f"no model can be built from its description, {error!r}") from error
        _check_tensors(path, file, module.state_dict())
        # Copies: the tensors of safetensors are views of the file, and a change of the file would change or crash us.
        tensors = {name: file.get_tensor(name).clone() for name in module.state_dict()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise damaged(path, f"{name} holds NaN or infinite values")
    if description.get(_HALF):
        tensors = {name: tensor.float() for name, tensor in tensors.items()}
    first, _ = next(module.named_parameters())
    module.to(tensors[first].dtype).to_empty(device="cpu")
    for buffer in module.buffers():
        buffer.zero_()  # not in the file, such as the biases of the parts of joint units
    module.load_state_dict(tensors, assign=True)  # each in its own type
    return module


def _fault(description: Mapping[str, Any]) -> str:
    """What is wrong with a description, of whatever model; empty if it is in order."""
    shape = description.get("image_shape")
    if shape is not None and not (isinstance(shape, list | tuple) and all(isinstance(n, int) and n > 0 for n in shape)):
        return f"it tells of images of the shape {shape!r}"
    words, left = 0, [description[name] for name in _OF_LAYERS if name in description]
    while left:
        one = left.pop()
        inside = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        words += len(inside)
        left.extend(inside)
        if words > _MOST_WORDS:
            return "it describes more layers and parts than any model has"
    return ""


def _check_tensors(path: Path | str, file: Any, wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors other than a model wants, by what the file's header says of them."""
    stored = set(file.keys())
    for name in sorted({*stored, *wanted}):
        if name not in stored:
            raise damaged(path, f"{name} is missing")
        if name not in wanted:
            raise damaged(path, f"{name} has no place in its model")
        found, expected = file.get_slice(name), list(wanted[name].shape)
        if found.get_shape() != expected:
            raise damaged(path, f"{name} has the shape {found.get_shape()}, not {expected}")
        if found.get_dtype() not in _REAL:
            raise damaged(path, f"{name} holds {file.get_tensor(name).dtype}, no real numbers")
