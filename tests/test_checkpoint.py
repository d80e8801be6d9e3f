"""What is saved comes back bit by bit; what is damaged is refused with a sentence."""

from pathlib import Path

import pytest
import torch

from deepbelief.atomic import replacing, write_atomically
from deepbelief.checkpoint import TrainingState, load_dbn, load_state, save_dbn, save_state
from deepbelief.dbn import DBN
from deepbelief.errors import DeepBeliefError
from deepbelief.randomness import Random


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_dbn_comes_back(tmp_path: Path, dtype: torch.dtype) -> None:
    dbn = DBN.from_sizes([5, 4, 3], Random(0)).to(dtype)
    save_dbn(tmp_path / "dbn.safetensors", dbn)
    loaded = load_dbn(tmp_path / "dbn.safetensors")
    assert loaded.sizes == dbn.sizes
    for name, tensor in dbn.state_dict().items():
        assert torch.equal(tensor, loaded.state_dict()[name])
        assert loaded.state_dict()[name].dtype == dtype


def test_shared_memory_and_progress_survive(tmp_path: Path) -> None:
    tensor = torch.arange(6.0).view(2, 3)
    save_state(tmp_path / "s", TrainingState({"a": tensor, "b": tensor.T}, {"epoch": 3, "losses": [0.1, None]}))
    state = load_state(tmp_path / "s")
    assert torch.equal(state.tensors["b"], tensor.T)
    assert state.progress == {"epoch": 3, "losses": [0.1, None]}


def test_missing_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "dbn.safetensors"
    with pytest.raises(DeepBeliefError, match="does not exist"):
        load_dbn(path)
    path.write_bytes(b"not a model at all")
    with pytest.raises(DeepBeliefError, match="cannot be read"):
        load_dbn(path)
    save_dbn(path, DBN.from_sizes([5, 4], Random(0)))
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(DeepBeliefError, match="cannot be read"):
        load_dbn(path)
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DeepBeliefError, match="not written by this version"):
        load_dbn(path)
    save_state(path, TrainingState({"x": torch.zeros(1)}, {"model": "FeedForward"}))
    with pytest.raises(DeepBeliefError, match="holds no DBN"):
        load_dbn(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError, match="full"), replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise RuntimeError("disk full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
