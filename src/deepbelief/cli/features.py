"""Features of images, written to a file."""

from pathlib import Path

import numpy as np
import torch

from deepbelief.checkpoint import load_dbn
from deepbelief.data import Images
from deepbelief.errors import SettingsError
from deepbelief.models.views import encode_source
from deepbelief.system.atomic import replacing


def check_ending(out: Path) -> None:
    """`SettingsError` if no features can be written to a file of this name."""
    if out.suffix not in (".npy", ".npz"):
        raise SettingsError(f"features are written as .npy or .npz, not {out.name}: give --out features.npy.")


def encode_to_file(
    model: Path, images: Images, out: Path, layer: int | None = None, device: torch.device | str = "cpu"
) -> tuple[int, ...]:
    """Write the features of images to a .npy file, or with their labels (if any) to a .npz file; returns the shape.

    Raises:
        SettingsError: `out` has another ending, the layer is not there, or the images have another size.
        DeepBeliefError: the model cannot be read.
    """
    check_ending(out)
    features = encode_source(load_dbn(model).to(device), images.to(device), layer).cpu().numpy()
    with replacing(out) as temporary, temporary.open("wb") as file:
        if out.suffix == ".npy":
            np.save(file, features)
        elif images.labels is None:
            np.savez(file, features=features)
        else:
            np.savez(file, features=features, labels=images.labels.numpy())
    return features.shape
