"""Features of images, written to files."""

from pathlib import Path

import numpy as np
import pytest
import torch

from deepbelief.checkpoint import save_dbn
from deepbelief.cli.features import encode_to_file
from deepbelief.data import Images
from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.views import encode_source
from deepbelief.randomness import Random


@pytest.fixture
def dbn() -> DBN:
    return DBN.from_sizes([6, 5, 4], Random(0))


def images(n: int, labels: bool = True) -> Images:
    return Images(Random(1).uniform((n, 6)), 1.0, torch.arange(n) % 3 if labels else None)


def test_files(tmp_path: Path, dbn: DBN) -> None:
    save_dbn(tmp_path / "dbn.safetensors", dbn)
    assert encode_to_file(tmp_path / "dbn.safetensors", images(7), tmp_path / "f.npy") == (7, 4)
    features = np.load(tmp_path / "f.npy")
    np.testing.assert_allclose(features, encode_source(dbn, images(7)).numpy())
    assert encode_to_file(tmp_path / "dbn.safetensors", images(7), tmp_path / "f.npz", layer=1) == (7, 5)
    with np.load(tmp_path / "f.npz") as both:
        assert both["labels"].tolist() == [0, 1, 2, 0, 1, 2, 0]
    encode_to_file(tmp_path / "dbn.safetensors", images(7, labels=False), tmp_path / "g.npz")
    with np.load(tmp_path / "g.npz") as one:
        assert set(one) == {"features"}


def test_faults_are_refused_and_leave_nothing(tmp_path: Path, dbn: DBN) -> None:
    model = tmp_path / "dbn.safetensors"
    save_dbn(model, dbn)
    with pytest.raises(SettingsError, match=r"\.npy, \.npz, not f\.txt"):
        encode_to_file(model, images(7), tmp_path / "f.txt")
    with pytest.raises(SettingsError, match="layers 1 to 2, not 3"):
        encode_to_file(model, images(7), tmp_path / "f.npy", layer=3)
    with pytest.raises(SettingsError, match="sees 6 values, the images have 2"):
        encode_to_file(model, Images(torch.zeros(3, 2), 1.0), tmp_path / "f.npy")
    assert list(tmp_path.iterdir()) == [model]
