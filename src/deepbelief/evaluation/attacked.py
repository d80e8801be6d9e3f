"""The stages that attack: one contestant each, by all attacks of the plan, on the same images for all."""

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

from deepbelief.arrays import Classifier
from deepbelief.data.split import choose_rows
from deepbelief.evaluation.contestants import Contestants
from deepbelief.evaluation.perturbed import packed
from deepbelief.evaluation.plan import AttacksSection
from deepbelief.randomness import Random
from deepbelief.robustness import (
    APGD,
    FGSM,
    L2,
    PGD,
    Attack,
    Ball,
    LInf,
    RayS,
    Square,
    TargetedAPGD,
    Transfer,
    cross_entropy,
    logits_ratio,
    worst_case,
)
from deepbelief.robustness.attacks.attack import answers, look, margins
from deepbelief.study.context import Context, Findings, share

PREFIX: Final = "attacks_"
"""What the stage of a contestant is called, before the contestant's name."""

_BALLS: Final[dict[str, type[LInf] | type[L2]]] = {"linf": LInf, "l2": L2}


def stage_of(contestants: Contestants, name: str, section: AttacksSection) -> Callable[[Context], Findings]:
    """The stage that attacks the contestant of this name.

    The attacks that follow its own gradients are tried one after the other, each on the images that are left; then the
    others on what is left by all of them. An image that is lost at one strength counts as lost at all greater ones of
    that norm, which allow the same change. FGSM is measured once more, alone.
    """

    def attacked(context: Context) -> Findings:
        rows = choose_rows(context.test.required_labels(), section.images, Random(0, "attacked images", context.device))
        target = _Target(context, contestants, name, section, rows)
        found = Findings(facts={"images": len(rows), "rows": rows.tolist(), "taken": {}})
        found.facts["without_gradient"] = target.without_gradient()
        found.facts["unsettled"] = target.unsettled()
        strengths = [("linf", one) for one in section.epsilons] + [("l2", one) for one in section.lengths]
        for number, (norm, strength) in enumerate(sorted(strengths, key=lambda one: (one[0] == "l2", one[1])), start=1):
            target.attack(norm, strength, found)
            left = found.metrics[f"accuracy/{name}/{norm}@{strength:g}"]
            found.headline = f"{left:.3f} left at {norm} {strength:g}"
            context.progress.step(number, len(strengths), found.headline)
        found.arrays |= {f"{kind}/{norm}": packed(hits) for (kind, norm), hits in target.right.items()}
        return found

    return attacked


class _Target:
    """A contestant under attack: which images it still takes for what they are after each kind of attack."""

    def __init__(
        self, context: Context, contestants: Contestants, name: str, section: AttacksSection, rows: Tensor
    ) -> None:
        self._context, self._contestants, self._name, self._section = context, contestants, name, section
        self._classifier: Classifier = contestants[name]
        self._images, self._labels = context.test_pixels[rows], context.test.required_labels()[rows]
        self._clean = margins(self._classifier, self._images, self._labels) < 0
        self.right: dict[tuple[str, str], list[Tensor]] = {}
        """(`fgsm`, `aware` or `worst`; norm) -> (images,) for each strength, ascending."""

    def without_gradient(self) -> float:
        """The share of images at which the cross-entropy has no gradient at all, so that no attack can follow it."""
        gradient = look(self._classifier, self._images, self._labels, cross_entropy).gradient
        return share((gradient == 0).all(dim=1))

    def unsettled(self) -> float | None:
        """The share of images whose class changes with one more pass up and down; None where nothing looks top-down."""
        if (further := self._contestants.with_another_pass(self._name)) is None:
            return None
        now, then = (answers(one, self._images).argmax(dim=1) for one in (self._classifier, further))
        return share(now != then)

    def attack(self, norm: str, strength: float, found: Findings) -> None:
        """At one strength, greater than all before it."""
        ball: Ball = _BALLS[norm](strength * self._context.span, self._context.bounds)
        random = self._context.random(f"attacks/{self._name}/{norm}@{strength:g}")
        stepped = FGSM()(self._classifier, self._images, self._labels, ball)
        taken: dict[str, float] = {}
        aware = self._survivors(self._before("aware", norm), ball, self._aware(), random, taken)
        worst = self._survivors(self._before("worst", norm) & aware, ball, self._unaware(norm), random, taken)
        for kind, hits in (
            ("fgsm", margins(self._classifier, stepped, self._labels) < 0),
            ("aware", aware),
            ("worst", worst),
        ):
            self.right.setdefault((kind, norm), []).append(hits)
            words = norm if kind == "worst" else f"{norm}_{kind}"
            found.metrics[f"accuracy/{self._name}/{words}@{strength:g}"] = share(hits)
        found.facts["taken"][f"{norm}@{strength:g}"] = taken

    def _before(self, kind: str, norm: str) -> Tensor:
        """What was left at the strength before."""
        return self.right[kind, norm][-1] if (kind, norm) in self.right else self._clean

    def _survivors(
        self, left: Tensor, ball: Ball, attacks: Mapping[str, Attack], random: Random, taken: dict[str, float]
    ) -> Tensor:
        """Which of the images that are left also stand these attacks; `taken` is told the share of each attack."""
        rows = left.nonzero().squeeze(1)
        if not len(rows) or not attacks:
            return left
        case = worst_case(self._classifier, self._images[rows], self._labels[rows], ball, attacks, random)
        taken |= {name: share * len(rows) / len(left) for name, share in case.taken.items()}
        survived = torch.zeros_like(left)
        survived[rows] = case.right
        return survived

    def _aware(self) -> dict[str, Attack]:
        """The attacks that follow the contestant's own gradients."""
        attacks: dict[str, Attack] = {"fgsm": FGSM(), "pgd": PGD(self._section.steps)}
        if steps := self._section.auto_steps:
            attacks |= {"apgd": APGD(steps, loss=cross_entropy), "apgd_ratio": APGD(steps, loss=logits_ratio)}
            if targets := self._section.targets:
                attacks["apgd_targeted"] = TargetedAPGD(steps, targets)
        if steps := self._section.long_steps:
            attacks["apgd_long"] = APGD(steps, loss=logits_ratio)
        return attacks

    def _unaware(self, norm: str) -> dict[str, Attack]:
        """The attacks that follow other gradients, or none."""
        section, attacks = self._section, dict[str, Attack]()
        if self._contestants.looks_top_down(self._name):
            attacks["unaware"] = Transfer(self._contestants.bare(self._name), PGD(section.steps))
        if section.stranger is not None and section.stranger != self._name:
            attacks["transfer"] = Transfer(self._contestants[section.stranger], PGD(section.steps))
        if section.queries and norm == "linf":  # made for this norm, and weak in the other
            attacks["square"] = Square(self._context.image_shape, section.queries)
        if section.answers:
            attacks["rays"] = RayS(section.answers)
        return attacks
