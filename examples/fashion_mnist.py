"""The core of the study in one page: pre-train a DBN, read its layers out, add noise, attack, defend.

Run it with `python examples/fashion_mnist.py` (about a minute on two cores).
"""

import sys

from deepbelief import DBN, Pretraining, Random, RBMSettings, TensorSource, encode_source, load_dataset
from deepbelief.learning.backprop.readout import ConvergedSettings, ReadoutClassifier, fit_converged
from deepbelief.models.feedforward import accuracy
from deepbelief.robustness.attack import fgsm, pgd
from deepbelief.robustness.defence import Defended
from deepbelief.robustness.noise import gaussian

name = sys.argv[1] if len(sys.argv) > 1 else "fashion-mnist"
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
dataset, random = load_dataset(name), Random(0)

# Learn two layers of features without a label.
dbn = DBN.from_sizes([dataset.train.width, 300, 300], random, weight_std=0.1)
for record in Pretraining(dbn, dataset.train, [RBMSettings(epochs=epochs)] * 2, random).epochs():
    print(f"layer {record.layer} epoch {record.epoch}: reconstruction error {record.reconstruction_error:.3f}")
dbn.requires_grad_(False)

# What can a linear classifier tell from each layer?
labels, test = dataset.train.required_labels(), dataset.test.required_labels()
images = dataset.test.batch(slice(0, len(dataset.test)))
classes = len(dataset.class_names)
for layer in (1, 2):
    features = encode_source(dbn, dataset.train, layer)
    readout = fit_converged((features, labels), None, classes, ConvergedSettings(l2=(1e-4,))).network
    classifier = ReadoutClassifier(dbn, layer, readout)
    print(f"read-out {layer}: accuracy {accuracy(classifier, dataset.test, test):.3f}")

# How does the deeper one stand noise, and attacks of one step and of ten, without and with the top-down defence?
defended = Defended(classifier, dbn.reconstruct, steps=1)
images, test = images[:1000], test[:1000]
trials = {
    "Gaussian noise 0.3": (classifier, gaussian(images, 0.3, random)),
    "FGSM 0.1": (classifier, fgsm(classifier, images, test, 0.1)),
    "FGSM 0.1, defended": (defended, fgsm(classifier, images, test, 0.1)),
    "FGSM 0.1 that knows the defence": (defended, fgsm(defended, images, test, 0.1)),
    "PGD 0.1": (classifier, pgd(classifier, images, test, 0.1, 10, random)),
    "PGD 0.1 that knows the defence": (defended, pgd(defended, images, test, 0.1, 10, random)),
}
for title, (model, perturbed) in trials.items():
    print(f"{title}: accuracy {accuracy(model, TensorSource(perturbed), test):.3f}")
