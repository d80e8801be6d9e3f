"""What is saved comes back bit by bit; what is damaged is refused with a sentence."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from deepbelief.checkpoint import (
    TrainingState,
    load_autoencoder,
    load_dbn,
    load_labelled_dbn,
    load_labelled_rbm,
    load_network,
    load_state,
    save_autoencoder,
    save_dbn,
    save_labelled_dbn,
    save_labelled_rbm,
    save_state,
)
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models.autoencoder import unroll
from deepbelief.models.dbn import DBN
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReLU
from deepbelief.randomness import Random
from deepbelief.system.atomic import replacing, write_atomically


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_dbn_comes_back(tmp_path: Path, dtype: torch.dtype) -> None:
    dbn = DBN.from_sizes([5, 4, 3], Random(0)).to(dtype)
    save_dbn(str(tmp_path / "dbn.safetensors"), dbn)
    loaded = load_dbn(str(tmp_path / "dbn.safetensors"))
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


def saved(folder: Path, model: nn.Module, save: Save) -> tuple[Path, TrainingState]:
    path = folder / "model"
    save(path, model)
    return path, load_state(path)


MIXED = DBN.from_units(
    [Joint(Bernoulli(2), Gaussian(2, 0.3), Categorical(1, 3)), Bernoulli(4), Bernoulli(3)], Random(0)
)
MODELS: list[tuple[nn.Module, Save, Load]] = [
    *((model, save, load) for model, save, load, _ in KINDS),
    (MIXED, save_dbn, load_dbn),
    (unroll(MIXED), save_autoencoder, load_autoencoder),
    (LabelledRBM(Bernoulli(5), 3, ReLU(4), Random(0)), save_labelled_rbm, load_labelled_rbm),
]


@pytest.mark.parametrize(("model", "save", "load"), MODELS)
def test_every_model_comes_back_as_it_was(tmp_path: Path, model: nn.Module, save: Save, load: Load) -> None:
    for parameter in model.parameters():
        parameter.data = Random(1).normal(parameter.shape)
    path, _ = saved(tmp_path, model, save)
    loaded = load(path)
    # Everything, what is in no file included, such as the zeros in the parts of joint units.
    for before, after in (
        (model.named_buffers(), loaded.named_buffers()),
        (model.named_parameters(), loaded.named_parameters()),
    ):
        there, back = dict(before), dict(after)
        assert there.keys() == back.keys()
        for name, tensor in there.items():
            assert torch.equal(tensor, back[name]), name
            assert tensor.requires_grad == back[name].requires_grad, name


LOTS = 10**9
FOUR = {"kind": "Bernoulli", "size": 4}
ONE = {"kind": "Bernoulli", "size": 1}


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        ({"units": [{"kind": "Bernoulli", "size": LOTS}] * 2}, "has the shape"),
        ({"units": [{"kind": "Categorical", "groups": LOTS, "categories": 3}, FOUR]}, "has the shape"),
        ({"units": [{"kind": "Joint", "parts": [{"kind": "Gaussian", "size": LOTS}] * 2}, FOUR]}, "has the shape"),
        ({"units": [{"kind": "Bernoulli", "size": 10**30}, FOUR]}, "no model can be built"),
        ({"units": [{"kind": "Gaussian", "size": 5, "min_std": -1.0}, FOUR]}, "no model can be built"),
        ({"units": [ONE] * 10_000}, "more layers and parts than any model has"),
        ({"units": [{"kind": "Joint", "parts": [ONE] * 10_000}, FOUR]}, "more layers and parts than any model has"),
        ({"standardised": True}, "standardisation.mean is missing"),
    ],
)
def test_what_a_description_claims_takes_no_memory(tmp_path: Path, claim: dict[str, Any], message: str) -> None:
    path, state = saved(tmp_path, STACK, save_dbn)
    save_state(path, TrainingState(state.tensors, {**state.progress, **claim}))
    # Built with real memory, the first ones would say that there is none.
    with pytest.raises(DeepBeliefError, match=f"model is damaged .*{message}") as raised:
        load_dbn(path)
    assert len(str(raised.value)) < 1000


def test_units_of_a_joint_of_a_joint_end_somewhere(tmp_path: Path) -> None:
    path, state = saved(tmp_path, STACK, save_dbn)
    nested: dict[str, Any] = {"kind": "Bernoulli", "size": 5}
    for _ in range(300):
        nested = {"kind": "Joint", "parts": [nested]}
    save_state(
        path, TrainingState(state.tensors, {**state.progress, "units": [nested, {"kind": "Bernoulli", "size": 4}]})
    )
    with pytest.raises(DeepBeliefError, match="model is damaged") as raised:
        load_dbn(path)
    assert len(str(raised.value)) < 1000


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 12), st.sampled_from([LOTS, -LOTS, 2**70]), st.floats(),
    st.text(max_size=5),
    st.sampled_from(["Bernoulli", "Gaussian", "Joint", "Categorical", "ReLU", "Units"]),
    st.lists(st.integers(0, 9), max_size=3), st.just({}), st.just({"kind": "Bernoulli", "size": 5}),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with some of what is in it exchanged, left out or doubled."""
    if draw(st.integers(0, 5)) == 0:
        return draw(JUNK)
    if isinstance(value, dict):
        return {key: draw(mutated(inside)) for key, inside in value.items() if draw(st.integers(0, 9))}
    if isinstance(value, list):
        return [draw(mutated(inside)) for inside in value for _ in range(draw(st.sampled_from([0, 1, 1, 1, 1, 2])))]
    return value


@pytest.mark.parametrize(("model", "save", "load"), MODELS)
def test_any_description_loads_or_is_refused_in_a_sentence(
    tmp_path: Path, model: nn.Module, save: Save, load: Load
) -> None:
    path, state = saved(tmp_path, model, save)

    @given(mutated(state.progress))
    def check(progress: Any) -> None:
        if not isinstance(progress, dict):
            return
        save_state(path, TrainingState(state.tensors, progress))
        try:
            loaded = load(path)
        except DeepBeliefError as error:
            assert "\n" not in str(error)
            return
        for name, tensor in loaded.state_dict().items():
            assert torch.equal(tensor, state.tensors[name])

    check()


@pytest.mark.parametrize(("model", "save", "load"), MODELS)
def test_a_description_cannot_overwrite_what_the_file_needs(
    tmp_path: Path, model: nn.Module, save: Save, load: Load
) -> None:
    path, state = saved(tmp_path, model, save)
    for name in {*state.progress} - {"model"}:
        with pytest.raises(SettingsError, match=f"{name} is a name of the file's own"):
            save(path, model, **{name: "mine"})
    with pytest.raises(SettingsError, match="model is a name of the file's own"):
        save_dbn(path, STACK, model="mine")
    save(path, model, image_shape=(2, 3), author="me")
    assert load_state(path).progress["author"] == "me"
    load(path)


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ({"made": {1, 2}}, "must be JSON values"),
        ({"image_shape": "5x5"}, "it tells of images of the shape '5x5'"),
        ({"image_shape": (0, 5)}, r"it tells of images of the shape \(0, 5\)"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, further: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        save_dbn(tmp_path / "dbn", STACK, **further)
    assert not list(tmp_path.iterdir())


def test_equal_models_give_equal_files(tmp_path: Path) -> None:
    for number in range(20):  # of two orders each would be as likely
        save_dbn(tmp_path / str(number), STACK, image_shape=[1, 5])
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    content = (tmp_path / "0").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == ["format", "progress", "sha256"]


@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_single_changed_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: float, bit: int) -> None:
    path = tmp_path_factory.mktemp("bit") / "dbn.safetensors"
    save_dbn(path, DBN.from_sizes([5, 4], Random(0)), image_shape=[1, 5])
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    with pytest.raises(DeepBeliefError) as refused:
        load_dbn(path)
    assert "\n" not in str(refused.value)


def test_a_changed_tensor_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "dbn.safetensors"
    save_dbn(path, DBN.from_sizes([5, 4], Random(0)))
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(DeepBeliefError, match=r"is damaged \(it is not as it was saved\)"):
        load_dbn(path)


EARLIER = {
    "dbn": (load_dbn, [4, 3, 2]),
    "labelled_rbm": (load_labelled_rbm, None),
    "labelled_dbn": (load_labelled_dbn, None),
    "autoencoder": (load_autoencoder, None),
    "network": (load_network, [4, 3, 2]),
}


@pytest.mark.parametrize("name", EARLIER)
def test_files_of_earlier_versions_open(name: str) -> None:
    """Of before there was a digest; one of each kind."""
    load, sizes = EARLIER[name]
    model = load(Path(__file__).parent / "files" / "without-digest" / f"{name}.safetensors")
    assert sizes is None or model.sizes == sizes
    assert all(parameter.isfinite().all() for parameter in model.parameters())
    assert model(torch.full((2, 4), 0.5)).shape[0] == 2


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "record"
    write_atomically(path, b"old")
    with pytest.raises(RuntimeError, match="full"), replacing(path) as temporary:
        temporary.write_bytes(b"half of the n")
        raise RuntimeError("disk full")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_writes_nothing_but_a_sentence_on_the_terminal(tmp_path: Path) -> None:
    path, state = saved(tmp_path, STACK, save_dbn)
    for name in ("two\nlines", "\x1b[2J\x07red", "long" * 1000):
        save_state(path, TrainingState({**state.tensors, name: torch.zeros(1)}, state.progress))
        with pytest.raises(DeepBeliefError, match="model is damaged") as raised:
            load_dbn(path)
        assert str(raised.value).isprintable()
        assert len(str(raised.value)) < 1000
