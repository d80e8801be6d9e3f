"""The chapter about the top-down defence, judged by an attacker who knows of it."""

from deepbelief.report.chapter import Chapter, Picture
from deepbelief.report.charts import Chart, charts_drawing
from deepbelief.report.curves import Curve
from deepbelief.report.images import strip
from deepbelief.report.run import Run, Stage
from deepbelief.report.story.attacks import levels_where_less
from deepbelief.report.style import INK, Look
from deepbelief.report.tables import defence_table
from deepbelief.report.text import contestant_name, listing, percent, signed, times

_LOOKS = (("#2b8a8a", "s"), ("#b07a10", "D"), ("#7a4fa3", "^"), ("#58722c", "v"))  # colours and markers


def topdown_defence(run: Run, stage: Stage) -> Chapter:
    """Attacked images, their reconstructions, and how much the defence is worth."""
    contestant = str(stage.fact("contestant"))
    counts = [int(count) for count in stage.array("num_steps")]
    pgd = stage.record.facts.get("pgd")
    attacks = ["fgsm"] if pgd is None else ["fgsm", "pgd"]
    text = (
        "A deep belief network also runs backwards: features go down and become an image again. The hope behind the "
        "defence: on the way up and down, what does not look like a training image is lost, the attack first of all. "
        "So each image goes up and down a few times before it is classified.",
        "A defence must be judged by an attacker who knows of it. If the attack is made on the undefended network, it "
        "was aimed at something that is no longer there; the adaptive attack follows the gradient through the "
        "reconstruction as well. What counts is the accuracy under whichever attack is stronger.",
        *_masked(run, contestant, counts, pgd),
    )
    on = "" if pgd is None else f" PGD is tried on {pgd['images']} of the test images."
    curves = Picture(
        "topdown-defence",
        "Test accuracy against epsilon without defence, with defence, and under the adaptive attack.",
        _verdict(run, contestant, counts, float(stage.fact("epsilon")), attacks[-1]) + on,
        charts_drawing([_chart(run, contestant, counts, attack) for attack in attacks]),
    )
    tables = [defence_table(run.results, name, counts) for name in _defended(run, contestant, counts)]
    return Chapter(text, (_images(run, stage, counts), curves), tables)


def _images(run: Run, stage: Stage, counts: list[int]) -> Picture:
    answers, label = stage.fact("predictions"), run.class_name(stage.fact("label"))
    keys = ["original", "attacked", *(f"reconstructed_{count}" for count in counts)]
    return Picture(
        "topdown-defence-images",
        f"A test image ({label}), attacked, and reconstructed by the network.",
        f"{label}, attacked with epsilon {float(stage.fact('epsilon')):g} and then rebuilt by the network; below each "
        "image the answer, in bold red if wrong. The reconstruction is smoother than the attack, but it also forgets "
        "detail of the object.",
        strip(
            [stage.array("original"), stage.array("attacked"), *stage.array("reconstructed")],
            ["original", "attacked", *(f"rebuilt, {count} x" for count in counts)],
            columns=3 if len(keys) in (3, 5, 6) else 4,
            answers=[run.class_name(answers[key]) if key in answers else "" for key in keys],
            right=label,
        ),
    )


def _chart(run: Run, contestant: str, counts: list[int], attack: str) -> Chart:
    curves = []
    if series := run.series(f"accuracy/{contestant}/{attack}"):
        curves.append(Curve.of_series(series, Look("undefended", INK, "o")))
    for number, count in enumerate(counts):
        for kind in ("defended", "adaptive"):
            if series := run.series(f"accuracy/{contestant}/{attack}_{kind}_{count}"):
                look = Look(f"{kind}, {count} x", *_LOOKS[number % len(_LOOKS)])
                curves.append(Curve.of_series(series, look, dashed=kind == "adaptive"))
    title = f"Test accuracy (%) of {contestant_name(contestant)} under {attack.upper()}; dashed: adaptive"
    return Chart(title, "epsilon (1 = from black to white)", curves, True, run.chance, tall=3.0)


def _verdict(run: Run, contestant: str, counts: list[int], epsilon: float, attack: str) -> str:
    """The gain of the defence against attacks that do not know it and that do, at the level nearest to `epsilon`."""
    for count in counts:
        kinds = (attack, f"{attack}_defended_{count}", f"{attack}_adaptive_{count}")
        plain, defended, adaptive = (run.series(f"accuracy/{contestant}/{kind}") for kind in kinds)
        if plain is None or defended is None or adaptive is None:
            continue
        (level, before), (_, seeming), (_, real) = (one.nearest(epsilon) for one in (plain, defended, adaptive))
        return (
            f"Under {attack.upper()} at epsilon {level:g}, going up and down {times(count)} takes the accuracy from "
            f"{percent(before)} to {percent(seeming)} if the attacker ignores the defence, and to {percent(real)} if "
            "the attack goes through it. Judged by the stronger attack, the defence is worth "
            f"{signed(100 * (min(seeming, real) - before))} points; a still stronger attack may leave less."
        )
    return "Accuracy with and without the defence."


def _masked(run: Run, contestant: str, counts: list[int], pgd: dict[str, int] | None) -> list[str]:
    """A warning where an attack that knows less, or takes one step, does better than a stronger one."""
    words = {
        "fgsm_defended": "FGSM that ignores the defence",
        "fgsm_adaptive": "FGSM through the defence",
        "pgd_defended": "PGD that ignores the defence",
        "pgd_adaptive": "PGD through the defence",
    }
    pairs = [("fgsm_defended", "fgsm_adaptive", int(run.facts("data").get("n_test", 10_000)))]
    if pgd is not None:
        pairs += [(kind, "pgd_adaptive", pgd["images"]) for kind in words if kind != "pgd_adaptive"]
    found = [
        f"{words[less]} does more than {words[more]} (at epsilon {listing(levels)}, {times(count)} up and down)"
        for count in counts
        for less, more, images in pairs
        if (levels := levels_where_less(run, contestant, f"{less}_{count}", f"{more}_{count}", images))
    ]
    warning = (
        f"A warning: {listing(found)}. An attack that knows more and takes more steps should do more. Where it does "
        "not, its gradient is masked, it fades on the way through the reconstruction: that is no strength of the "
        "defence, and a better attack would find more."
    )
    return [warning] if found else []


def _defended(run: Run, contestant: str, counts: list[int]) -> list[str]:
    """The contestants with measured defences, the one of the picture first."""
    kinds = [f"fgsm_{kind}_{count}" for count in counts for kind in ("defended", "adaptive")]
    names = [name for name in run.contestants if any(run.series(f"accuracy/{name}/{kind}") for kind in kinds)]
    return sorted(names, key=lambda name: name != contestant)
