"""The stage that samples from the DBN: fantasies, completed images, images of each class; and its log-likelihood."""

from typing import Final

import torch
from torch import Tensor

from deepbelief.checkpoint import save_labelled_dbn
from deepbelief.data import Labelled
from deepbelief.insight import class_shares, share_taken, spread, unevenness
from deepbelief.learning.labels.calibration import fit_label_biases
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.summary import training_summary
from deepbelief.likelihood import AISSettings, ais, as_states, dbn_bound, layer_path
from deepbelief.models.dbn import DBN
from deepbelief.models.feedforward import predict
from deepbelief.models.labelled import LabelledDBN, LabelledRBM
from deepbelief.models.units import Bernoulli
from deepbelief.randomness import Random
from deepbelief.sampling import fantasies, inpaint, labelled_fantasies
from deepbelief.study.context import Context, Findings, share
from deepbelief.study.loading import with_standardisation
from deepbelief.study.recipe import GenerationSection

_FANTASIES: Final = 20  # drawn
_OF_EACH_CLASS: Final = 8  # drawn
_JUDGE: Final = "ffnn"  # who says what generated images show: a classifier that is no part of the DBN
_PARTS: Final = 4  # steps of the stage's progress


def generation(context: Context) -> Findings:
    """Fantasies, images completed from their upper half, and the log-likelihood's bracket; with labels also classes."""
    section, random = context.recipe.generation, context.random("generation")
    found = Findings(facts={"class_names": list(context.dataset.class_names), "steps": section.steps})
    made = fantasies(context.dbn, section.fantasies, random, section.steps)
    found.arrays["fantasies"] = context.picture(made[:_FANTASIES])
    context.progress.step(1, _PARTS, "images made up")

    images, half = context.test_pixels[: section.inpainted], context.training.width // 2
    known = torch.arange(context.training.width, device=context.device) < half
    completed = inpaint(context.dbn, images, known, random, section.steps)
    found.arrays |= {"originals": context.picture(images), "completed": context.picture(completed)}
    context.progress.step(2, _PARTS, "images completed")
    if context.labelled:
        _classes(context, made, found)
        context.progress.step(3, _PARTS, "images of each class")
    _likelihood(context, found)
    return found


def _classes(context: Context, made: Tensor, found: Findings) -> None:
    """What the fantasies, (n, width), show, and images of each class; judged beside test images."""
    of_test = _judged(context, context.test_pixels)
    _judge_fantasies(context, made, of_test, found)
    _judge_classes(context, _of_each_class(context, found), of_test, found)


def _of_each_class(context: Context, found: Findings) -> Tensor:
    """Train an RBM with labels on top of the DBN, and sample images of every class from it: (classes, n, width)."""
    section, random = context.recipe.generation, context.random("labels")
    visible, hidden = Bernoulli(context.dbn.sizes[-1]), Bernoulli(section.labels.hidden)
    top = LabelledRBM(visible, context.classes, hidden, random).to(context.precision.parameters)
    seen = Labelled(context.features[-1], context.training.required_labels(), context.classes)
    settings = section.labels.training
    held_out = _held_out(context) if settings.patience else None
    job = Pretraining(
        DBN([top.rbm]),
        seen,
        [settings],
        random=random,
        held_out=held_out,
        products=context.precision.products,
        compiler=context.compiler,
    )
    for record in context.train("labels", job):
        context.progress.step(2, _PARTS, f"RBM with labels, epoch {record.epoch}")
    model = LabelledDBN(context.dbn, top)
    if settings.clamp_labels:
        fit_label_biases(top, seen)
    path, shape = context.models / "labelled.safetensors", list(context.dataset.image_shape)
    training = training_summary(settings, job.records, job.best_epoch)
    if context.writes:
        save_labelled_dbn(path, model, image_shape=shape, training=[training])
    made = images_of_each_class(model, section, section.of_each_class, random)
    found.arrays["of_each_class"] = context.picture(made[:, :_OF_EACH_CLASS].flatten(0, 1))
    with torch.no_grad():
        predicted = model.predict_log_proba(context.test_pixels).argmax(dim=1)
    found.metrics["label_units/accuracy"] = share(predicted == context.test.required_labels())
    return made


def images_of_each_class(model: LabelledDBN, section: GenerationSection, each: int, random: Random) -> Tensor:
    """Images of every class, made in the way that a recipe says: (classes, each, width)."""
    classes = model.top.classes
    labels = torch.arange(classes, device=random.device).repeat_interleave(each)
    steps, samples, candidates = section.class_steps or section.steps, section.hidden_samples, section.candidates
    made = labelled_fantasies(model, labels, random, steps, hidden_samples=samples, candidates=candidates)
    return made.view(classes, each, -1)


def _judged(context: Context, images: Tensor) -> Tensor:
    """The classes that the feed-forward network, which is no part of the DBN, takes images for."""
    return predict(with_standardisation(context.dbn, context.network(_JUDGE)), images)


def _judge_fantasies(context: Context, made: Tensor, of_test: Tensor, found: Findings) -> None:
    """How evenly fantasies show the classes, beside what the same judge says of the test images, (n,)."""
    taken, real = (class_shares(judged, context.classes) for judged in (_judged(context, made), of_test))
    found.metrics["fantasies/unevenness"] = unevenness(taken, real)
    found.facts["fantasies"] = {"images": len(made), "judge": _JUDGE, "taken": taken.tolist(), "real": real.tolist()}


def _judge_classes(context: Context, made: Tensor, of_test: Tensor, found: Findings) -> None:
    """Whether images made of each class are taken for it, and differ among each other, as much as test images do.

    What cannot be told, such as the spread of a class with a single test image, is left out.
    """
    wanted, (classes, each, _) = context.test.required_labels(), made.shape
    images, labels = made.flatten(0, 1), torch.arange(classes, device=made.device).repeat_interleave(each)
    taken, real = share_taken(_judged(context, images), labels, classes), share_taken(of_test, wanted, classes)
    spreads = spread(images, labels, classes) / spread(context.test_pixels, wanted, classes)
    compared = {
        "taken": taken.mean() / real.nanmean(),
        "least_taken": (taken / real).nan_to_num(torch.inf).min(),
        "spread": spreads.nanmean(),
    }
    found.metrics |= {f"of_each_class/{name}": float(value) for name, value in compared.items() if value.isfinite()}
    found.facts["of_each_class"] = {
        "images": each,
        "judge": _JUDGE,
        "taken": taken.tolist(),
        "real": real.nan_to_num().tolist(),
    }


def _held_out(context: Context) -> Labelled:
    """The held-out images and labels as the RBM with labels sees them."""
    return Labelled(context.held_out_features[-1], context.held_out.required_labels(), context.classes)


def _likelihood(context: Context, found: Findings) -> None:
    """The variational bound of the mean log-likelihood of test images made binary, from both sides."""
    section, random, dbn = context.recipe.generation, context.random("likelihood"), context.dbn
    rows = random.permutation(len(context.test))[: section.images].to(context.device)
    states = as_states(dbn.layer(1).visible, context.test_pixels[rows], random)
    settings = AISSettings.of(section.temperatures, section.chains)
    path = layer_path(dbn, len(dbn), context.training)
    z = ais(path, random, settings)
    bracket = dbn_bound(dbn, path, states, z, random, settings)
    found.metrics |= {
        "log_likelihood/upper": bracket.upper_mean,
        "log_likelihood/lower": bracket.lower_mean,
        "log_z/top": z.log_z,
        "effective_chains/top": z.effective_sample_size,
    }
    found.facts |= {
        "upper_interval": list(bracket.upper_interval),
        "lower_interval": list(bracket.lower_interval),
        "binary": dbn.layer(1).visible.grey,
        "warnings": bracket.warnings,
        "images": len(states),
        "temperatures": section.temperatures,
        "chains": section.chains,
        "layers": len(dbn),
    }
    found.headline = f"log-likelihood between {bracket.lower_mean:.1f} and {bracket.upper_mean:.1f} nats"
