"""Models in folders as the Hugging Face Hub keeps them: saved with a card, and loaded from there or from here."""

import re
from pathlib import Path
from typing import Any, Final

from torch import nn

from deepbelief.checkpoint import UnusableFileError, load_model, save_model
from deepbelief.errors import DeepBeliefError, SettingsError, one_line
from deepbelief.sharing.card import Card, card_text
from deepbelief.system.atomic import write_atomically

MODEL: Final = "model.safetensors"
"""The name of the model's file in its folder."""

CARD: Final = "README.md"
"""The name of the card, which is the hub's."""

_NAME: Final = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


def save_pretrained(model: nn.Module, folder: Path | str, card: Card | None = None, **further: Any) -> None:
    """Save a model and its card in a folder, which `from_pretrained` loads, and which can be uploaded as it is.

    The card tells of the layers, and of a `training` among what is kept `further` (see `training_summary`).

    Args:
        model: a `DBN`, `LabelledRBM`, `LabelledDBN`, `Autoencoder`, `FeedForward` or `ReadoutClassifier`.
        folder: made if it is not there.
        card: what else the card says.
        further: JSON values to keep beside the model, as for `save_model`.

    Raises:
        SettingsError: there is a model or a card in the folder, or no file can hold this.

    >>> import tempfile
    >>> from deepbelief import DBN
    >>> folder = tempfile.mkdtemp()
    >>> save_pretrained(DBN.from_sizes([6, 4], 0), folder, Card(licence="mit"))
    >>> from_pretrained(folder).sizes
    [6, 4]
    """
    folder, text = Path(folder), card_text(model, card or Card(), further)
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is a file: give the name of a folder.")
    if taken := [name for name in (MODEL, CARD) if (folder / name).exists()]:
        raise SettingsError(f"{folder / taken[0]} is there already: give another folder, or delete it first.")
    save_model(folder / MODEL, model, **further)
    write_atomically(folder / CARD, text.encode())


def from_pretrained(name: Path | str, revision: str | None = None) -> nn.Module:
    """Load a model that `save_pretrained` saved, on the CPU, from a folder or from the Hugging Face Hub.

    Args:
        name: a folder, or where there is none of that name "user/name" on the hub, which is downloaded once and kept
            in the hub's own cache.
        revision: a branch, tag or commit on the hub.

    Raises:
        SettingsError: `name` is neither a folder nor a name on the hub.
        DeepBeliefError: the folder holds no model, there is none of that name on the hub, or it cannot be reached.
    """
    folder = Path(name)
    if folder.is_dir():
        if not (folder / MODEL).is_file():
            raise UnusableFileError(f"{folder} holds no {MODEL}", "give a folder that save_pretrained wrote")
        return load_model(folder / MODEL)
    if folder.exists():
        raise SettingsError(f"{folder} is a file: give the folder that it is in, or load it with load_model.")
    if not _NAME.fullmatch(str(name)):
        raise SettingsError(_no_name(name))
    return load_model(_downloaded(str(name), revision))


def _no_name(name: Path | str) -> str:
    return f"{name} is no folder here, nor a name on the Hugging Face Hub such as user/name."


def _downloaded(name: str, revision: str | None) -> Path:
    """The path of the model's file of this name on the hub, in the hub's cache."""
    try:
        from huggingface_hub import errors, hf_hub_download
    except ImportError:
        raise DeepBeliefError(
            f"{name} is no folder here, and to look on the Hugging Face Hub takes one more package: "
            'pip install "deepbelief[hub]".'
        ) from None
    where = f"{name} is no folder here, and"
    try:
        return Path(hf_hub_download(name, MODEL, revision=revision))
    except errors.HFValidationError:
        raise SettingsError(_no_name(name)) from None
    except errors.RepositoryNotFoundError:
        fault = "the Hugging Face Hub has no such model for you: check the name, or log in with `hf auth login`"
    except errors.RevisionNotFoundError:
        fault = f"{name} on the Hugging Face Hub has no revision {revision}: leave it out for the latest"
    except errors.LocalEntryNotFoundError:
        fault = "the Hugging Face Hub cannot be reached: connect to the internet, or give a folder"
    except errors.EntryNotFoundError:
        fault = f"{name} on the Hugging Face Hub holds no {MODEL}: give a model that save_pretrained wrote"
    except Exception as error:  # of the hub's package, or of whichever HTTP library it is built on
        fault = f"the Hugging Face Hub does not give it ({one_line(str(error))}): try later, or give a folder"
    raise DeepBeliefError(f"{where} {fault}.")
