"""The stage that trains a contestant beside those of the study, perhaps on noisy or attacked images."""

from collections.abc import Callable

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.evaluation.plan import NetworkSection, NoiseSection
from deepbelief.learning.backprop.classifier import Augmentation, products_in
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random
from deepbelief.robustness import PGD, Adversarial, LInf, NoisyLevels
from deepbelief.study.context import Context, Findings
from deepbelief.study.loading import with_standardisation
from deepbelief.study.training import learn_from_pixels, of_network, pretrained_network, save_and_measure


def stage_of(section: NetworkSection) -> Callable[[Context], Findings]:
    """The stage that trains the network of this section."""

    def trained(context: Context) -> Findings:
        name, random = section.name, context.random(section.name)
        if section.start == "dbn":
            network = pretrained_network(context, random)
        else:
            hidden = context.recipe.baseline.hidden if section.hidden is None else section.hidden
            network = FeedForward([context.training.width, *hidden, context.classes], torch.relu, random)
        network.to(context.precision.parameters)
        found = of_network(network)
        augment = _augmentation(context, section, network)
        training = learn_from_pixels(context, name, network, section.training, found, augment)
        save_and_measure(context, name, network, training, context.standardised(context.training), found)
        return found

    return trained


def _augmentation(context: Context, section: NetworkSection, network: FeedForward) -> Augmentation | None:
    """Of values as the DBN's first RBM sees them; levels are shares of the pixels' range."""
    wanted, span = section.augmentation, context.span
    if wanted is None:
        return None
    if isinstance(wanted, NoiseSection):
        on_pixels: Augmentation = NoisyLevels(wanted.most * span)
    else:
        ball = LInf(wanted.epsilon * span, context.bounds)
        on_pixels = Adversarial(_in_training(context, network), PGD(wanted.steps), ball)
    scaling = context.dbn.standardisation
    if scaling is None:
        return on_pixels

    def on_standardised(values: Tensor, labels: Tensor, random: Random) -> Tensor:
        seen: Tensor = scaling(on_pixels(scaling.undo(values), labels, random))
        return seen

    return on_standardised


def _in_training(context: Context, network: FeedForward) -> Classifier:
    """The network as a function of pixels, with the products that its training takes."""
    classifier = with_standardisation(context.dbn, network)

    def logits(images: Tensor) -> Tensor:
        with products_in(context.precision.products, images):
            return classifier(images).to(images.dtype)

    return logits
