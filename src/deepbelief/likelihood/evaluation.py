"""Everything this room has to say about a DBN and a data set."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, final

import torch

from deepbelief.annealing import BASE_RATE_ITEMS, AnnealedPath, base_rate_bias
from deepbelief.data import Source, spread
from deepbelief.dbn import DBN
from deepbelief.errors import SettingsError
from deepbelief.likelihood.ais import AISResult, AISSettings, Watch, ais
from deepbelief.likelihood.bracket import Bracket, as_states, dbn_bound
from deepbelief.likelihood.exact import exact_log_z, fewest_states
from deepbelief.randomness import Random

_QUICK: Final = 2**20  # states that are added up in seconds

Show = Callable[[str, int, int], None]
"""Told what is being done, and how many of its steps are, of how many."""


@final
@dataclass(frozen=True)
class LayerZ:
    """log Z of one RBM of a DBN, by AIS, and exactly where a side has at most 2^20 states."""

    layer: int
    shape: tuple[int, int]
    ais: AISResult
    exact: float | None


@final
@dataclass(frozen=True)
class Evaluation:
    """The log Z of every layer, and the (bound of the) mean log-likelihood of some items."""

    layers: list[LayerZ]
    bracket: Bracket

    @property
    def exact_mean(self) -> float | None:
        """The mean over the items with the exact log Z of the RBM on top, where that is known."""
        top = self.layers[-1]
        return None if top.exact is None else self.bracket.upper_mean + top.ais.log_z - top.exact

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The figures as text: what, nats, 95 % interval, effective chains."""
        for layer in self.layers:
            name, z = f"log Z of layer {layer.layer}, {layer.shape[0]}-{layer.shape[1]}", layer.ais
            chains = f"{z.effective_sample_size:.1f} of {len(z.log_weights)}"
            yield f"{name}, by AIS", f"{z.log_z:.2f}", _interval(z.interval), chains
            if layer.exact is not None:
                yield f"{name}, exact", f"{layer.exact:.2f}", "", ""
        name = "log-likelihood" if len(self.layers) == 1 else "bound of the log-likelihood"
        both = self.bracket
        yield f"{name}, upper side (AIS)", f"{both.upper_mean:.2f}", _interval(both.upper_interval), ""
        if self.exact_mean is not None:
            yield f"{name}, log Z exact", f"{self.exact_mean:.2f}", "", ""
        yield f"{name}, lower side (RAISE)", f"{both.lower_mean:.2f}", _interval(both.lower_interval), ""
        yield "between the two sides", f"{both.gap:.2f}", _interval(both.gap_interval), ""


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


@torch.no_grad()
def layer_path(dbn: DBN, layer: int, source: Source) -> AnnealedPath:
    """The path to a layer's RBM from independent units with the means that it sees.

    The means are those of up to 10,000 items from all over the source.

    Args:
        dbn: the model; seen, not copied.
        layer: from 1.
        source: the data it was trained on, best.
    """
    rbm = dbn.layer(layer)
    items = spread(source, min(len(source), BASE_RATE_ITEMS)).to(rbm.weights)
    return AnnealedPath(rbm, base_rate_bias(rbm.visible, [dbn.encode(items, layer - 1)]))


def evaluate(
    dbn: DBN,
    training: Source,
    items: Source,
    random: Random,
    settings: AISSettings | None = None,
    number: int = 100,
    show: Show | None = None,
) -> Evaluation:
    """AIS on every layer, and both sides of the (bound of the) log-likelihood.

    Args:
        dbn: the model.
        training: for the base rates.
        items: whose likelihood is asked for; grey values are made binary by `as_states` where units are.
        random: the choice of the items, their states, those of all chains; on the DBN's device.
        settings: temperatures and chains.
        number: of items, drawn from all.
        show: is told how far it is.

    Raises:
        SettingsError: the data have another width than the DBN, or there are no items.
    """
    for source in (training, items):
        if source.width != dbn.sizes[0]:
            raise SettingsError(f"the DBN sees {dbn.sizes[0]} values, the data have {source.width}: make them equal.")
    if not len(items) or number < 1:
        raise SettingsError(f"{number} of {len(items)} items have no likelihood to measure: give at least 1.")
    weights = dbn.layer(1).weights
    chosen = items.batch(random.permutation(len(items))[:number]).to(weights)
    visible = as_states(dbn.layer(1).visible, chosen, random)

    def watch(what: str) -> Watch | None:
        return None if show is None else lambda done, total: show(what, done, total)

    layers = []
    for layer in range(1, len(dbn) + 1):
        path = layer_path(dbn, layer, training)
        z = ais(path, random, settings, watch(f"AIS of layer {layer}"))
        exact = exact_log_z(path.rbm) if fewest_states(path.rbm) <= _QUICK else None
        layers.append(LayerZ(layer, (path.rbm.visible.size, path.rbm.hidden.size), z, exact))
    return Evaluation(layers, dbn_bound(dbn, path, visible, z, random, settings, watch("RAISE")))
