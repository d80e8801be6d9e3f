"""Train the models that come with the package, round them to float16, measure them, and write their folders.

    python benchmarks/pretrained.py fashion-mnist
    python benchmarks/pretrained.py mnist --data FOLDER

Each takes some minutes on one core. Settings and seed are below; the card that is written tells of them, and of what
the rounded model reaches on the test images, which nothing was chosen by.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from deepbelief import DBN, FeedForward, Pretraining, Random, RBMSettings, accuracy, encode_source, fgsm, load_dataset
from deepbelief.checkpoint import load_dbn, load_labelled_rbm, read_description, save_model
from deepbelief.data import Dataset, Images, Labelled, TensorSource
from deepbelief.explorer.sources import LABELLED_TITLE
from deepbelief.learning import ConvergedSettings, ConvergedTraining, training_summary
from deepbelief.learning.labels.calibration import fit_label_biases
from deepbelief.models import Bernoulli, LabelledDBN, LabelledRBM, ReadoutClassifier
from deepbelief.pretrained.folders import DBN_FILE, FOLDER, IMAGES_FILE, LABEL_RBM_FILE, NAMES, readout_file
from deepbelief.pretrained.model import LABELLED
from deepbelief.report.tables import Table
from deepbelief.robustness import gaussian
from deepbelief.sharing import Card
from deepbelief.sharing.card import card_text
from deepbelief.sharing.pretrained import CARD
from deepbelief.study.records import SPELT, Metric
from deepbelief.system.atomic import replacing, write_atomically

SHOWN: Final = 100  # test images that travel with a model

IMAGES_FROM: Final = {
    "fashion-mnist": "They are from Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747), Copyright (c) 2017 "
    "Zalando SE, https://tech.zalando.com, under the MIT licence, whose text is in this package's file LICENSE.",
    "mnist": "They are from MNIST (LeCun, Cortes & Burges, http://yann.lecun.com/exdb/mnist/), under the licence "
    "Creative Commons Attribution-Share Alike 3.0, https://creativecommons.org/licenses/by-sa/3.0/.",
}


LAYERS: Final = RBMSettings(
    epochs=15,
    batch_size=128,
    learning_rate=0.1,
    learning_rate_to_zero=True,
    initial_momentum=0.5,
    final_momentum=0.9,
    momentum_switch=5,
    weight_decay=2e-4,
)
READOUTS: Final = ConvergedSettings(l2=(3e-3, 1e-3, 3e-4), max_iterations=100)
LABELS: Final = RBMSettings(
    epochs=20,
    batch_size=512,
    learning_rate=0.1,
    learning_rate_to_zero=True,
    final_momentum=0.5,
    persistent_chains=500,
    clamp_labels=True,
    centring=True,
)


@dataclass(frozen=True)
class Plan:
    """The settings of all trainings of a model, and its sizes."""

    hidden: tuple[int, ...] = (500, 250)
    layers: RBMSettings = LAYERS
    readouts: ConvergedSettings = READOUTS
    label_units: int = 300
    labels: RBMSettings = LABELS
    held_out: int = 5000
    seed: int = 0


def train(dataset: Dataset, plan: Plan, folder: Path) -> None:
    """Train a DBN, the read-outs of its layers and the RBM with labels; write a folder for `load_pretrained`."""
    training, held_out = dataset.split(plan.held_out, seed=plan.seed)
    random = Random(plan.seed)
    dbn = DBN.from_units([Bernoulli(training.width), *map(Bernoulli, plan.hidden)], random)
    job = Pretraining(dbn, training, [plan.layers] * len(dbn), random=random)
    for record in job.epochs():
        print(f"layer {record.layer} epoch {record.epoch}: reconstruction error {record.reconstruction_error:.4f}")
    summaries = [
        training_summary(plan.layers, [record for record in job.records if record.layer == layer])
        for layer in range(1, len(dbn) + 1)
    ]
    top = LabelledRBM(dbn.layer(len(dbn)).hidden, len(dataset.class_names), Bernoulli(plan.label_units), random)
    seen = Labelled(TensorSource(encode_source(dbn, training)), training.required_labels(), top.classes)
    of_labels = Pretraining(DBN([top.rbm]), seen, [plan.labels], random=random)
    for record in of_labels.epochs():
        print(f"labels epoch {record.epoch}: reconstruction error {record.reconstruction_error:.4f}")
    fit_label_biases(top, seen)
    save_model(folder / LABEL_RBM_FILE, top, half=True)
    summaries.append(training_summary(plan.labels, of_labels.records))

    save_model(folder / DBN_FILE, dbn, half=True)
    rounded = load_dbn(folder / DBN_FILE).requires_grad_(False)
    readouts = [read_out(rounded, layer, training, held_out, plan, summaries) for layer in range(1, len(dbn) + 1)]
    for layer, readout in enumerate(readouts, start=1):
        save_model(folder / readout_file(layer), readout.readout)
    labelled = LabelledDBN(rounded, load_labelled_rbm(folder / LABEL_RBM_FILE)).requires_grad_(False)
    named = {f"readout_{layer}": readout for layer, readout in enumerate(readouts, start=1)}
    write(dataset, {**named, LABELLED: labelled}, summaries, folder)


def read_out(
    dbn: DBN, layer: int, training: Images, held_out: Images, plan: Plan, summaries: list[dict[str, Any]]
) -> ReadoutClassifier:
    """The linear read-out of a hidden layer of the rounded DBN."""
    parts = [(encode_source(dbn, images, layer), images.required_labels()) for images in (training, held_out)]
    classes = int(training.required_labels().max()) + 1
    network = FeedForward([parts[0][0].shape[1], classes], torch.relu, Random(plan.seed))
    job = ConvergedTraining(network, parts[0], plan.readouts, held_out=parts[1])
    summaries.append(training_summary(plan.readouts, list(job.epochs()), job.best_epoch))
    return ReadoutClassifier(dbn, layer, network).requires_grad_(False)


def write(dataset: Dataset, classifiers: dict[str, nn.Module], summaries: list[dict[str, Any]], folder: Path) -> None:
    """Measure the rounded model; write its DBN with what was measured beside it, some test images, and its card."""
    labels = dataset.test.required_labels()
    accuracies = {name: accuracy(one, dataset.test, labels) for name, one in classifiers.items()}
    print(accuracies)
    kept = {
        "image_shape": list(dataset.image_shape),
        "class_names": list(dataset.class_names),
        "training": summaries,
        "accuracies": accuracies,
        "curves": curves(classifiers, dataset.test),
    }
    labelled = classifiers[LABELLED]
    assert isinstance(labelled, LabelledDBN)
    save_model(folder / DBN_FILE, labelled.below, half=True, **kept)
    with replacing(folder / IMAGES_FILE) as temporary, temporary.open("wb") as file:
        pixels = (255 * dataset.test.batch(slice(0, SHOWN))).round().to(torch.uint8).reshape(-1, *dataset.image_shape)
        np.savez_compressed(file, test_images=pixels.numpy(), test_labels=labels[:SHOWN].numpy().astype(np.uint8))
    write_atomically(folder / CARD, card(dataset.name, labelled, accuracies, summaries).encode())


def curves(classifiers: dict[str, nn.Module], test: Images) -> dict[str, Any]:
    """Accuracies on the test images under Gaussian noise, not clipped and clipped, and under FGSM."""
    images, labels = test.batch(slice(0, len(test))), test.required_labels()
    noises, epsilons = [0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3], [0.0, 0.02, 0.05, 0.1, 0.2]
    found: dict[str, Any] = {
        "gaussian": {"levels": noises, "accuracies": {name: [] for name in classifiers}},
        "gaussian_clipped": {"levels": noises, "accuracies": {name: [] for name in classifiers}},
        "fgsm": {"levels": epsilons, "accuracies": {name: [] for name in classifiers}},
    }

    def measure(kind: str, name: str, perturbed: Tensor) -> None:
        found[kind]["accuracies"][name].append(accuracy(classifiers[name], TensorSource(perturbed), labels))

    for level in noises:
        noisy = gaussian(images, level, Random(0))
        for name in classifiers:
            measure("gaussian", name, noisy)
            measure("gaussian_clipped", name, noisy.clamp(0, 1))
    for epsilon in epsilons:
        for name, classifier in classifiers.items():
            measure("fgsm", name, fgsm(classifier, images, labels, epsilon))
    return found


def card(name: str, model: LabelledDBN, accuracies: dict[str, float], summaries: list[dict[str, Any]]) -> str:
    """The card of a model: that of a shared one, with where its parts are and whose images come with it."""
    told = {LABELLED: f"accuracy of the {LABELLED_TITLE}"}
    told |= {one: f"accuracy of a linear read-out of hidden {one[8:]}" for one in accuracies if one != LABELLED}
    results = {f"{told[one]}, on the test images": Metric.over_seeds([value]) for one, value in accuracies.items()}
    use = f'from deepbelief import load_pretrained\n\nmodel = load_pretrained("{name}")\nmodel.dbn.encode(values)'
    title = f"A small Deep Belief Network of {SPELT.get(name, name)}"
    text = card_text(model, Card(title, "mit", SPELT.get(name, name), results, use), {"training": summaries})
    return text + (
        "\nThe trainings are, in this order, those of the hidden layers from the first up, of the RBM with labels, and "
        "of the read-outs. Weights are kept as float16, except for the read-outs, and the results are those of the "
        f"rounded model. Trained by `benchmarks/pretrained.py {name}`.\n\n"
        "## Licence\n\nThe weights are under the MIT licence, as the package is. "
        f"`{IMAGES_FILE}` holds the first {SHOWN} test images. {IMAGES_FROM.get(name, '')}\n"
    )


def pretrained_table() -> Table:
    """What the models that come with the package reach, from what was measured when they were trained."""
    shown = {"noise 0.3": ("gaussian", 0.3), "noise 0.7": ("gaussian", 0.7), "FGSM 0.1": ("fgsm", 0.1)}
    rows = []
    for name in NAMES:
        told = read_description(FOLDER / name / DBN_FILE)
        for one, reached in told["accuracies"].items():
            curves = ((told["curves"][kind], level) for kind, level in shown.values())
            disturbed = [curve["accuracies"][one][curve["levels"].index(level)] for curve, level in curves]
            title = LABELLED_TITLE if one == LABELLED else f"read-out {one[8:]}"
            rows.append((f"{SPELT[name]}, {title}", *(f"{100 * share:.1f} %" for share in (reached, *disturbed))))
    return Table("", ("", "clean", *shown), tuple(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--data", type=Path, help="folder with the data set's files")
    given = parser.parse_args()
    train(load_dataset(given.name, given.data), Plan(), FOLDER / given.name)


if __name__ == "__main__":
    main()
