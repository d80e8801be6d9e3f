"""Tensors and JSON in one safetensors file with a digest; never pickle. Models and states of a training are kept so."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from deepbelief.errors import DeepBeliefError, one_line
from deepbelief.system.atomic import write_atomically

_FORMAT: Final = "deepbelief/2"
_WITHOUT_DIGEST: Final = "deepbelief/1"
_DIGEST: Final = "sha256"
_LENGTH: Final = 8  # bytes that hold the length of the header, before it
_PART: Final = 2**20  # bytes of a file that are read at a time


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
    end = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header, tensors = json.loads(content[_LENGTH:end]), memoryview(content)[end:]
    digest = hashlib.sha256(_without_digest(header))
    digest.update(tensors)
    header["__metadata__"] = dict(sorted({**header["__metadata__"], _DIGEST: digest.hexdigest()}.items()))
    ordered = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    ordered += b" " * (-len(ordered) % 8)  # the tensors begin at a multiple of 8
    return b"".join([len(ordered).to_bytes(_LENGTH, "little"), ordered, tensors])


def _without_digest(header: Mapping[str, Any]) -> bytes:
    """What the digest is taken of, before the tensors."""
    metadata = {name: value for name, value in header["__metadata__"].items() if name != _DIGEST}
    return json.dumps({**header, "__metadata__": metadata}, sort_keys=True).encode()


def _check_digest(path: Path | str, claimed: str | None) -> None:
    """Refuse a file that has changed since it was saved."""
    with Path(path).open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(_LENGTH), "little")))
        digest = hashlib.sha256(_without_digest(header))
        while part := file.read(_PART):
            digest.update(part)
    if digest.hexdigest() != claimed:
        raise damaged(path, "it is not as it was saved")


def load_state(path: Path | str) -> TrainingState:
    """Read what `save_state` wrote, onto the CPU; `DeepBeliefError` if it is missing, damaged or something else."""
    with opened(path) as (file, progress):
        # Copies: the tensors of safetensors are views of the file, and a change of the file would change or crash us.
        return TrainingState({name: file.get_tensor(name).clone() for name in file.keys()}, progress)  # noqa: SIM118


@contextmanager
def opened(path: Path | str, longest: float = math.inf) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A file that `save_state` wrote, of which only the header has been read, and the progress in it.

    A header of more than `longest` bytes is refused before it is read: to parse one takes many times its memory.
    """
    try:
        with Path(path).open("rb") as start:
            length = int.from_bytes(start.read(_LENGTH), "little")
        if longest < length <= Path(path).stat().st_size:
            raise damaged(path, "its header is longer than that of any model")
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
    found = metadata.get("format", "")
    if found not in (_FORMAT, _WITHOUT_DIGEST):
        newer = found.startswith(_FORMAT.partition("/")[0] + "/")
        remedy = "update deepbelief, or give a file that this version saved" if newer else "give a file that it saved"
        raise UnusableFileError(f"{path} was not written by this version of deepbelief", remedy)
    try:
        progress = json.loads(metadata.get("progress", ""))
    except (ValueError, RecursionError):
        progress = None
    if not isinstance(progress, dict):
        raise damaged(path, "its header does not describe what it holds")
    return progress


def damaged(path: Path | str, what: str) -> UnusableFileError:
    """The error of a file of ours that is not as it should be."""
    return UnusableFileError(
        f"{path} is damaged ({one_line(what)})", "give a file that deepbelief saved, or save it again"
    )
