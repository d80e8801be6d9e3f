"""Evaluates a DBN on a data set: log Z of every layer, and the log-likelihood from both sides."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

import torch

from deepbelief.data import SourceLike, as_source, evenly_spaced
from deepbelief.data.order import order_of
from deepbelief.errors import DataError, SettingsError
from deepbelief.likelihood.ais import AISResult, AISSettings, ais
from deepbelief.likelihood.bracket import Bracket, as_states, dbn_bound
from deepbelief.likelihood.estimate import ChainSettings, Estimate, dbn_estimate
from deepbelief.likelihood.exact import exact_log_z, fewest_states
from deepbelief.likelihood.importance import ImportanceSettings, dbn_importance
from deepbelief.likelihood.posterior import check_latent
from deepbelief.models.annealed_path import BASE_RATE_ITEMS, AnnealedPath, base_rate_bias
from deepbelief.models.checks import check_width
from deepbelief.models.dbn import DBN
from deepbelief.models.missing import check_known_values
from deepbelief.progress import Progress
from deepbelief.randomness import Random, as_random

_QUICK: Final = 2**20  # states, summed in seconds


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
    """The log Z of every layer, and the (bound of the) mean log-likelihood of some items, in nats.

    `estimate` is of the log-likelihood itself where `bracket` is of its bound, if it was asked for.
    """

    layers: list[LayerZ]
    bracket: Bracket
    estimate: Estimate | None = None

    @property
    def exact_mean(self) -> float | None:
        """The mean of `bracket` over the items with the exact log Z of the RBM on top, where that is known."""
        return self._with_exact_z(self.bracket.upper_mean)

    def _with_exact_z(self, mean: float) -> float | None:
        top = self.layers[-1]
        return None if top.exact is None else mean + top.ais.log_z - top.exact

    @property
    def warnings(self) -> list[str]:
        """A sentence for each reason to trust the figures less."""
        found = self.bracket.warnings
        if self.estimate is not None and self.estimate.mean < self.bracket.upper_mean:
            found.append(
                "the estimate of the log-likelihood is below its bound, so it is too low: take chains of more steps, "
                "or more samples."
            )
        return found

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """The figures as text: name, nats, 95 % interval, effective chains."""
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
        if self.estimate is not None:
            mean, exact = self.estimate.mean, self._with_exact_z(self.estimate.mean)
            name = f"log-likelihood, by {self.estimate.method}"
            yield f"{name} (AIS)", f"{mean:.2f}", _interval(self.estimate.interval), ""
            if exact is not None:
                yield f"{name}, log Z exact", f"{exact:.2f}", "", ""


def _interval(ends: tuple[float, float]) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}"


@torch.no_grad()
def layer_path(dbn: DBN, layer: int, source: SourceLike) -> AnnealedPath:
    """The path from independent units to a layer's RBM.

    The units' means are those of the layer's input for up to 10,000 evenly spaced items of the source.

    Args:
        dbn: the model; not copied.
        layer: from 1.
        source: preferably the data it was trained on.

    Raises:
        SettingsError: the data have another width than the DBN.
        DataError: there are no items, or the first layer's units cannot take one of their values.
    """
    rbm, first, data = dbn.layer(layer), dbn.layer(1).visible, as_source(source)
    check_width(data, first, "the DBN")
    if not len(data):
        raise DataError("there are no items to take base rates of: give at least 1.")
    items = evenly_spaced(data, min(len(data), BASE_RATE_ITEMS)).to(rbm.weights)
    check_known_values(first, items)
    return AnnealedPath(rbm, base_rate_bias(rbm.visible, [dbn.encode(items, layer - 1)]))


def evaluate(
    dbn: DBN,
    training: SourceLike,
    items: SourceLike,
    random: Random | int,
    settings: AISSettings | None = None,
    number: int = 100,
    progress: Progress | None = None,
    estimate: ChainSettings | ImportanceSettings | None = None,
) -> Evaluation:
    """AIS on every layer, both sides of the (bound of the) log-likelihood, and an estimate of it if asked for.

    Args:
        dbn: the model.
        training: for the base rates.
        items: the items to evaluate; grey values are made binary by `as_states` where the units are binary.
        random: for the choice of the items, their states and all chains; on the DBN's device.
        settings: temperatures and chains.
        number: how many of the items to use, drawn at random; `Weighted` ones as often as their weights say.
        progress: gets the method (and layer) and counts temperatures, steps of chains, or samples.
        estimate: of the chains of `dbn_estimate`, or the samples of `dbn_importance`; None for none. A single layer
            needs none: it has no bound.

    Raises:
        SettingsError: the data have another width than the DBN, or there are no items; or an estimate by chains is
            asked for and a layer between the visible and the top one is not Bernoulli.
        DataError: the units cannot take one of the values that are used.
    """
    random = as_random(random, dbn.layer(1).weights.device)
    learnt, measured, units = as_source(training), as_source(items), dbn.layer(1).visible
    for source in (learnt, measured):
        check_width(source, units, "the DBN")
    if not len(measured) or number < 1:
        raise SettingsError(f"{number} of {len(measured)} items have no likelihood to measure: give at least 1.")
    if isinstance(estimate, ChainSettings):
        check_latent(dbn)  # before the long work
    rows = order_of(len(measured), measured.weights, random)[:number]
    visible = as_states(units, measured.batch(rows), random)

    def of_layer(layer: int) -> Progress | None:
        if progress is None:
            return None
        return lambda method, done, total: progress(f"{method} of layer {layer}", done, total)

    layers = []
    for layer in range(1, len(dbn) + 1):
        path = layer_path(dbn, layer, learnt)
        z = ais(path, random, settings, of_layer(layer))
        exact = exact_log_z(path.rbm) if fewest_states(path.rbm) <= _QUICK else None
        layers.append(LayerZ(layer, (path.rbm.visible.size, path.rbm.hidden.size), z, exact))
    bracket = dbn_bound(dbn, path, visible, z, random, settings, progress)
    if estimate is None or len(dbn) == 1:
        return Evaluation(layers, bracket)
    if isinstance(estimate, ChainSettings):
        return Evaluation(layers, bracket, dbn_estimate(dbn, visible, z, random, estimate, progress))
    return Evaluation(layers, bracket, dbn_importance(dbn, visible, z, random, estimate, progress))
