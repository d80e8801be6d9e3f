"""What is saved comes back bit by bit; what is damaged is refused with a sentence."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from deepbelief.atomic import replacing, write_atomically
from deepbelief.autoencoder import unroll
from deepbelief.checkpoint import (
    TrainingState,
    load_autoencoder,
    load_dbn,
    load_labelled_dbn,
    load_labelled_rbm,
    load_state,
    save_autoencoder,
    save_dbn,
    save_labelled_dbn,
    save_labelled_rbm,
    save_state,
)
from deepbelief.dbn import DBN
from deepbelief.errors import DeepBeliefError
from deepbelief.labelled import LabelledDBN, LabelledRBM
from deepbelief.randomness import Random
from deepbelief.units import Bernoulli


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
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(DeepBeliefError, match="not written by this version"):
        load_dbn(path)
    save_state(path, TrainingState({"x": torch.zeros(1)}, {"model": "FeedForward"}))
    with pytest.raises(DeepBeliefError, match="holds no DBN"):
        load_dbn(path)


@pytest.mark.parametrize("progress", [None, "", "no JSON", "[1, 2]", "[" * 100_000])
def test_a_header_that_describes_nothing_is_refused(tmp_path: Path, progress: str | None) -> None:
    metadata = {"format": "deepbelief/1"} | ({} if progress is None else {"progress": progress})
    save_file({"x": torch.zeros(1)}, tmp_path / "m", metadata)
    with pytest.raises(DeepBeliefError, match=r"m is damaged \(its header does not describe what it holds\): give a"):
        load_dbn(tmp_path / "m")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"units": None}, "no model can be built"),
        ({"units": [{"kind": "Quantum", "size": 5}, {"kind": "Bernoulli", "size": 4}]}, "no model can be built"),
        ({"units": [{"kind": "Bernoulli", "size": -5}, {"kind": "Bernoulli", "size": 4}]}, "no model can be built"),
        ({"units": []}, "no model can be built"),
        ({"image_shape": [-1, -5]}, r"it tells of images of the shape \[-1, -5\]"),
        ({"image_shape": "5"}, "it tells of images of the shape '5'"),
    ],
)
def test_a_foreign_description_is_refused(tmp_path: Path, change: dict[str, Any], what: str) -> None:
    path = tmp_path / "dbn"
    save_dbn(path, DBN.from_sizes([5, 4], Random(0)))
    state = load_state(path)
    save_state(path, TrainingState(state.tensors, {**state.progress, **change}))
    with pytest.raises(DeepBeliefError, match=rf"dbn is damaged \({what}") as raised:
        load_dbn(path)
    assert "\n" not in str(raised.value)
    del state.progress["units"]
    save_state(path, state)
    with pytest.raises(DeepBeliefError, match=r"no model can be built from its description, KeyError\('sizes'\)"):
        load_dbn(path)


Save = Callable[..., None]
Load = Callable[[Path], nn.Module]
STACK = DBN.from_sizes([5, 4], Random(0))
KINDS: list[tuple[nn.Module, Save, Load, str]] = [
    (STACK, save_dbn, load_dbn, "rbms.0.weights"),
    (LabelledRBM(Bernoulli(5), 3, Bernoulli(4), Random(0)), save_labelled_rbm, load_labelled_rbm, "rbm.weights"),
    (LabelledDBN.from_sizes([5, 4, 3], 2, Random(0)), save_labelled_dbn, load_labelled_dbn, "top.rbm.weights"),
    (unroll(STACK), save_autoencoder, load_autoencoder, "encoder.rbms.0.weights"),
]


@pytest.mark.parametrize(("model", "save", "load", "name"), KINDS, ids=[name for *_, name in KINDS])
def test_wrong_tensors_are_refused(tmp_path: Path, model: nn.Module, save: Save, load: Load, name: str) -> None:
    path = tmp_path / "model"
    save(path, model)
    load(path)
    state = load_state(path)
    whole = dict(state.tensors)
    wrong = whole[name].clone()
    for value in (math.nan, math.inf):
        wrong[0, 0] = value
        save_state(path, TrainingState({**whole, name: wrong}, state.progress))
        with pytest.raises(DeepBeliefError, match=rf"model is damaged \({name} holds NaN or infinite values\)"):
            load(path)
    save_state(path, TrainingState({**whole, name: whole[name][1:]}, state.progress))
    with pytest.raises(DeepBeliefError, match=rf"model is damaged \({name} has the shape \["):
        load(path)
    save_state(path, TrainingState({**whole, name: whole[name].int()}, state.progress))
    with pytest.raises(DeepBeliefError, match=rf"model is damaged \({name} holds torch.int32"):
        load(path)
    save_state(path, TrainingState({**whole, "zebra": whole[name]}, state.progress))
    with pytest.raises(DeepBeliefError, match=r"model is damaged \(zebra has no place in its model\)"):
        load(path)
    del whole[name]
    save_state(path, TrainingState(whole, state.progress))
    with pytest.raises(DeepBeliefError, match=rf"model is damaged \({name} is missing\)"):
        load(path)
    save_state(path, TrainingState(state.tensors, {"model": state.progress["model"]}))
    with pytest.raises(DeepBeliefError, match="no model can be built from its description"):
        load(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError, match="full"), replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise RuntimeError("disk full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
