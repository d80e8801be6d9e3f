"""The models of a finished study leave it: as folders with a card, and as ONNX files."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import huggingface_hub
import pytest
import torch

from deepbelief import sharing
from deepbelief.checkpoint import read_description, save_dbn, save_model
from deepbelief.cli import main
from deepbelief.errors import SettingsError
from deepbelief.models import DBN, Autoencoder
from deepbelief.sharing import from_pretrained, save_pretrained, share_run
from deepbelief.study import load_run
from tests.every_model import EVERY_MODEL


def values(rows: int = 5) -> torch.Tensor:
    """As the study's data are: far from 0."""
    return 10 + torch.linspace(-4, 4, rows * 6).view(rows, 6)


def deepbelief(*words: object) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        patched.setattr("sys.argv", ["deepbelief", *map(str, words)])
        with pytest.raises(SystemExit) as left:
            main()
    return int(left.value.code or 0), out.getvalue(), err.getvalue()


def test_the_dbn_of_a_study_is_shared_with_what_was_measured(run: Path, tmp_path: Path) -> None:
    share_run(run, tmp_path, licence="mit")
    loaded = from_pretrained(tmp_path)
    assert isinstance(loaded, DBN)
    assert torch.equal(loaded.encode(values()), load_run(run).dbn.encode(values()))
    kept = read_description(tmp_path / "model.safetensors")
    assert kept["image_shape"] == [2, 3]
    assert [one["settings"]["epochs"] for one in kept["training"]] == [3, 2]
    card = huggingface_hub.ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "mit"
    assert sorted(one.metric_value for one in card.data.eval_results) == pytest.approx([0.75, 0.85])
    assert "It learnt from digits." in card.text
    assert "| 1. RBMSettings | 2. RBMSettings |" in card.text
    assert "| accuracy of a linear read-out of hidden 2 | 0.8500 | 0.2147 to 1.4853 | 2 |" in card.text


@pytest.mark.parametrize(
    ("name", "trainings"),
    [
        ("readout_2", ["RBMSettings", "RBMSettings", "MinibatchSettings"]),
        ("ffnn", ["MinibatchSettings"]),
        ("finetuned", ["RBMSettings", "RBMSettings", "MinibatchSettings"]),
    ],
)
def test_a_classifier_of_a_study_is_shared_whole(run: Path, tmp_path: Path, name: str, trainings: list[str]) -> None:
    """With its standardisation: the values that never change, too, are those of the data."""
    share_run(run, tmp_path, name, title="Mine")
    wanted = load_run(run).classifiers[name](values())
    assert torch.allclose(from_pretrained(tmp_path)(values()), wanted, atol=1e-5)
    kept = read_description(tmp_path / "model.safetensors")
    assert [one["method"] for one in kept["training"]] == trainings
    text = (tmp_path / "README.md").read_text()
    assert "\n# Mine\n" in text
    assert ("| accuracy on the test images | 0.9250 |" in text) == (name == "finetuned")


def test_a_study_from_before_trainings_were_kept_is_shared(run: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    (older / "seed-3" / "models").mkdir(parents=True)
    for path in (run / "seed-3" / "models").iterdir():
        (older / "seed-3" / "models" / path.name).write_bytes(path.read_bytes())
    (older / "results.json").write_bytes((run / "results.json").read_bytes())
    save_dbn(older / "seed-3" / "models" / "dbn.safetensors", load_run(run).dbn)
    share_run(older, tmp_path / "shared")
    assert "## Training" not in (tmp_path / "shared" / "README.md").read_text()


def test_what_a_study_does_not_have_is_one_sentence(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no classifier readout_7: give one of readout_1, readout_2, ffnn, finet"):
        share_run(run, tmp_path, "readout_7")
    with pytest.raises(SettingsError, match="has no seed 5"):
        share_run(run, tmp_path, seed=5)
    assert not list(tmp_path.iterdir())


def test_the_command_shares_and_says_how_to_upload(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    code, said, _ = deepbelief("share", run, "--classifier", "finetuned", "--out", out, "--licence", "mit")
    assert (code, said) == (0, f"{out}: upload it with `hf upload user/name {out}`\n")
    assert huggingface_hub.ModelCard.load(out / "README.md").data.license == "mit"
    code, _, error = deepbelief("share", run, "--out", out)
    assert code == 2
    assert "is there already: give another folder" in error
    code, _, error = deepbelief("share", tmp_path, "--out", tmp_path / "other")
    assert (code, error.count("\n")) == (1, 1)
    assert "is this the folder of a finished run?" in error


def test_the_command_exports_from_files_folders_and_studies(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is exported how; that it is right, `test_onnx.py` tests."""
    exported: list[tuple[object, ...]] = []
    for name in ("export_encoder", "export_reconstruction", "export_classifier"):
        monkeypatch.setattr(sharing, name, lambda model, *rest, name=name: exported.append((name, str(model), *rest)))
    autoencoder, network, out = EVERY_MODEL["autoencoder"], EVERY_MODEL["network"], tmp_path / "model.onnx"
    assert isinstance(autoencoder, Autoencoder)
    save_model(tmp_path / "autoencoder", autoencoder)
    save_pretrained(network, tmp_path / "shared")
    loaded = load_run(run)
    dbn, finetuned = str(loaded.dbn), str(loaded.classifiers["finetuned"])
    file, reconstruction = run / "seed-3" / "models" / "dbn.safetensors", ["--what", "reconstruction"]
    for words, wanted in (
        ([file, "--layer", 1], ("export_encoder", dbn, out, 1)),
        ([file, "--what", "encoder"], ("export_encoder", dbn, out, None)),
        ([file, *reconstruction, "--layer", 2], ("export_reconstruction", dbn, out, 2)),
        ([tmp_path / "autoencoder"], ("export_encoder", str(autoencoder.encoder), out, None)),
        ([tmp_path / "autoencoder", *reconstruction], ("export_reconstruction", str(autoencoder), out, None)),
        ([tmp_path / "shared"], ("export_classifier", str(network), out)),
        ([run, "--seed", 3], ("export_encoder", dbn, out, None)),
        ([run, "--classifier", "finetuned"], ("export_classifier", finetuned, out)),
    ):
        assert deepbelief("export", *words, "--out", out) == (0, f"{out}\n", "")
        assert exported.pop() == wanted


def test_what_the_command_cannot_export_is_one_sentence(run: Path, tmp_path: Path) -> None:
    models, out = run / "seed-3" / "models", tmp_path / "model.onnx"
    dbn, labelled = models / "dbn.safetensors", models / "labelled.safetensors"
    (tmp_path / "torn").write_bytes(b"torn")
    for words, code, message in (
        ([dbn, "--out", "model.pt"], 2, "a file that ends in .onnx, not model.pt"),
        ([dbn, "--layer", 9, "--out", out], 2, "layers 1 to 2, not 9"),
        ([dbn, "--what", "classifier", "--out", out], 2, "holds no classifier: give another file, or a study's folder"),
        ([labelled, "--what", "encoder", "--out", out], 2, "holds a classifier, which is exported whole"),
        ([labelled, "--layer", 1, "--out", out], 2, "holds a classifier, which is exported whole"),
        ([run, "--classifier", "nothing", "--out", out], 2, "no classifier nothing: give one of readout_1"),
        ([run, "--seed", 9, "--out", out], 2, "has no seed 9"),
        ([dbn, "--classifier", "ffnn", "--out", out], 2, "is no finished study"),
        ([dbn, "--seed", 0, "--out", out], 2, "is no finished study"),
        ([tmp_path, "--out", out], 1, "holds no model.safetensors"),
        ([tmp_path / "missing", "--out", out], 1, "does not exist"),
        ([tmp_path / "torn", "--out", out], 1, "cannot be read"),
    ):
        done, said, error = deepbelief("export", *words)
        assert (done, said) == (code, ""), words
        assert message in error, words
        assert error.startswith("deepbelief: ")
        assert error.count("\n") == 1, words
    assert not out.exists()
