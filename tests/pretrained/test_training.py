"""The script that trains the models that come with the package, on handwritten digits of few pixels."""

import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

import pretrained  # noqa: E402 (a script of the folder above)

from deepbelief import RBMSettings, accuracy, load_dataset, load_pretrained  # noqa: E402
from deepbelief.data import TensorSource  # noqa: E402
from deepbelief.learning import ConvergedSettings  # noqa: E402
from deepbelief.pretrained import folders, model  # noqa: E402
from deepbelief.robustness import fgsm  # noqa: E402

PLAN = pretrained.Plan(
    hidden=(20, 12),
    layers=RBMSettings(epochs=3, batch_size=10, learning_rate=0.2),
    readouts=ConvergedSettings(l2=(1e-3,), max_iterations=50),
    label_units=10,
    labels=RBMSettings(epochs=5, batch_size=50, persistent_chains=20, clamp_labels=True),
    held_out=200,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pretrained")
    pretrained.train(load_dataset("digits"), PLAN, folder / "digits")
    return folder


def test_what_it_writes_is_loaded_and_is_as_good_as_it_says(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (folders, model):
        monkeypatch.setattr(module, "FOLDER", trained)
    monkeypatch.setattr(folders, "NAMES", ("digits",))
    loaded, test = load_pretrained("digits"), load_dataset("digits").test
    labels = test.required_labels()
    assert loaded.dbn.sizes == [64, 20, 12]
    assert torch.allclose(loaded.images.batch(slice(None)), test.batch(slice(0, 100)), atol=1 / 510)
    assert loaded.accuracies["readout_1"] > 0.8
    attacked = fgsm(loaded.readouts[1], test.batch(slice(0, len(test))), labels, 0.1)
    at = loaded.curves["fgsm"]["levels"].index(0.1)  # type: ignore[attr-defined]
    told = loaded.curves["fgsm"]["accuracies"]["readout_2"][at]  # type: ignore[index]
    assert told == accuracy(loaded.readouts[1], TensorSource(attacked), labels)
    for name, classifier in loaded.classifiers.items():
        assert accuracy(classifier, test, labels) == loaded.accuracies[name]


def test_its_card_has_every_training(trained: Path) -> None:
    text = (trained / "digits" / "README.md").read_text(encoding="utf-8")
    for words in ("1. RBMSettings", "3. RBMSettings", "5. ConvergedSettings", "| persistent_chains | 0 | 0 | 20 |"):
        assert words in text
