"""How often the 95 % intervals of a psychometric fit hold the truth, on simulated observers whose curve is known.

    .venv/bin/python benchmarks/interval_coverage.py --observers 250

Every observer has a threshold, a width and a lapse rate of its own; in each design they answer, are fitted, and it is
counted how often the interval holds what they were made with, with a binomial interval of that share. With 5 levels and
no overdispersion intervals hold it too often, unless the fit is told that there is none: so few blocks cannot tell it
from chance. A last few designs break what the fit assumes, to tell what that costs. Writes
benchmarks/results/coverage.json.
"""

import json
import math
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import scipy.stats
import torch
import typer
from rich.console import Console

from deepbelief.robustness import (
    CumulativeGaussian,
    FreeGuess,
    Logistic,
    PsychometricCurve,
    PsychometricSettings,
    Weibull,
    fit_psychometric,
)
from deepbelief.system.machine import describe_machine

HERE = Path(__file__).parent
CLASSES = 10
BAR = (0.92, 0.98)
FAMILIES = {"weibull": Weibull(), "logistic": Logistic(), "gaussian": CumulativeGaussian()}
WIDTHS = {"weibull": (1.0, 3.0), "logistic": (0.3, 0.8), "gaussian": (0.3, 0.8)}  # on the axis of each
MEASURED = ("threshold", "width", "slope", "lapse")


@dataclass(frozen=True)
class Design:
    """What is measured and how the observers answer; levels go evenly from 0 to 1.

    Args:
        levels: their number.
        trials: at each level.
        overdispersion: eta of every block, by itself.
        repetitions: of all levels.
        family: of the observers' curves; the fit takes the same one, or `fitted`.
        fitted: another family to fit.
        free_guess: guess is unknown to the fit.
        binomial: the fit knows that there is no overdispersion.
        dependence: what breaks the assumption that blocks are independent: all levels use the same images, each of
            which is lost at a level of its own, or each repetition has a threshold of its own (10 % apart).
    """

    levels: int
    trials: int
    overdispersion: float = 0.0
    repetitions: int = 1
    family: str = "weibull"
    fitted: str | None = None
    free_guess: bool = False
    binomial: bool = False
    dependence: Literal["none", "same images", "other thresholds"] = "none"

    @property
    def keeps_assumptions(self) -> bool:
        """Whether the bar holds for it."""
        return self.dependence == "none" and self.fitted is None

    @property
    def name(self) -> str:
        """For the table."""
        extra = [f"eta {self.overdispersion:g}"] * bool(self.overdispersion)
        extra += [f"{self.repetitions} repetitions"] * (self.repetitions > 1) + [self.family] * (
            self.family != "weibull" or self.fitted is not None
        )
        extra += [f"fitted {self.fitted}"] * (self.fitted is not None) + ["free guess"] * self.free_guess
        extra += ["known to be binomial"] * self.binomial
        extra += [self.dependence] * (self.dependence != "none")
        return ", ".join([f"{self.levels} levels x {self.trials}", *extra])


DESIGNS = (
    *(Design(5, 20), Design(5, 100), Design(5, 1000), Design(5, 10_000)),
    *(Design(5, trials, binomial=True) for trials in (20, 10_000)),
    *(Design(8, 50), Design(8, 1000), Design(14, 20), Design(14, 200), Design(14, 10_000)),
    *(Design(5, 10_000, 0.03), Design(8, 100, 0.1), Design(8, 1000, 0.05), Design(14, 10_000, 0.02)),
    *(Design(14, 10_000, 0.1), Design(8, 1000, 0.05, 3), Design(14, 10_000, 0.02, 3), Design(5, 100, 0, 3)),
    *(Design(10, 500, 0.03, family=name) for name in ("logistic", "gaussian")),
    *(Design(14, 1000, eta, free_guess=True) for eta in (0.0, 0.03)),
    Design(14, 10_000, fitted="weibull", family="gaussian"),
    Design(14, 10_000, dependence="same images"),
    Design(14, 10_000, 0, 3, dependence="other thresholds"),
)


def observer(design: Design, random: np.random.Generator) -> PsychometricCurve:
    """A curve of the design's family whose threshold lies among the levels."""
    return PsychometricCurve(
        FAMILIES[design.family],
        threshold=random.uniform(0.3, 0.75),
        width=random.uniform(*WIDTHS[design.family]),
        guess=1 / CLASSES,
        lapse=random.uniform(0.02, 0.2),
    )


def answers(curve: PsychometricCurve, design: Design, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Levels, (levels,), and right answers, (repetitions, levels)."""
    levels = np.linspace(0, 1, design.levels)
    if design.dependence == "same images":
        lost = random.uniform(size=design.trials)
        return levels, (lost[:, None] < curve(levels).numpy()).sum(axis=0)[None]
    rows = []
    for _ in range(design.repetitions):
        own = curve
        if design.dependence == "other thresholds":
            own = replace(curve, threshold=curve.threshold * math.exp(random.normal(0, 0.1)))
        accuracy = own(levels).numpy()
        if design.overdispersion:
            nu = 1 / design.overdispersion**2 - 1
            accuracy = random.beta(accuracy * nu, (1 - accuracy) * nu)
        rows.append(random.binomial(design.trials, accuracy))
    return levels, np.stack(rows)


def measure(design: Design, observers: int, seed: int) -> dict[str, Any]:
    """Fit that many observers; how many intervals hold the truth, for each parameter."""
    random, started = np.random.default_rng([seed, DESIGNS.index(design)]), time.perf_counter()
    settings = PsychometricSettings(
        FAMILIES[design.fitted or design.family],
        guess=FreeGuess() if design.free_guess else None,
        most_overdispersion=0.0 if design.binomial else 0.5,
    )
    held = dict.fromkeys(MEASURED, 0)
    lengths = []
    for _ in range(observers):
        curve = observer(design, random)
        levels, right = answers(curve, design, random)
        fit = fit_psychometric(levels, right, design.trials, CLASSES, settings)
        for name in MEASURED:
            interval = getattr(fit, name)
            held[name] += interval.low <= getattr(curve, name) <= interval.high
        lengths.append((fit.threshold.high - fit.threshold.low) / curve.threshold)
    usual = float(np.median(lengths))
    return {
        "name": design.name,
        "design": asdict(design),
        "keeps_assumptions": design.keeps_assumptions,
        "observers": observers,
        "held": {name: share(count, observers) for name, count in held.items()},
        "median_relative_length": usual if math.isfinite(usual) else None,
        "seconds": time.perf_counter() - started,
    }


def judged(found: float) -> str:
    """Beside the bar; too often is the lesser fault."""
    return "too rarely" if found < BAR[0] else "too often" if found > BAR[1] else "good"


def share(held: int, of: int) -> dict[str, float]:
    """A share with its 95 % interval (Clopper & Pearson 1934)."""
    ends = scipy.stats.binomtest(held, of).proportion_ci()
    return {"share": held / of, "low": float(ends.low), "high": float(ends.high)}


def main(
    observers: Annotated[int, typer.Option(min=10, help="Simulated in each design.")] = 250,
    seed: Annotated[int, typer.Option(min=0, help="Of their curves and answers.")] = 0,
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = HERE / "results" / "coverage.json",
) -> None:
    """Simulate all designs, print how often intervals hold the truth, keep the figures."""
    console, found = Console(), []
    for design in DESIGNS:
        found.append(measure(design, observers, seed))
        held = found[-1]["held"]
        shares = ", ".join(f"{name} {held[name]['share']:.3f}" for name in MEASURED)
        ends = f"[{held['threshold']['low']:.3f}, {held['threshold']['high']:.3f}]"
        mark = judged(held["threshold"]["share"]) if design.keeps_assumptions else "assumptions broken"
        console.print(
            f"{design.name}: {shares}; threshold {ends}, {mark}; {found[-1]['seconds']:.0f} s",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    record = {
        "machine": describe_machine(torch.device("cpu")),
        "settings": {"observers": observers, "seed": seed, "classes": CLASSES, "bar": BAR},
        "designs": found,
    }
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    console.print(f"Written to {out}")


if __name__ == "__main__":
    typer.run(main)
