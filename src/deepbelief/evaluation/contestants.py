"""Who is evaluated: the classifiers of the study, those of the plan, and those that look top-down first."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Final, final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.checkpoint import load_labelled_dbn
from deepbelief.errors import SettingsError
from deepbelief.evaluation.plan import Plan
from deepbelief.learning.backprop.readout import predictions
from deepbelief.robustness import Averaged, Defended, Together
from deepbelief.sampling import sampled_reconstruction
from deepbelief.study.context import Context
from deepbelief.study.loading import classifier_of
from deepbelief.study.recipe import Recipe

LABEL_RBM: Final = "label_rbm"
"""The DBN with the RBM on top that sees labels: the class of the lowest free energy."""

OPTIONAL: Final = ("robust_readout", "all_layers", "mlp_head", "random_start")
"""Contestants that a recipe may leave out."""


@final
@dataclass(frozen=True)
class TopDown:
    """A contestant that sees a reconstruction: whose answer is asked for, and how the image goes up and down."""

    bare: str
    layers: tuple[int, ...]
    passes: int
    draws: int

    @property
    def name(self) -> str:
        """`readout_2_rebuilt_3x1`: up to layer 3 and back, once; `readout_2_rebuilt_0_3x1`: and not at all."""
        depths = "_".join(map(str, self.layers))
        return f"{self.bare}_rebuilt_{depths}x{self.passes}" + (f"_sampled_{self.draws}" if self.draws else "")


def top_down(recipe: Recipe, plan: Plan) -> list[TopDown]:
    """The contestants that look top-down, those left out whose bare classifier this study does not have."""
    found, there = [], bare_names(recipe, plan)
    for section in plan.top_down:
        layers = tuple(sorted(section.layers)) or (section.layer or len(recipe.dbn.hidden),)
        bare = section.contestants or (f"readout_{max(layers)}",)
        found += [TopDown(name, layers, section.passes, section.draws) for name in bare if name in there]
    return found


def bare_names(recipe: Recipe, plan: Plan) -> list[str]:
    """Everyone who does not look top-down."""
    return [*recipe.contestants, LABEL_RBM, *(network.name for network in plan.networks)]


def all_names(recipe: Recipe, plan: Plan) -> list[str]:
    """Everyone who could be evaluated."""
    return [*bare_names(recipe, plan), *(one.name for one in top_down(recipe, plan))]


def names_of(recipe: Recipe, plan: Plan) -> list[str]:
    """Those who are, in order."""
    return [name for name in all_names(recipe, plan) if not plan.contestants or name in plan.contestants]


def pairs_of(recipe: Recipe, plan: Plan) -> list[tuple[str, str]]:
    """Who is compared with whom, each pair once."""
    names = names_of(recipe, plan)
    wanted = [(one, rival) for rival in plan.rivals for one in names]
    wanted += [(one.name, one.bare) for one in top_down(recipe, plan)]
    wanted += plan.pairs
    once = {frozenset(pair): pair for pair in reversed(wanted) if pair[0] != pair[1] and {*pair} <= {*names}}
    return list(reversed(once.values()))


def check_contestants(recipe: Recipe, plan: Plan) -> None:
    """Refuse a plan with contestants that there cannot be.

    Raises:
        SettingsError: a name is unknown or taken, or the DBN lacks a layer.
    """
    known, bare = all_names(recipe, plan), bare_names(recipe, plan)
    for network in plan.networks:
        if bare.count(network.name) > 1 or network.name.startswith("readout_"):
            raise SettingsError(f"the name {network.name} is taken: give that network of the plan another one.")
    for section in plan.top_down:
        if (deepest := max(section.layer or 0, *section.layers, 0)) > len(recipe.dbn.hidden):
            raise SettingsError(
                f"top_down asks for layer {deepest}, and the DBN has {len(recipe.dbn.hidden)} layers: give a lower one."
            )
    rebuilt = [one.name for one in top_down(recipe, plan)]
    if twice := [name for name in rebuilt if rebuilt.count(name) > 1]:
        raise SettingsError(f"top_down asks for {twice[0]} twice: leave one of them out.")
    named = {
        "contestants": (plan.contestants, known),
        "attacks.stranger": ([plan.attacks.stranger] if plan.attacks and plan.attacks.stranger else [], bare),
        "by_class.contestants": (plan.by_class.contestants if plan.by_class else (), [*known, *OPTIONAL]),
        "top_down.contestants": ([name for one in plan.top_down for name in one.contestants], [*bare, *OPTIONAL]),
        "rivals": (plan.rivals, [*known, *OPTIONAL]),
        "pairs": ([name for pair in plan.pairs for name in pair], [*known, *OPTIONAL]),
    }
    for setting, (names, there) in named.items():
        for name in names:
            if name not in there:
                raise SettingsError(
                    f"{setting} names {name}, which this study and plan do not have: take some of {', '.join(there)}."
                )


@final
class Contestants:
    """The classifiers of one seed by name, and what each takes images for."""

    def __init__(self, context: Context, plan: Plan) -> None:
        self._context = context
        self._bare: dict[str, Classifier] = {}
        self._top_down = {one.name: one for one in top_down(context.recipe, plan)}
        self._stranger = plan.attacks.stranger if plan.attacks is not None else None
        self.names = names_of(context.recipe, plan)

    def __getitem__(self, name: str) -> Classifier:
        """A differentiable function from images to logits."""
        seen = self._top_down.get(name)
        return self.bare(name) if seen is None else self._looking(seen)

    def with_another_pass(self, name: str) -> Classifier | None:
        """The same with one more pass up and down, of a contestant that looks top-down by means."""
        seen = self._top_down.get(name)
        return None if seen is None or seen.draws else self._looking(replace(seen, passes=seen.passes + 1))

    def bare(self, name: str) -> Classifier:
        """The same without its look top-down."""
        name = self._top_down[name].bare if name in self._top_down else name
        if name not in self._bare:
            self._bare[name] = self._loaded(name)
        return self._bare[name]

    def needs(self, name: str) -> bool:
        """Whether this classifier is a contestant, answers for one that looks top-down, or is attacked for others."""
        answering = [self._top_down[one].bare for one in self.names if one in self._top_down]
        return name in (*self.names, *answering, self._stranger)

    def looks_top_down(self, name: str) -> bool:
        """Whether a contestant sees reconstructions."""
        return name in self._top_down

    @cached_property
    def clean(self) -> dict[str, Tensor]:
        """`right` of the test images as they are."""
        return self.right(self._context.test_pixels)

    @torch.no_grad()
    def right(self, images: Tensor) -> dict[str, Tensor]:
        """Which of the test images, changed in some way, each contestant takes for what they are, (n,) bool."""
        labels = self._context.test.required_labels()
        bare = {name: self.bare(name) for name in self.names if not self.looks_top_down(name)}
        found = predictions(self._context.dbn, bare, images)
        groups: dict[tuple[int, int], list[str]] = {}
        for name in self.names:
            if self.looks_top_down(name) and not (seen := self._top_down[name]).draws and len(seen.layers) == 1:
                groups.setdefault((seen.layers[0], seen.passes), []).append(name)
        for (layer, passes), names in groups.items():
            parts = [self._context.dbn.reconstruct(part, passes, layer) for part in torch.split(images, 2000)]
            found |= predictions(self._context.dbn, {name: self.bare(name) for name in names}, torch.cat(parts))
        others = {name: self[name] for name in self.names if name not in found}
        found |= predictions(self._context.dbn, others, images) if others else {}
        return {name: found[name] == labels for name in self.names}

    def _loaded(self, name: str) -> Classifier:
        context = self._context
        if name != LABEL_RBM:
            return classifier_of(context.recipe, context.dbn, name, context.network(name))
        assert context.finished is not None
        path = context.finished / "models" / "labelled.safetensors"
        return load_labelled_dbn(path).to(context.device).requires_grad_(False)

    def _looking(self, seen: TopDown) -> Classifier:
        views = [self._from_layer(seen, layer) for layer in seen.layers]
        return views[0] if len(views) == 1 else Together(views)

    def _from_layer(self, seen: TopDown, layer: int) -> Classifier:
        """The view from one depth: of the image itself from layer 0."""
        bare, dbn = self.bare(seen.bare), self._context.dbn
        if not layer:
            return bare
        if not seen.draws:
            return Defended(bare, partial(dbn.reconstruct, layer=layer), seen.passes)
        random = self._context.random(f"{seen.name}/states")

        def sampled(images: Tensor, passes: int) -> Tensor:
            return sampled_reconstruction(dbn, images, random, passes, layer)

        return Averaged(Defended(bare, sampled, seen.passes), seen.draws)
