"""Models as ONNX files, which run without PyTorch and without this library."""

import copy
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from deepbelief import __version__
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models import (
    DBN,
    Autoencoder,
    FeedForward,
    LabelledDBN,
    LabelledRBM,
    ReadoutClassifier,
    Standardisation,
)
from deepbelief.system.atomic import write_atomically

_INPUT: Final = "values"
_OLDEST: Final = (2, 9)  # PyTorch from which its exporter by `torch.export` is the usual one


def export_encoder(dbn: DBN, path: Path | str, layer: int | None = None) -> None:
    """Write `dbn.encode` up to hidden layer `layer` (None or -1: the top one) as an ONNX file.

    Its input is `values`, (batch, visible), on their original scale; its output `features`, (batch, units).
    Both are float32 whatever the model's type, and a batch has any number of rows. The file's metadata say what it is.

    Args:
        dbn: the model; of an autoencoder give its `encoder`.
        path: of the file, which is replaced at once or not at all.
        layer: from 1.

    Raises:
        SettingsError: the layer is not there.
        DeepBeliefError: what the export needs is not installed, or too old.

    >>> from deepbelief import Random
    >>> export_encoder(DBN.from_sizes([784, 300], Random(0)), "encoder.onnx")  # doctest: +SKIP
    """
    number = dbn.layer_number(layer)
    facts = {"what": "encoder", "layer": number, "units": dbn.layer(number).hidden.description}
    _write(path, _Encoder(dbn, number), type(dbn).__name__, dbn.sizes[0], "features", facts)


def export_reconstruction(model: DBN | Autoencoder, path: Path | str, layer: int | None = None, steps: int = 1) -> None:
    """Write `reconstruct` of a DBN, with these arguments, or of an autoencoder as an ONNX file.

    Its input is `values` and its output `reconstruction`, both (batch, visible), on their original scale; the rest as
    for `export_encoder`.

    Raises:
        SettingsError: the layer is not there, there is no step, or an autoencoder is given a layer or steps.
        DeepBeliefError: what the export needs is not installed, or too old.
    """
    if isinstance(model, Autoencoder):
        if layer is not None or steps != 1:
            raise SettingsError("an autoencoder goes to its code and back, once: leave layer and steps out.")
        encoder, facts = model.encoder, {"what": "reconstruction"}
        _write(path, model, "Autoencoder", encoder.sizes[0], "reconstruction", facts)
        return
    if steps < 1:
        raise SettingsError(f"a reconstruction goes up and down at least once, not {steps} times.")
    number = model.layer_number(layer)
    model.layer(number)  # which refuses 0
    told = {"what": "reconstruction", "layer": number, "steps": steps}
    _write(path, _Reconstruction(model, number, steps), "DBN", model.sizes[0], "reconstruction", told)


def export_classifier(classifier: nn.Module, path: Path | str) -> None:
    """Write a classifier as an ONNX file.

    Its input is `values`, (batch, visible), on their original scale; its output, (batch, classes), is `logits`, or
    `log_probabilities` of a model with labels; the rest as for `export_encoder`.

    Args:
        classifier: a `FeedForward`, `ReadoutClassifier`, `LabelledRBM` or `LabelledDBN`, or any of `Run.classifiers`.
        path: of the file.

    Raises:
        SettingsError: it is something else.
        DeepBeliefError: what the export needs is not installed, or too old.
    """
    labelled = isinstance(classifier, LabelledRBM | LabelledDBN)
    output = "log_probabilities" if labelled else "logits"
    _write(path, classifier, type(classifier).__name__, _width(classifier), output, {"what": "classifier"})


def _width(classifier: nn.Module) -> int:
    """How many values a classifier takes of each item."""
    match classifier:
        case FeedForward():
            return classifier.sizes[0]
        case ReadoutClassifier():
            return classifier.dbn.sizes[0]
        case LabelledRBM():
            return classifier.values
        case LabelledDBN():
            return classifier.below.sizes[0]
        case nn.Sequential() if len(classifier) and isinstance(classifier[0], Standardisation):
            return len(classifier[0].mean)
    raise SettingsError(
        f"a {type(classifier).__name__} is exported as no classifier: give a FeedForward, ReadoutClassifier, "
        "LabelledRBM, LabelledDBN, or one of a run's classifiers."
    )


@final
class _Encoder(nn.Module):
    def __init__(self, dbn: DBN, layer: int) -> None:
        super().__init__()
        self.dbn, self.layer = dbn, layer

    def forward(self, values: Tensor) -> Tensor:
        return self.dbn.encode(values, self.layer)


@final
class _Reconstruction(nn.Module):
    def __init__(self, dbn: DBN, layer: int, steps: int) -> None:
        super().__init__()
        self.dbn, self.layer, self.steps = dbn, layer, steps

    def forward(self, values: Tensor) -> Tensor:
        return self.dbn.reconstruct(values, self.steps, self.layer)


def _write(path: Path | str, module: nn.Module, model: str, width: int, output: str, facts: Mapping[str, Any]) -> None:
    """Export a module of one input and one output, in float32, with what it is among the metadata."""
    onnx = _onnx()
    module = copy.deepcopy(module).cpu().float().requires_grad_(False).eval()
    with _quiet():
        program = torch.onnx.export(
            module,
            (torch.zeros(2, width),),
            input_names=[_INPUT],
            output_names=[output],
            dynamic_shapes=[{0: torch.export.Dim("batch")}],
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    _forget_origin(proto.graph)
    proto.producer_name, proto.producer_version = "deepbelief", __version__
    told = {name: fact if isinstance(fact, str) else json.dumps(fact) for name, fact in facts.items()}
    onnx.helper.set_model_props(proto, {"library": "deepbelief", "version": __version__, "model": model, **told})
    write_atomically(path, proto.SerializeToString())


def _onnx() -> Any:
    """The package of that name, if all that an export needs is there."""
    if tuple(map(int, torch.__version__.split(".")[:2])) < _OLDEST:
        needed = ".".join(map(str, _OLDEST))
        raise DeepBeliefError(f"ONNX files need PyTorch {needed} or newer, this is {torch.__version__}: update torch.")
    try:
        import onnx
        import onnxscript  # noqa: F401  # PyTorch's exporter is written in it
    except ImportError:
        raise DeepBeliefError('ONNX files need two more packages: pip install "deepbelief[onnx]".') from None
    return onnx


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyTorch's exporter says about itself, and not about the model, from the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    with warnings.catch_warnings():
        # It copies what PyTorch itself has deprecated.
        warnings.filterwarnings("ignore", r".*LeafSpec.* is deprecated", FutureWarning)
        logger.setLevel(logging.ERROR)  # it warns that torchvision is not installed, whose operators no model here has
        try:
            yield
        finally:
            logger.setLevel(level)


def _forget_origin(graph: Any) -> None:
    """Remove where in which source file each operator came from: paths of the machine that exported it."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""
