"""A model of a finished study in a folder to share, with what the study measured of it on its card."""

from pathlib import Path

from torch import nn

from deepbelief.checkpoint import read_description
from deepbelief.errors import SettingsError
from deepbelief.models import FeedForward, ReadoutClassifier, Standardisation
from deepbelief.sharing.card import Card
from deepbelief.sharing.pretrained import save_pretrained
from deepbelief.study.loading import Run, load_run
from deepbelief.study.records import Metric, Results


def share_run(
    run: Path | str,
    folder: Path | str,
    classifier: str | None = None,
    seed: int | None = None,
    *,
    title: str = "",
    licence: str = "",
) -> None:
    """Save a model of a finished study with a card that has its data, settings and accuracies, for `from_pretrained`.

    Args:
        run: the study's folder, such as "runs/default".
        folder: where to save it; see `save_pretrained`.
        classifier: one of `Recipe.contestants`; the pre-trained DBN if None.
        seed: which of the study's seeds; the first one if None.
        title: the card's heading.
        licence: the hub's name of a licence, such as "mit".

    Raises:
        SettingsError: the study has no such classifier or seed, or there is a model in the folder.
        DeepBeliefError: the folder holds no finished study, or a file in it is damaged.
    """
    found = load_run(run, seed)
    model = found.dbn if classifier is None else shareable(named_classifier(found, classifier))
    models = Path(run) / f"seed-{found.seed}" / "models"
    kept = read_description(models / "dbn.safetensors")
    training = kept.get("training", [])
    if classifier is not None:
        of_network = read_description(models / f"{classifier}.safetensors").get("training", [])
        builds_on_dbn = isinstance(model, ReadoutClassifier) or classifier == "finetuned"
        training = [*(training if builds_on_dbn else []), *of_network]
    further = {"training": training, **({"image_shape": kept["image_shape"]} if "image_shape" in kept else {})}
    card = Card(title, licence, str(found.results.data["name"]), _results(found.results, classifier))
    save_pretrained(model, folder, card, **further)


def named_classifier(run: Run, name: str) -> nn.Module:
    """The classifier of this name; a `SettingsError` names those that there are."""
    found = run.classifiers.get(name)
    if not isinstance(found, nn.Module):
        raise SettingsError(f"the study has no classifier {name}: give one of {', '.join(run.classifiers)}.")
    return found


def shareable(classifier: nn.Module) -> nn.Module:
    """The classifier as one model: a network of standardised values becomes one of the values themselves."""
    if not isinstance(classifier, nn.Sequential):
        return classifier
    scaling, network = classifier
    assert isinstance(scaling, Standardisation) and isinstance(network, FeedForward)
    return network.with_scaling(scaling)


def _results(results: Results, classifier: str | None) -> dict[str, Metric]:
    """What the study measured of a classifier, or of the DBN, by names for a card."""
    named = {f"accuracy/{classifier}": "accuracy on the test images"}
    if classifier is None:
        readouts = [name for name in results.contestants if name.startswith("readout_")]
        named = {f"accuracy/{name}": f"accuracy of a linear read-out of hidden {name[8:]}" for name in readouts}
        named["log_likelihood/lower"] = "log-likelihood of test images in nats, by RAISE"
        named["log_likelihood/upper"] = "log-likelihood of test images in nats, by AIS"
    return {title: results.metrics[name] for name, title in named.items() if name in results.metrics}
