"""The model card: what a folder says of the model in it, for people and, in its first lines, for the hub."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, final

from torch import nn

from deepbelief import __version__
from deepbelief.errors import SettingsError, one_line
from deepbelief.models import DBN, Autoencoder, FeedForward, LabelledDBN, LabelledRBM, ReadoutClassifier, Units
from deepbelief.study.records import Metric

_WHAT: Final = {
    "DBN": "Deep Belief Network",
    "LabelledRBM": "Restricted Boltzmann Machine that sees labels",
    "LabelledDBN": "Deep Belief Network whose top layer sees labels",
    "Autoencoder": "Deep autoencoder",
    "FeedForward": "Feed-forward network",
    "ReadoutClassifier": "Deep Belief Network with a read-out",
}
_USE: Final = {
    "DBN": "model.encode(values)  # the features of the top layer; also: decode, reconstruct",
    "LabelledRBM": "model.predict_log_proba(values)  # of each class",
    "LabelledDBN": "model.predict_log_proba(values)  # of each class; also: encode",
    "Autoencoder": "model.encode(values)  # the code; also: decode, reconstruct",
}
_SUMMARY: Final = {"method", "settings", "epochs", "figures"}
_CLASSIFY: Final = "model(values)  # a logit for each class"


@final
@dataclass(frozen=True)
class Card:
    """What a model card says beside what it reads off the model and its training."""

    title: str = ""
    """The heading; by default what the model is."""
    licence: str = ""
    """The hub's name of a licence, such as "mit"; without one the card names none."""
    data: str = ""
    """The name of the data that the model learnt from."""
    results: Mapping[str, Metric] = field(default_factory=dict)
    """What was measured, by a name such as "accuracy on the test images"; see `Metric.over_seeds`."""
    use: str = ""
    """The Python that loads and uses the model; by default that of `from_pretrained`."""


def card_text(model: nn.Module, card: Card, kept: Mapping[str, Any]) -> str:
    """The text of a README.md with the hub's header, of a model and what is `kept` beside it in its file."""
    kind = type(model).__name__
    what = _WHAT.get(kind, kind)
    title = one_line(card.title) or what
    parts = [
        *_header(title, card),
        f"# {title}",
        f"{what}, made with deepbelief {__version__} for Python and PyTorch.",
        *_use(kind, card.use),
        "## Layers",
        _table(("layer", "units", "kind"), _layers(model)),
        *(["## Data", f"It learnt from {_cell(card.data)}."] if card.data else []),
        *_training(kept.get("training", ())),
        *_results(card),
    ]
    return "\n\n".join(parts) + "\n"


def _header(title: str, card: Card) -> list[str]:
    """The hub's YAML, of which JSON is a part, so that no text can break it."""
    fields: dict[str, Any] = {"library_name": "deepbelief"}
    if card.licence:
        fields["license"] = one_line(card.licence)
    fields["tags"] = ["deepbelief", "deep-belief-network", "restricted-boltzmann-machine"]
    metrics = [
        {"type": "accuracy", "name": one_line(name), "value": one.mean}
        for name, one in card.results.items()
        if name.startswith("accuracy")
    ]
    if card.data and metrics:
        data = {"name": one_line(card.data), "type": one_line(card.data)}
        found = {"task": {"type": "image-classification"}, "dataset": data, "metrics": metrics}
        fields["model-index"] = [{"name": title, "results": [found]}]
    lines = (f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return ["\n".join(["---", *lines, "---"])]


def _use(kind: str, code: str) -> list[str]:
    loaded = (
        "from deepbelief.sharing import from_pretrained\n\n"
        'model = from_pretrained("user/name")  # its name on the hub, or the folder of this file\n'
    )
    return [
        "## Use",
        f"```python\n{code or loaded + _USE.get(kind, _CLASSIFY)}\n```",
        "Values are a batch of rows, as the data are, on their original scale.",
    ]


def _layers(model: nn.Module) -> Iterator[tuple[str, str, str]]:
    """Name, number of units and kind of each layer from the input up."""
    match model:
        case DBN():
            first = _units(model.layer(1).visible)
            scaling = "" if model.standardisation is None else ", standardised"
            yield "visible", str(model.sizes[0]), first + scaling
            for number in range(1, len(model) + 1):
                units = model.layer(number).hidden
                yield f"hidden {number}", str(units.size), _units(units)
        case LabelledRBM():
            values, _ = _parts(model.rbm.visible)  # the other is the label
            yield "visible", str(model.values), _units(values)
            yield "label", str(model.classes), "classes"
            yield "hidden", str(model.rbm.hidden.size), _units(model.rbm.hidden)
        case LabelledDBN():
            yield from _layers(model.below)
            yield "label, beside the layer above", str(model.classes), "classes"
            yield f"hidden {len(model.below) + 1}", str(model.top.rbm.hidden.size), _units(model.top.rbm.hidden)
        case Autoencoder():
            yield from _layers(model.encoder)
        case FeedForward():
            yield "input", str(model.sizes[0]), "values"
            for number, size in enumerate(model.sizes[1:-1], start=1):
                yield f"hidden {number}", str(size), getattr(model.activation, "__name__", "hidden units")
            yield "output", str(model.sizes[-1]), "logits"
        case ReadoutClassifier():
            yield from _layers(model.dbn)
            of_layers = ", ".join(map(str, model.layers))
            hidden = "".join(f"{size}-" for size in model.readout.sizes[1:-1])
            yield f"read-out of hidden {of_layers}", f"{hidden}{model.readout.sizes[-1]}", "logits"


def _units(units: Units) -> str:
    parts = " beside ".join(f"{part.size} {_units(part)}" for part in _parts(units))
    return parts or type(units).__name__


def _parts(units: Units) -> list[Units]:
    """The parts of joint units; none of others."""
    return [part for part in getattr(units, "parts", ()) if isinstance(part, Units)]


def _training(summaries: Any) -> list[str]:
    """The settings of each training side by side, as `training_summary` has them; nothing where there is none."""
    if not summaries:
        return []
    if not (isinstance(summaries, list) and all(isinstance(one, dict) and one.keys() >= _SUMMARY for one in summaries)):
        raise SettingsError(
            "a card shows a `training` that is a list of what training_summary gives: give that, or keep what you have "
            "under another name."
        )
    columns = [{**one["settings"], "epochs": one["epochs"], **one["figures"]} for one in summaries]
    names = list(dict.fromkeys(name for column in columns for name in column))
    header = ("", *(f"{number}. {one['method']}" for number, one in enumerate(summaries, start=1)))
    rows = [(name, *(_cell(column.get(name, "")) for column in columns)) for name in names]
    note = "Settings, the number of epochs, and the figures after the one that was kept."
    return ["## Training", note, _table(header, rows)]


def _results(card: Card) -> list[str]:
    if not card.results:
        return []
    rows = []
    for name, one in card.results.items():
        interval = "" if one.ci95 is None else f"{one.ci95[0]:.4f} to {one.ci95[1]:.4f}"
        rows.append((name, f"{one.mean:.4f}", interval, str(len(one.values))))
    note = "Means over the seeds of a study; this is the model of one of them."
    several = [note] if any(len(one.values) > 1 for one in card.results.values()) else []
    return ["## Results", *several, _table(("", "mean", "95 % interval", "seeds"), rows)]


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(value: Any) -> str:
    """Any value as a cell of a table."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return one_line(text).replace("|", "/")
