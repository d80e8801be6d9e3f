"""What a page carries: a header (JSON values) and one block of bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from deepbelief.explorer.choice import Choice, Encode, as_sent
from deepbelief.explorer.encoding import Block, as_bytes, as_floats
from deepbelief.explorer.sources import LABELLED_TITLE, Contestant, Found
from deepbelief.explorer.tour import tour_images
from deepbelief.models import DBN, RBM, LabelledDBN
from deepbelief.models.units import Gaussian, Units
from deepbelief.pretrained.model import LABELLED

FORMAT: Final = 1
_SHOWN: Final = 100  # test images
_ON_MAPS: Final = 500  # points of a map


@final
@dataclass(frozen=True)
class Payload:
    """The header, and the compressed bytes of the arrays that it describes."""

    header: dict[str, Any]
    block: bytes


def make_payload(found: Found, choice: Choice) -> Payload:
    """Everything that the page shows of what was found, with weights encoded as chosen."""
    block = Block()
    shown = _rows(found, _SHOWN)
    header: dict[str, Any] = {
        "format": FORMAT,
        "title": found.title,
        "recipe": found.recipe,
        "seed": found.seed,
        "image": {"height": found.image_shape[0], "width": found.image_shape[1]},
        "bounds": list(found.bounds),
        "classes": list(found.classes) or None,
        "visible": {"kind": type(found.dbn.layer(1).visible).__name__},
        "standardisation": _standardisation(block, found.dbn),
        "dbn": _stack(block, found.dbn, choice.of("dbn")),
        "contestants": [_contestant(block, one, choice.of(one.name)) for one in found.contestants],
        "labelled": None if found.labelled is None else _labelled(block, found.labelled, choice),
        "images": _images(block, found, shown),
        "curves": found.curves or None,
        "maps": _maps(block, found),
        "tour": tour_images(as_sent(found, choice.encoders), shown),
        "weights": {"type": choice.type, "errors": choice.errors},
    }
    if found.labelled is not None:
        header["contestants"].append({"name": LABELLED, "title": LABELLED_TITLE, "kind": "labelled"})
    content = block.compressed()
    header |= {"arrays": block.described, "block": {"packed": len(content)}}
    header["size"] = _sizes(header)
    return Payload(header, content)


def _sizes(header: dict[str, Any]) -> dict[str, int]:
    """How many compressed bytes each part takes; what several share counts for the first."""
    arrays, counted = header["arrays"], set[str]()
    parts = {"DBN": header["dbn"], **{one["title"]: one for one in header["contestants"]}}
    parts |= {LABELLED_TITLE: header["labelled"], "test images": header["images"], "maps": header["maps"]}
    sizes = {}
    for part, described in parts.items():
        names = {name for name in _strings(described) if name in arrays} - counted
        names |= {arrays[name]["scales"] for name in names if "scales" in arrays[name]} - counted
        counted |= names
        sizes[part] = sum(arrays[name]["packed"] for name in names)
    return {part: size for part, size in sizes.items() if size}


def _strings(value: Any) -> Iterator[str]:
    """All strings in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def _array(block: Block, values: Tensor) -> str:
    return block.add(as_floats(values.detach().cpu().float().numpy()))


def _units(block: Block, units: Units) -> dict[str, str]:
    found = {"kind": type(units).__name__, "bias": _array(block, units.bias)}
    if isinstance(units, Gaussian):
        found["log_precision"] = _array(block, units.log_precision)
    return found


def _layer(block: Block, rbm: RBM, number: int, encode: Encode) -> dict[str, Any]:
    weights = block.add(encode(number, rbm.weights))
    return {"weights": weights, "visible": _units(block, rbm.visible), "hidden": _units(block, rbm.hidden)}


def _stack(block: Block, dbn: DBN, encode: Encode) -> dict[str, Any]:
    layers = [_layer(block, dbn.layer(number), number, encode) for number in range(1, len(dbn) + 1)]
    return {"sizes": dbn.sizes, "layers": layers}


def _standardisation(block: Block, dbn: DBN) -> dict[str, str] | None:
    scaling = dbn.standardisation
    return None if scaling is None else {"mean": _array(block, scaling.mean), "scale": _array(block, scaling.scale)}


def _contestant(block: Block, one: Contestant, encode: Encode) -> dict[str, Any]:
    """A network: matrices lie as those of an RBM do, (inputs, outputs)."""
    network = one.network
    layers = [
        {
            "weights": block.add(encode(number, network.linear(number).weight.T)),
            "bias": _array(block, network.linear(number).bias),
        }
        for number in range(1, len(network.sizes))
    ]
    kind = {"kind": "readout", "seen": list(one.seen)} if one.seen else {"kind": "network"}
    activation = network.activation.__name__
    return {"name": one.name, "title": one.title, **kind, "activation": activation, "layers": layers}


def _labelled(block: Block, model: LabelledDBN, choice: Choice) -> dict[str, Any]:
    """The layers below are those of the DBN again, unless they have learnt with the labels."""
    rbm = model.top.rbm
    parts = {"weights": block.add(choice.of(LABELLED)(1, rbm.weights)), "hidden": _units(block, rbm.hidden)}
    visible = {"kind": "Bernoulli", "bias": _array(block, rbm.visible.bias)}
    return {
        "classes": model.classes,
        "below": _stack(block, model.below, choice.of("dbn")),
        "recognition": None if model.recognition is None else _stack(block, model.recognition, choice.of("dbn")),
        "top": {**parts, "visible": visible},
    }


def _rows(found: Found, count: int) -> Tensor:
    """Rows of test images, as many of each class, the classes in turn; the first ones of each."""
    if found.images is None:
        return torch.empty(0, dtype=torch.int64)
    n = len(found.images)
    labels = found.images.labels
    if labels is None:
        return torch.arange(min(count, n))
    turn = torch.empty(n, dtype=torch.int64)  # how many of its class come before
    for label in range(int(labels.max()) + 1):
        own = (labels == label).nonzero().flatten()
        turn[own] = torch.arange(len(own))
    return (turn * (int(labels.max()) + 1) + labels).argsort()[:count]


def _images(block: Block, found: Found, rows: Tensor) -> dict[str, Any] | None:
    """Test images from 0 at the lower of the bounds to `maximum` at the upper, in whole numbers."""
    if found.images is None:
        return None
    (low, high), maximum = found.bounds, 255
    if found.images.pixels.dtype == torch.uint8 and not found.images.real:
        maximum = int(found.images.maximum)
    values = (found.images.batch(rows) - low) / (high - low)
    pixels = (values.clamp(0, 1) * maximum).round().to(torch.uint8)
    labels = found.images.labels
    return {
        "pixels": block.add(as_bytes(pixels.numpy())),
        "maximum": maximum,
        "labels": None if labels is None else block.add(as_bytes(labels[rows].numpy())),
        "rows": rows.tolist(),
    }


def _maps(block: Block, found: Found) -> list[dict[str, Any]]:
    """Of each layer its two principal components over test images, and where these stand."""
    rows = _rows(found, _ON_MAPS)
    if len(rows) < 3 or found.images is None:
        return []
    labels = found.images.labels
    named = None if labels is None else block.add(as_bytes(labels[rows].numpy()))
    maps = []
    for layer, means in enumerate(found.dbn.encode_all(found.images.batch(rows)), start=1):
        mean = means.double().mean(dim=0)
        _, _, directions = torch.linalg.svd(means - mean, full_matrices=False)
        components = torch.nn.functional.pad(directions[:2], (0, 0, 0, max(0, 2 - len(directions))))
        arrays = {"mean": mean, "components": components, "points": (means - mean) @ components.T}
        short = {name: block.add(as_floats(values.numpy(), "float16")) for name, values in arrays.items()}
        maps.append({"layer": layer, **short, "labels": named})
    return maps
