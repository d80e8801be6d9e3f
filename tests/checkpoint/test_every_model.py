"""Every kind of model comes back from its file bit for bit, with what is kept beside it; so do old files."""

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn

from deepbelief.checkpoint import load_dbn, load_model, load_state, read_description, save_model
from deepbelief.errors import SettingsError
from deepbelief.learning import training_summary
from deepbelief.learning.backprop.classifier import MinibatchSettings
from deepbelief.learning.course import Record
from deepbelief.models import DBN, RBM, Autoencoder, Bernoulli, FeedForward, Gaussian, Standardisation, unroll
from deepbelief.randomness import Random
from tests.every_model import EVERY_MODEL, outputs, some_rows, stack

FILES = Path(__file__).parents[1] / "files" / "with-digest"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_model_gives_the_same_bits_after_loading(tmp_path: Path, name: str, dtype: torch.dtype) -> None:
    model = copy.deepcopy(EVERY_MODEL[name]).to(dtype)
    save_model(tmp_path / "model", model)
    loaded = load_model(tmp_path / "model")
    assert type(loaded) is type(model)
    assert str(loaded) == str(model)
    for before, after in zip(outputs(model, some_rows(7)), outputs(loaded, some_rows(7)), strict=True):
        assert before.dtype == after.dtype
        assert torch.equal(before, after)


def test_each_tensor_keeps_its_own_type(tmp_path: Path) -> None:
    dbn = stack(Gaussian(6), Bernoulli(5))
    dbn.standardisation = Standardisation(torch.full((6,), 1 / 3, dtype=torch.float64), torch.ones(6).double())
    save_model(tmp_path / "dbn", dbn)
    loaded = load_dbn(tmp_path / "dbn")
    assert torch.equal(dbn.encode(some_rows(3)), loaded.encode(some_rows(3)))
    assert loaded.standardisation is not None
    assert loaded.standardisation.mean.dtype == torch.float64


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_a_file_has_its_format_what_the_model_is_and_how_it_was_trained(tmp_path: Path, name: str) -> None:
    settings, records = MinibatchSettings(epochs=3), [Record(1, 2.0), Record(2, 1.0, 0.75, "accuracy")]
    training = [training_summary(settings, records)]
    save_model(tmp_path / "model", EVERY_MODEL[name], training=training)
    content = (tmp_path / "model").read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
    assert header["format"] == "deepbelief/2"
    assert len(header["sha256"]) == 64
    described = read_description(tmp_path / "model")
    assert described["model"] == type(EVERY_MODEL[name]).__name__
    (told,) = described["training"]
    assert (told["method"], told["epochs"], told["kept"]) == ("MinibatchSettings", 2, 2)
    assert told["settings"]["epochs"] == 3
    assert told["figures"] == {"loss": 1.0, "score": 0.75}


def test_a_summary_tells_of_the_epoch_that_was_kept_and_of_finite_figures_alone() -> None:
    records = [Record(1, 2.0, 0.5, "accuracy"), Record(2, float("nan"), 0.25, "accuracy")]
    told = training_summary(MinibatchSettings(), records, kept=1)
    assert (told["epochs"], told["kept"], told["figures"]) == (2, 1, {"loss": 2.0, "score": 0.5})
    assert training_summary(MinibatchSettings(), records)["figures"] == {"loss": None, "score": 0.25}
    for missing, kept in (([], None), (records, 3)):
        with pytest.raises(SettingsError, match=f"no record of epoch {kept or 1}"):
            training_summary(MinibatchSettings(), missing, kept)


@pytest.mark.parametrize("name", sorted(path.stem for path in FILES.glob("*.safetensors")))
def test_files_with_a_digest_open_and_give_what_they_gave(name: str) -> None:
    """Written by the first version of the format deepbelief/2; `outputs.json` has what the models gave then."""
    model = load_model(FILES / f"{name}.safetensors")
    expected = json.loads((FILES / "outputs.json").read_text())[name]
    found = outputs(model, some_rows(3))
    assert len(found) == len(expected)
    for values, wanted in zip(found, expected, strict=True):
        assert torch.allclose(values, torch.tensor(wanted), atol=1e-5)


def test_there_is_an_old_file_of_every_kind() -> None:
    assert {path.stem for path in FILES.glob("*.safetensors")} == EVERY_MODEL.keys()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (RBM(Bernoulli(3), Bernoulli(2), 0), "RBM is no model that a file can hold: give one of DBN, "),
        (nn.Linear(2, 2), "Linear is no model that a file can hold"),
        (FeedForward([3, 2, 2], nn.functional.elu, 0), "knows torch.relu, torch.sigmoid, torch.tanh"),
        (
            Autoencoder(stack(Bernoulli(6), Bernoulli(5)), stack(Gaussian(6), Bernoulli(5))),
            "two stacks of this Autoenc",
        ),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path: Path, model: nn.Module, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        save_model(tmp_path / "model", model)
    assert not list(tmp_path.iterdir())


def test_one_stack_that_standardises_alone_is_refused(tmp_path: Path) -> None:
    autoencoder = unroll(stack(Gaussian(6), Bernoulli(5), standardised=True))
    autoencoder.decoder.standardisation = None
    with pytest.raises(SettingsError, match="differ in their units or in whether they standardise"):
        save_model(tmp_path / "model", autoencoder)


def test_what_is_kept_has_a_limit_that_the_file_still_opens_with(tmp_path: Path) -> None:
    dbn = DBN.from_sizes([4, 3], Random(0))
    with pytest.raises(SettingsError, match="keep 1048576 at most"):
        save_model(tmp_path / "dbn", dbn, notes="x" * 2**20)
    save_model(tmp_path / "dbn", dbn, notes="\x00" * (2**20 // 6 - 100))  # each takes six characters in JSON
    load_dbn(tmp_path / "dbn")
    assert len(load_state(tmp_path / "dbn").progress["notes"]) == 2**20 // 6 - 100


@pytest.mark.parametrize("name", EVERY_MODEL)
def test_in_half_precision_a_file_holds_rounded_numbers_and_gives_float32(tmp_path: Path, name: str) -> None:
    model = EVERY_MODEL[name]
    save_model(tmp_path / "half", model, half=True, image_shape=[1, 6])
    loaded = load_model(tmp_path / "half")
    for key, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], tensor.half().float())
        assert load_state(tmp_path / "half").tensors[key].dtype == torch.float16
    assert read_description(tmp_path / "half")["image_shape"] == [1, 6]


def test_numbers_too_large_for_half_precision_are_not_written(tmp_path: Path) -> None:
    dbn = stack(Bernoulli(6), Bernoulli(5))
    with torch.no_grad():
        dbn.layer(1).weights[0, 0] = 70_000
    with pytest.raises(SettingsError, match=r"float16 cannot hold .*weights.*: save without half"):
        save_model(tmp_path / "half", dbn, half=True)
    assert not (tmp_path / "half").exists()
