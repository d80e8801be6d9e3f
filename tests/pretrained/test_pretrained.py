"""The models that come with the package: they are what their cards and files say, and small."""

import math
from pathlib import Path

import huggingface_hub
import pytest
import torch

from deepbelief import accuracy, load_dataset, load_pretrained
from deepbelief.errors import SettingsError
from deepbelief.pretrained import NAMES
from deepbelief.pretrained.folders import FOLDER, pretrained_folder
from deepbelief.pretrained.model import find_pretrained
from deepbelief.sampling import labelled_fantasies

MOST_BYTES = 3_000_000  # of all files together: they are part of the package


def test_there_is_a_folder_for_every_name_and_all_are_small() -> None:
    assert sorted(path.name for path in FOLDER.iterdir() if (path / "README.md").exists()) == sorted(NAMES)
    assert sum(path.stat().st_size for name in NAMES for path in (FOLDER / name).iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", NAMES)
def test_it_recognises_its_images_as_often_as_it_says(name: str) -> None:
    model = load_pretrained(name)
    labels = model.images.required_labels()
    assert len(model.images) == 100 and math.prod(model.image_shape) == model.images.width == model.dbn.sizes[0]
    assert len(model.class_names) == model.labelled.classes == 10
    assert model.accuracies.keys() == model.classifiers.keys() == {"readout_1", "readout_2", "labelled"}
    for one, classifier in model.classifiers.items():
        told = model.accuracies[one]
        error = math.sqrt(told * (1 - told) / len(labels))  # of the share among so few images
        assert abs(accuracy(classifier, model.images, labels) - told) < 4 * error
        assert model.curves["gaussian"]["accuracies"][one][0] == told  # type: ignore[index]
    assert not any(parameter.requires_grad for parameter in model.labelled.parameters())
    assert model.labelled.below is model.dbn is model.readouts[0].dbn
    assert model.dbn.layer(1).weights.dtype == torch.float32


@pytest.mark.parametrize("name", NAMES)
def test_images_made_of_a_class_are_mostly_recognised_as_it(name: str) -> None:
    model = load_pretrained(name)
    wanted = torch.arange(10).repeat_interleave(5)
    made = labelled_fantasies(model.labelled, wanted, random=0, steps=200)
    assert float((model.classifier()(made).argmax(dim=1) == wanted).double().mean()) > 0.7


@pytest.mark.study
def test_the_accuracies_are_those_of_the_rounded_model_on_all_test_images() -> None:
    model, test = load_pretrained("fashion-mnist"), load_dataset("fashion-mnist").test
    assert torch.equal(model.images.pixels, test.pixels[:100])
    for one, classifier in model.classifiers.items():
        found = accuracy(classifier, test, test.required_labels())
        assert found == pytest.approx(model.accuracies[one], abs=3e-4), one  # another processor rounds otherwise


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_of_accuracies_training_and_licences(name: str) -> None:
    card = huggingface_hub.ModelCard.load(pretrained_folder(name) / "README.md")
    assert card.data.license == "mit"
    for value in load_pretrained(name).accuracies.values():
        assert f"| {value:.4f} |" in card.text
    for words in (f'load_pretrained("{name}")', "| learning_rate | 0.1 |", "benchmarks/pretrained.py", "## Licence"):
        assert words in card.text


def test_a_wrong_name_gets_the_names_that_there_are() -> None:
    names = "there is no pretrained model 'minst': give one of fashion-mnist, mnist."
    with pytest.raises(SettingsError, match=names):
        load_pretrained("minst")
    with pytest.raises(SettingsError, match="no classifier 'finetuned': give one of readout_1, readout_2, labelled"):
        load_pretrained("mnist").classifier("finetuned")


def test_only_folders_of_the_package_are_pretrained_models(tmp_path: Path) -> None:
    (tmp_path / "mnist").mkdir()
    assert find_pretrained(tmp_path / "mnist") is None
    found = find_pretrained(pretrained_folder("mnist"))
    assert found is not None and found.name == "mnist"
