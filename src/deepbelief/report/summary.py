"""The summary at the head of the page, written from the metrics."""

from deepbelief.report.run import Run
from deepbelief.report.tables import levels_of, nearest_levels
from deepbelief.report.text import contestant_name, listing, percent, without_labels

_PERTURBATIONS = (
    ("gaussian", 0.3, "With Gaussian noise of standard deviation {level} added to every test image"),
    ("fgsm", 0.1, "Under a gradient attack that moves each pixel by {level} in one step"),
    ("pgd", 0.1, "Under one of many small steps that moves each pixel by at most {level}"),
)


def title(run: Run) -> str:
    """The title of the page."""
    return f"What a deep belief network learns from {run.data_name}"


def summary(run: Run) -> str:
    """One paragraph: what was trained, the accuracies on clean and perturbed images, and their uncertainty.

    Of data without labels, what was left out in place of the accuracies.
    """
    perturbed = [_perturbed(run, *kind) for kind in _PERTURBATIONS]
    left_out = without_labels(run.data_name, run.results.left_out)
    sentences = [_what(run), left_out, _clean(run), *perturbed, _defence(run), _sure(run)]
    return " ".join(filter(None, sentences))


def _what(run: Run) -> str:
    widths = run.facts("pretraining").get("layers")
    if not widths:
        return f"A deep belief network is trained on {run.data_name} and put to the test."
    shape = "-".join(map(str, widths))
    return f"A deep belief network of {shape} units learnt from the images of {run.data_name} without seeing a label."


def _ranked(run: Run, suffix: str = "") -> list[tuple[str, float]]:
    """The contestants with their mean accuracies, the best one first; the intervals are in the table below."""
    found = [(name, metric.mean) for name in run.contestants if (metric := run.metric(f"accuracy/{name}{suffix}"))]
    return sorted(found, key=lambda pair: -pair[1])


def _clean(run: Run) -> str:
    """The accuracies on clean images: of the best read-out, and of the networks trained as a whole."""
    parts = []
    if readouts := [(name, share) for name, share in _ranked(run) if name.startswith("readout_")]:
        name, share = readouts[0]
        layer = name.removeprefix("readout_")
        parts.append(f"a linear read-out of layer {layer} recognises {percent(share)} of the test images")
    if finetuned := run.metric("accuracy/finetuned"):
        parts.append(f"the whole network, fine-tuned on labels, {percent(finetuned.mean)}")
    if baseline := run.metric("accuracy/ffnn"):
        parts.append(f"a feed-forward network trained from a random start {percent(baseline.mean)}")
    sentence = listing(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def _perturbed(run: Run, kind: str, wanted: float, words: str) -> str:
    levels = nearest_levels(levels_of(run.results, kind), [wanted])
    ranked = _ranked(run, f"/{kind}@{levels[0]}") if levels else []
    if len(ranked) < 2:
        return ""
    (best, high), (worst, low) = ranked[0], ranked[-1]
    return (
        f"{words.format(level=levels[0])}, {contestant_name(best)} does best ({percent(high)}) and "
        f"{contestant_name(worst)} worst ({percent(low)})."
    )


def _defence(run: Run) -> str:
    """The gain of the top-down defence under the strongest adaptive attack, at the level nearest to 0.1."""
    facts = run.facts("topdown_defence")
    if not facts:
        return ""
    contestant = str(facts["contestant"])
    counts = [int(count) for count in run.stages["topdown_defence"].array("num_steps")]
    attack = "pgd" if levels_of(run.results, "pgd") else "fgsm"
    levels = nearest_levels(levels_of(run.results, f"{attack}_adaptive_{counts[0]}"), [0.1]) if counts else []
    if not levels:
        return ""
    kinds = (attack, f"{attack}_defended_{counts[0]}", f"{attack}_adaptive_{counts[0]}")
    plain, seeming, real = (run.metric(f"accuracy/{contestant}/{kind}@{levels[0]}") for kind in kinds)
    if plain is None or seeming is None or real is None:
        return ""
    return (
        f"Rebuilding the image top-down takes {contestant_name(contestant)}, attacked so, from {percent(plain.mean)} "
        f"to {percent(seeming.mean)} if the attacker ignores that, and to {percent(real.mean)} if the attack reckons "
        "with it."
    )


def _sure(run: Run) -> str:
    seeds = len(run.results.seeds)
    if seeds == 1:
        return "All figures come from a single seed, so small differences mean nothing."
    return (
        f"Figures are means over {seeds} seeds, with 95 % confidence intervals in the tables; pictures of "
        "single images and courses of training show the first seed."
    )
