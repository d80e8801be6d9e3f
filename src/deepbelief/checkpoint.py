"""Models and the state of a training on disk: one safetensors file each, with JSON in its header; never pickle."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from deepbelief.errors import DeepBeliefError, SettingsError, one_line
from deepbelief.models import DBN, Autoencoder, LabelledDBN, LabelledRBM, Standardisation
from deepbelief.models.units import make_units
from deepbelief.randomness import Random
from deepbelief.system.atomic import write_atomically

_FORMAT: Final = "deepbelief/2"
_WITHOUT_DIGEST: Final = "deepbelief/1"
_DIGEST: Final = "sha256"
_PART: Final = 2**20  # bytes of a file that are read at a time
_REAL: Final = ("F64", "F32", "F16", "BF16")  # safetensors' names of real numbers
_MOST_WORDS: Final = 5000  # of a description: hundreds of layers; to build one takes time, however small it is

Model = TypeVar("Model", bound=nn.Module)


class UnusableFileError(DeepBeliefError):
    """A file that is missing, damaged or of something else; `fault` says which and where, without what to do."""

    def __init__(self, fault: str, remedy: str) -> None:
        super().__init__(f"{fault}: {remedy}.")
        self.fault = fault


@dataclass(frozen=True)
class TrainingState:
    """What a training needs to continue as if it had never stopped: tensors, and JSON values."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any] = field(default_factory=dict)


def tensors_under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def save_state(path: Path | str, state: TrainingState) -> None:
    """Write tensors and progress into one file, atomically; equal states give equal files."""
    # A copy of each tensor: safetensors refuses tensors that share memory.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.tensors.items()}
    metadata = {"format": _FORMAT, "progress": json.dumps(state.progress)}
    write_atomically(path, _signed(save(tensors, metadata)))


def _signed(content: bytes) -> bytes:
    """A safetensors file with a digest of everything in it among its metadata, which are sorted.

    The file is the header's length in 8 bytes, the header in JSON, and the tensors; safetensors itself writes the
    metadata in a different order each time.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header, tensors = json.loads(content[8:end]), memoryview(content)[end:]
    digest = hashlib.sha256(_without_digest(header))
    digest.update(tensors)
    header["__metadata__"] = dict(sorted({**header["__metadata__"], _DIGEST: digest.hexdigest()}.items()))
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    ordered += b" " * (-len(ordered) % 8)  # the tensors begin at a multiple of 8
    return b"".join([len(ordered).to_bytes(8, "little"), ordered, tensors])


def _without_digest(header: Mapping[str, Any]) -> bytes:
    """What the digest is taken of, before the tensors."""
    metadata = {name: value for name, value in header["__metadata__"].items() if name != _DIGEST}
    return json.dumps({**header, "__metadata__": metadata}, sort_keys=True).encode()


def _check_digest(path: Path | str, claimed: str | None) -> None:
    """Refuse a file that has changed since it was saved."""
    with Path(path).open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        digest = hashlib.sha256(_without_digest(header))
        while part := file.read(_PART):
            digest.update(part)
    if digest.hexdigest() != claimed:
        raise _damaged(path, "it is not as it was saved")


def load_state(path: Path | str) -> TrainingState:
    """Read what `save_state` wrote, onto the CPU; `DeepBeliefError` if it is missing, damaged or something else."""
    with _opened(path) as (file, progress):
        # Copies: the tensors of safetensors are views of the file, and a change of the file would change or crash us.
        return TrainingState({name: file.get_tensor(name).clone() for name in file.keys()}, progress)  # noqa: SIM118


@contextmanager
def _opened(path: Path | str) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A file that `save_state` wrote, of which only the header has been read, and the progress in it."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            progress = _progress(path, metadata)
            if metadata["format"] != _WITHOUT_DIGEST:
                _check_digest(path, metadata.get(_DIGEST))
            yield file, progress
    except FileNotFoundError:
        raise UnusableFileError(f"{path} does not exist", "give a .safetensors file that deepbelief saved") from None
    except (SafetensorError, OSError) as error:
        why = one_line(str(error))
        raise UnusableFileError(f"{path} cannot be read ({why})", "give a file that deepbelief saved") from None


def _progress(path: Path | str, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") not in (_FORMAT, _WITHOUT_DIGEST):
        raise UnusableFileError(f"{path} was not written by this version of deepbelief", "give a file that it saved")
    try:
        progress = json.loads(metadata.get("progress", ""))
    except (ValueError, RecursionError):
        progress = None
    if not isinstance(progress, dict):
        raise _damaged(path, "its header does not describe what it holds")
    return progress


def save_module(
    path: Path | str, module: nn.Module, description: Mapping[str, Any], further: Mapping[str, Any]
) -> None:
    """Save a module's `state_dict` with a description that is enough to build it again, for `load_module`.

    Raises:
        SettingsError: what is to be kept `further` beside it has a name of the description, or is nothing that JSON
            holds; or the description is longer than that of any model.
    """
    if taken := sorted({*description} & {*further}):
        raise SettingsError(f"{taken[0]} is a name of the file's own: give what is kept beside a model another name.")
    if (fault := _fault(further)) or (fault := _fault(description)):
        raise SettingsError(f"{path} is not written ({fault}): change that and save again.")
    try:
        progress = json.loads(json.dumps({**description, **further}))
    except (TypeError, ValueError, RecursionError) as error:
        raise SettingsError(f"what is kept beside a model must be JSON values ({error}).") from None
    save_state(path, TrainingState(dict(module.state_dict()), progress))


def save_dbn(path: Path | str, dbn: DBN, **further: Any) -> None:
    """Save a DBN; `load_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, dbn, {"model": "DBN", **_description(dbn)}, further)


def load_dbn(path: Path | str) -> DBN:
    """Load a DBN that `save_dbn` wrote, on the CPU; `DeepBeliefError` if it is missing, damaged or something else."""
    return load_module(path, "DBN", "no DBN: give a file such as runs/default/seed-0/models/dbn.safetensors", _dbn)


def save_labelled_rbm(path: Path | str, model: LabelledRBM, **further: Any) -> None:
    """Save an RBM with labels; `load_labelled_rbm` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "LabelledRBM", "top": _top_description(model)}, further)


def load_labelled_rbm(path: Path | str) -> LabelledRBM:
    """Load an RBM that `save_labelled_rbm` wrote, on the CPU; errors as of `load_dbn`."""
    otherwise = "no RBM with labels: give a file that save_labelled_rbm wrote"
    return load_module(path, "LabelledRBM", otherwise, lambda description: _top(description["top"]))


def save_labelled_dbn(path: Path | str, model: LabelledDBN, **further: Any) -> None:
    """Save a DBN with labels; `load_labelled_dbn` gives it back. Further keywords are kept beside it (JSON values)."""
    shape = {**_description(model.below), "top": _top_description(model.top), "untied": model.recognition is not None}
    save_module(path, model, {"model": "LabelledDBN", **shape}, further)


def load_labelled_dbn(path: Path | str) -> LabelledDBN:
    """Load a DBN that `save_labelled_dbn` wrote, on the CPU; errors as of `load_dbn`."""
    otherwise = (
        "no DBN with labels: give a file such as runs/default/seed-0/models/labelled.safetensors, which a study of "
        "labelled images saves"
    )
    return load_module(path, "LabelledDBN", otherwise, _labelled_dbn)


def save_autoencoder(path: Path | str, model: Autoencoder, **further: Any) -> None:
    """Save an autoencoder; `load_autoencoder` gives it back. Further keywords are kept beside it (JSON values)."""
    save_module(path, model, {"model": "Autoencoder", **_description(model.encoder)}, further)


def load_autoencoder(path: Path | str) -> Autoencoder:
    """Load an autoencoder that `save_autoencoder` wrote, on the CPU; errors as of `load_dbn`."""
    otherwise = "no autoencoder: give a file that save_autoencoder wrote"
    return load_module(path, "Autoencoder", otherwise, lambda shape: Autoencoder(_dbn(shape), _dbn(shape)))


def load_module(path: Path | str, kind: str, otherwise: str, build: Callable[[Mapping[str, Any]], Model]) -> Model:
    """The model in a file of this kind, on the CPU; `otherwise` says what any other file holds.

    `build` makes it from its description, on the device "meta": whatever a description claims takes neither memory
    nor random numbers before it is known that the file has the tensors for it.

    Raises:
        DeepBeliefError: the file is missing, damaged or holds something else.
    """
    with _opened(path) as (file, description):
        held = description.get("model")
        if (held, kind) == ("LabelledDBN", "DBN"):
            otherwise = (
                "a DBN with labels: draw its classes with `deepbelief sample --labels all`, load it in Python with "
                "load_labelled_dbn, or give a file such as runs/default/seed-0/models/dbn.safetensors"
            )
        if held != kind:
            fault, _, remedy = otherwise.partition(": ")
            raise UnusableFileError(f"{path} holds {fault}", remedy)
        if fault := _fault(description):
            raise _damaged(path, fault)
        try:
            with torch.device("meta"):
                model = build(description)
        except Exception as error:  # a description that was not written here can break anything
            raise _damaged(path, f"no model can be built from its description, {error!r}") from error
        _check_tensors(path, file, model.state_dict())
        tensors = {name: file.get_tensor(name) for name in model.state_dict()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise _damaged(path, f"{name} holds NaN or infinite values")
    first, _ = next(model.named_parameters())
    model.to(tensors[first].dtype).to_empty(device="cpu")
    for buffer in model.buffers():
        buffer.zero_()  # not in the file, such as the biases of the parts of joint units
    model.load_state_dict(tensors)
    return model


def _fault(description: Mapping[str, Any]) -> str:
    """What is wrong with a description, of whatever model; empty if it is in order."""
    shape = description.get("image_shape")
    if shape is not None and not (isinstance(shape, list | tuple) and all(isinstance(n, int) and n > 0 for n in shape)):
        return f"it tells of images of the shape {shape!r}"
    words, left = 0, [description[name] for name in ("units", "sizes", "top") if name in description]
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
            raise _damaged(path, f"{name} is missing")
        if name not in wanted:
            raise _damaged(path, f"{name} has no place in its model")
        found, expected = file.get_slice(name), list(wanted[name].shape)
        if found.get_shape() != expected:
            raise _damaged(path, f"{name} has the shape {found.get_shape()}, not {expected}")
        if found.get_dtype() not in _REAL:
            raise _damaged(path, f"{name} holds {file.get_tensor(name).dtype}, no real numbers")


def _damaged(path: Path | str, what: str) -> UnusableFileError:
    return UnusableFileError(
        f"{path} is damaged ({one_line(what)})", "give a file that deepbelief saved, or save it again"
    )


def _description(dbn: DBN) -> dict[str, Any]:
    """The description from which `_dbn` makes such a DBN."""
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


def _labelled_dbn(description: Mapping[str, Any]) -> LabelledDBN:
    recognition = _dbn(description) if description["untied"] else None
    return LabelledDBN(_dbn(description), _top(description["top"]), recognition)


def _top_description(model: LabelledRBM) -> dict[str, Any]:
    """The description from which `_top` makes such an RBM."""
    values, _ = model.rbm.visible.description["parts"]
    return {"values": values, "classes": model.classes, "hidden": model.rbm.hidden.description}


def _top(description: Mapping[str, Any]) -> LabelledRBM:
    values, hidden = make_units(description["values"]), make_units(description["hidden"])
    return LabelledRBM(values, description["classes"], hidden, Random(0, device="meta"))
