"""ONNX files give what PyTorch gives, for every kind of model and of unit, whatever the size of the batch."""

import copy
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepbelief import __version__
from deepbelief.checkpoint import save_dbn
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models import DBN, RBM, Autoencoder, Bernoulli, FeedForward
from deepbelief.sharing import export_classifier, export_encoder, export_reconstruction
from deepbelief.study.loading import with_standardisation
from deepbelief.tables.folder import load_table_model
from tests.cli.test_cli import assert_refused, quickly
from tests.every_model import EVERY_MODEL, WIDTH, some_rows

needs_exporter = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 9), reason="PyTorch exports as it is done here from 2.9 on"
)


def described(path: Path) -> tuple[Any, dict[str, str]]:
    """The checked content of a file, and its metadata."""
    import onnx

    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    return proto, {entry.key: entry.value for entry in proto.metadata_props}


def assert_alike(path: Path, output: str, wanted: Any) -> dict[str, str]:
    """The file gives what the function gives, for 1, 2 and 7 rows; returns its metadata."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    assert [one.name for one in session.get_inputs()] == ["values"]
    assert [one.name for one in session.get_outputs()] == [output]
    assert session.get_inputs()[0].shape == ["batch", WIDTH]
    assert session.get_outputs()[0].shape[0] == "batch"
    for rows in (1, 2, 7):
        values = some_rows(rows)
        (found,) = session.run([output], {"values": values.numpy()})
        with torch.no_grad():
            expected: Tensor = wanted(values)
        assert found.dtype == np.float32
        assert found.shape == tuple(expected.shape)
        assert np.abs(found - expected.numpy()).max() <= 1e-5
    proto, told = described(path)
    assert (proto.producer_name, proto.producer_version) == ("deepbelief", __version__)
    assert (told["library"], told["version"]) == ("deepbelief", __version__)
    return told


@needs_exporter
@pytest.mark.parametrize("name", ["binary", "real", "categorical", "counts", "joint"])
def test_a_reconstruction_is_that_of_pytorch(tmp_path: Path, name: str) -> None:
    """All that an encoder computes is in it, too."""
    dbn = EVERY_MODEL[name]
    export_reconstruction(dbn, tmp_path / "model.onnx")
    told = assert_alike(tmp_path / "model.onnx", "reconstruction", dbn.reconstruct)
    assert (told["model"], told["what"]) == ("DBN", "reconstruction")


@needs_exporter
def test_an_encoder_is_that_of_pytorch(tmp_path: Path) -> None:
    dbn = EVERY_MODEL["real"]
    assert isinstance(dbn, DBN)
    export_encoder(dbn, tmp_path / "encoder.onnx", 1)
    told = assert_alike(tmp_path / "encoder.onnx", "features", lambda values: dbn.encode(values, 1))
    assert (told["model"], told["what"], told["layer"]) == ("DBN", "encoder", "1")
    assert json.loads(told["units"]) == {"kind": "Bernoulli", "size": 5}


@needs_exporter
def test_an_autoencoder_is_that_of_pytorch(tmp_path: Path) -> None:
    model = EVERY_MODEL["autoencoder"]
    assert isinstance(model, Autoencoder)
    export_reconstruction(model, tmp_path / "model.onnx")
    assert assert_alike(tmp_path / "model.onnx", "reconstruction", model.reconstruct)["model"] == "Autoencoder"


CLASSIFIERS = {
    "network": "logits",
    "readout": "logits",
    "labelled_rbm": "log_probabilities",
    "untied": "log_probabilities",
}


@needs_exporter
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_is_that_of_pytorch(tmp_path: Path, name: str) -> None:
    export_classifier(EVERY_MODEL[name], tmp_path / "model.onnx")
    told = assert_alike(tmp_path / "model.onnx", CLASSIFIERS[name], EVERY_MODEL[name])
    assert (told["model"], told["what"]) == (type(EVERY_MODEL[name]).__name__, "classifier")


@needs_exporter
def test_a_network_of_standardised_values_takes_the_values_themselves(tmp_path: Path) -> None:
    """As a study's networks are where its visible units are real-valued."""
    dbn, network = EVERY_MODEL["real"], EVERY_MODEL["network"]
    assert isinstance(dbn, DBN) and isinstance(network, FeedForward)
    classifier = with_standardisation(dbn, network)
    assert isinstance(classifier, nn.Sequential)
    export_classifier(classifier, tmp_path / "model.onnx")
    assert_alike(tmp_path / "model.onnx", "logits", classifier)


@needs_exporter
def test_a_model_of_another_type_is_exported_in_float32_and_stays_as_it_is(tmp_path: Path) -> None:
    dbn = copy.deepcopy(EVERY_MODEL["binary"]).double()
    assert isinstance(dbn, DBN)
    training, level = dbn.training, logging.getLogger("torch.onnx").level
    export_reconstruction(dbn, tmp_path / "model.onnx", layer=1, steps=2)
    told = assert_alike(tmp_path / "model.onnx", "reconstruction", lambda values: dbn.reconstruct(values, 2, 1).float())
    assert (told["layer"], told["steps"]) == ("1", "2")
    assert {tensor.dtype for tensor in dbn.parameters()} == {torch.float64}
    assert all(tensor.requires_grad for tensor in dbn.parameters())
    assert dbn.training == training
    assert logging.getLogger("torch.onnx").level == level


@needs_exporter
def test_the_command_says_nothing_else_and_the_file_nothing_of_the_machine(tmp_path: Path) -> None:
    save_dbn(tmp_path / "dbn.safetensors", EVERY_MODEL["joint"])
    command = [sys.executable, "-W", "error", "-m", "deepbelief", "export", "dbn.safetensors", "--out", "e.onnx"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "e.onnx\n", "")
    proto, _ = described(tmp_path / "e.onnx")
    assert not [node for node in proto.graph.node if node.metadata_props or node.doc_string]
    content = (tmp_path / "e.onnx").read_bytes()
    assert str(Path(torch.__file__).parent).encode() not in content
    assert str(Path(__file__).parents[2]).encode() not in content


@needs_exporter
def test_a_folder_of_a_trained_table_gives_its_layers_or_its_classifier(tmp_path: Path) -> None:
    import onnxruntime

    rows = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    np.savez(tmp_path / "t.npz", x=rows[:, 0], z=rows[:, 1], u=rows[:, 2], label=(rows[:, 0] > 0).astype(int))
    quick = ("--hidden", "4", "--epochs", 1, "--batch-size", 10)
    assert quickly("train", "t.npz", "--out", "m", *quick, cwd=tmp_path).returncode == 0
    model = load_table_model(tmp_path / "m")
    assert model.classifier is not None
    done = quickly("export", "m", "--what", "classifier", "--out", "c.onnx", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (found,) = onnxruntime.InferenceSession(tmp_path / "c.onnx").run(["logits"], {"values": rows})
    np.testing.assert_allclose(found, model.classifier(torch.from_numpy(rows)).detach(), atol=1e-5)
    assert_refused(quickly("export", "m", "--layer", 2, "--out", "e.onnx", cwd=tmp_path), 2, "layer")


def test_what_cannot_be_exported_is_one_sentence_and_no_file(tmp_path: Path) -> None:
    dbn, autoencoder, out = EVERY_MODEL["binary"], EVERY_MODEL["autoencoder"], tmp_path / "model.onnx"
    assert isinstance(dbn, DBN) and isinstance(autoencoder, Autoencoder)
    with pytest.raises(SettingsError, match="layers 1 to 2, not 0"):
        export_encoder(dbn, out, 0)
    with pytest.raises(SettingsError, match="layers 1 to 2, not 3"):
        export_encoder(dbn, out, 3)
    with pytest.raises(SettingsError, match="layers 1 to 2, not 0"):
        export_reconstruction(dbn, out, 0)
    with pytest.raises(SettingsError, match="at least once, not 0 times"):
        export_reconstruction(dbn, out, steps=0)
    for wrong in ({"layer": 1}, {"steps": 2}):
        with pytest.raises(SettingsError, match="leave layer and steps out"):
            export_reconstruction(autoencoder, out, **wrong)
    for other in (dbn, RBM(Bernoulli(3), Bernoulli(2), 0), nn.Linear(2, 2), nn.Sequential()):
        with pytest.raises(SettingsError, match=f"a {type(other).__name__} is exported as no classifier"):
            export_classifier(other, out)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(torch, "__version__", "2.13.0")
    monkeypatch.setitem(sys.modules, package, None)
    dbn = EVERY_MODEL["binary"]
    assert isinstance(dbn, DBN)
    with pytest.raises(DeepBeliefError, match=r'pip install "deepbelief\[onnx\]"'):
        export_encoder(dbn, tmp_path / "model.onnx")


@pytest.mark.parametrize("version", ["2.4.0", "2.8.1+cpu"])
def test_a_pytorch_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(torch, "__version__", version)
    dbn = EVERY_MODEL["binary"]
    assert isinstance(dbn, DBN)
    with pytest.raises(DeepBeliefError, match=r"PyTorch 2\.9 or newer, this is " + version.replace("+", r"\+")):
        export_encoder(dbn, tmp_path / "model.onnx")


@needs_exporter
def test_a_failed_export_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_bytes(b"old")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(RuntimeError, match="no memory"):
        export_classifier(EVERY_MODEL["network"], tmp_path / "model.onnx")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]
