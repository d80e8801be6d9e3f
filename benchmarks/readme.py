"""Keep the records of finished studies, and write the tables and pictures of the README and of docs/ from them.

    .venv/bin/python benchmarks/readme.py runs/reference runs/default

copies each run's `results.json` to `benchmarks/results/<recipe>.json`, that of its evaluation to
`benchmarks/results/robustness-<recipe>.json`, and the README's pictures to `docs/images/`; without arguments it only
writes the tables anew from the records that are kept: those of studies, and those that the other scripts here write.
"""

import json
import re
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from estimator_tables import compared_table, few_table, speed_table, text_table
from evaluated import autoattack_table, evaluation_picture, evaluation_tables
from findings import findings_table
from pretrained import pretrained_table
from scale_tables import foretold_table, limits_table, processes_table
from settings_table import settings_table

from deepbelief.evaluation.records import Evaluated, read_evaluated
from deepbelief.report.tables import Table, defence_table, published_tables, results_table
from deepbelief.report.text import duration, interval, measured_on, processor
from deepbelief.study.recipe import load_recipe
from deepbelief.study.records import Metric, Results, read_results

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "results"
STUDIES = ("default", "thorough", "reference")
NOISE = ("0.3", "0.5", "0.7", "1", "1.3")  # levels in the table of contestants under noise
PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in (
            *("do/choosing-settings", "findings", "generative", "labels", "many-processes", "pretrained", "recipes"),
            *("reference", "robustness", "scale", "scikit-learn", "speed"),
        )
    ),
)
# The records of labels.py: the model's name, and the error that is published of it.
LABELS = {
    "hybrid": ("hybrid RBM", "1.28 (Larochelle & Bengio 2008)"),
    "updown": ("up-down with a hybrid top RBM", ""),
    "updown-published": ("up-down as published", "1.25 (Hinton, Osindero & Teh 2006)"),
    "finetuned": ("DBN fine-tuned with dropout", "0.92 (Srivastava et al. 2014)"),
}
# The records of estimators.py and estimator_costs.py, whose blocks are called the same without hyphens.
ESTIMATORS = {
    "estimators": compared_table,
    "few-labels": few_table,
    "estimators-speed": speed_table,
    "sparse-text": text_table,
}
SCALE = ("processes", "scale fixed", "scale growing", "batch limits")
PICTURES = {"default": ["psychometric", "receptive-fields-1", "of-each-class"]}


def keep(run: Path) -> None:
    """Copy a run's results, and the pictures that the README shows; of fewer seeds than are kept, its times alone."""
    results = read_results(run)
    kept, timed = KEPT / f"{results.recipe}.json", KEPT / f"{results.recipe}-timed.json"
    if kept.exists() and len(read_study(kept).seeds) > len(results.seeds):
        shutil.copy(run / "results.json", timed)
        return
    shutil.copy(run / "results.json", kept)
    timed.unlink(missing_ok=True)
    keep_evaluation(run, results.recipe)
    for picture in PICTURES.get(results.recipe, []):
        source = run / "figures" / f"{picture}.png"
        if source.exists():
            shutil.copy(source, ROOT / "docs" / "images" / f"{results.recipe}-{picture}.png")


def keep_evaluation(run: Path, recipe: str) -> None:
    """Copy the results of a run's evaluation, if there is one, and draw its picture."""
    if evaluated := read_evaluated(run):
        (KEPT / f"robustness-{recipe}.json").write_text(evaluated.model_dump_json() + "\n", encoding="utf-8")
        (ROOT / "docs" / "images" / f"{recipe}-robustness.png").write_bytes(evaluation_picture(run))


def read_study(path: Path) -> Results:
    """Kept results; the published figures beside them are those of the recipe as it is now, which may be mended."""
    results = Results.model_validate_json(path.read_bytes())
    return results.model_copy(update={"published": load_recipe(results.recipe)[1].published})


def for_times(results: Results) -> Results:
    """The run that was kept for its times alone, where there is one."""
    timed = KEPT / f"{results.recipe}-timed.json"
    return read_study(timed) if timed.exists() else results


def with_log(results: Results) -> tuple[Results, str]:
    """Results with what reference_log.py has measured and they have not, and a sentence that says so."""
    log = kept(f"{results.recipe}-log")
    if log is None:
        return results, ""
    lacking = {name: Metric(**metric) for name, metric in log["metrics"].items() if name not in results.metrics}
    remark = (
        " Standard deviations, sizes of updates and the example are of a later training of "
        f"{len(log['seeds'])} seeds, {measured_on(log['machine'])}."
    )
    return results.model_copy(update={"metrics": results.metrics | lacking}), remark if lacking else ""


def markdown(table: Table) -> str:
    """A table of the report in Markdown."""
    lines = ["| " + " | ".join(table.header) + " |", "|---" + "|---:" * (len(table.header) - 1) + "|"]
    for number, row in enumerate(table.rows):
        cells = (f"**{cell}**" if (number, at) in table.strong else cell for at, cell in enumerate(row))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def circumstances(results: Results) -> str:
    """Seeds, precision, machine, memory and time in a sentence."""
    seeds = len(results.seeds)
    peak = max(results.metrics["memory/peak"].values) / 1e9
    timed = for_times(results)
    total = duration(min(timed.metrics["time/total"].values))
    averaged = f"{seeds} seeds, mean ± half of the 95 % confidence interval" if seeds > 1 else "One seed"
    which = "" if timed is results else f" of a later run ({measured_on(timed.machine)})"
    return (
        f"{averaged}; {measured_on(results.machine)}, {peak:.1f} GB of memory at most. "
        f"The quickest seed{which} took {total}."
    )


def evaluation_circumstances(results: Evaluated) -> str:
    """Seeds, images, machine and time of an evaluation in a sentence."""
    seeds = len(results.seeds)
    averaged = f"{seeds} seeds, mean ± half of the 95 % confidence interval" if seeds > 1 else "One seed"
    attacked = f", attacks on {results.plan['attacks']['images']} of them" if results.plan["attacks"] else ""
    total = duration(sum(results.metrics["time/total"].values))
    return f"{averaged}; {results.images:,} test images{attacked}; {measured_on(results.machine)}; {total} in all."


def defence(results: Results) -> Table:
    """The top read-out under attack: bare, defended, and attacked through the defence."""
    top = [name for name in results.contestants if name.startswith("readout_")][-1]
    return defence_table(results, top, results.settings["defence"]["steps"])


def noise_table(results: Results) -> Table:
    """All contestants under Gaussian noise that is not clipped."""
    return results_table(results, [("clean", ""), *((f"noise {level}", f"/gaussian@{level}") for level in NOISE)])


def stage_times(studies: list[Results]) -> Table:
    """Where the time of each study's quickest seed goes, the longest stages first."""
    seconds = []
    for study in studies:
        totals = study.metrics["time/total"].values
        quickest = totals.index(min(totals))
        seconds.append({stage: study.metrics[f"time/{stage}"].values[quickest] for stage in [*study.stages, "total"]})
    shown = [stage for stage in sorted(seconds[0], key=lambda stage: -seconds[0][stage]) if stage != "total"]
    shown = [stage for stage in shown if max(one.get(stage, 0) for one in seconds) >= 1]
    # A stage may have come after a study that is on record.
    rows = tuple(
        (stage, *(f"{one[stage]:.0f}" if stage in one else "" for one in seconds)) for stage in [*shown, "total"]
    )
    return Table("", ("seconds", *(study.recipe for study in studies)), rows)


def comparison_table(comparison: dict[str, Any]) -> Table:
    """One comparison of speed.py."""
    rows = tuple(
        (
            name,
            f"{found['seconds']:.2f}",
            f"{found['over_products']:.2f}",
            f"{found['over_deepbelief']:.2f}",
            f"{found['peak_bytes'] / 1e6:.0f}",
        )
        for name, found in comparison["contenders"].items()
    )
    header = ("contender", "s for 60,000 images", "over the products", "over deepbelief", "peak memory, MB")
    return Table(comparison["title"], header, rows)


def speed_tables(record: dict[str, Any]) -> str:
    """Every comparison of speed.py."""
    told = f"{processor(record['machine'])}; medians of {record['rounds']} rounds."
    tables = map(comparison_table, record["comparisons"])
    return "\n\n".join([told, *(f"**{table.title}**\n\n{markdown(table)}" for table in tables)])


def speed_summary(record: dict[str, Any]) -> str:
    """How many times longer the others take."""
    names = ["products", "textbook", "scikit-learn", "learnergy", "rbms"]
    rows = []
    for comparison in record["comparisons"]:
        found = comparison["contenders"]
        if "deepbelief" in found:
            others = (f"{found[name]['over_deepbelief']:.1f}x" if name in found else "" for name in names)
            rows.append((comparison["title"], f"{found['deepbelief']['seconds']:.2f} s", *others))
    return markdown(Table("", ("60,000 images", "deepbelief", *names), tuple(rows)))


def speed_side_by_side(records: Sequence[dict[str, Any]]) -> str:
    """Seconds of each work on each machine, and how many times those of its own products."""
    names = ["deepbelief", "deepbelief bf16", "deepbelief compiled bf16"]
    columns = [(record, name) for record in records for name in names if name in contenders_of(record, 0)]
    rows = []
    for number, comparison in enumerate(records[0]["comparisons"]):
        found = [contenders_of(record, number).get(name) for record, name in columns]
        if all(found):
            cells = [f"{one['seconds']:.2f} ({one['over_products']:.2f})" for one in found if one]
            rows.append((comparison["title"], *cells))
    header = [f"{name}, {record['machine']['capability']}" for record, name in columns]
    return markdown(Table("", ("60,000 images", *header), tuple(rows)))


def contenders_of(record: dict[str, Any], number: int) -> dict[str, Any]:
    """What one comparison of speed.py found."""
    found: dict[str, Any] = record["comparisons"][number]["contenders"]
    return found


def precision_table(record: dict[str, Any]) -> Table:
    """What precision.py found: differences between the two precisions."""
    settings = record["settings"]
    rows = []
    for name, figure in record["figures"].items():
        low, high = figure["ci95"]
        means = (f"{sum(figure[kind]) / len(figure[kind]):.4f}" for kind in ("fp32", "bf16"))
        rows.append((name, *means, f"{figure['difference']:+.4f} ({low:+.4f} to {high:+.4f})"))
    title = f"784-{settings['hidden']}, {settings['images']} images, {settings['epochs']} epochs, "
    header = ("figure", "fp32", "bf16", "bf16 - fp32 (95 % confidence)")
    return Table(f"{title}{len(settings['seeds'])} seeds, paired", header, tuple(rows))


def likelihood_table(record: dict[str, Any]) -> Table:
    """What likelihood.py found: both sides, and the truth where it is known; mean nats for a test item."""
    rows = []
    for model in record["models"]:
        top, exact = model["layers"][-1], model["exact"]
        sizes = [model["layers"][0]["shape"][0], *(layer["shape"][1] for layer in model["layers"])]
        rows.append(
            (
                "-".join(map(str, sizes)) + f", seed {model['seed']}",
                "" if exact is None else f"{exact:.2f}",
                f"{model['upper']:.2f}",
                f"{model['lower']:.2f}",
                "" if exact is None else f"{top['log_z_ais'] - top['log_z_exact']:+.3f}",
                "" if exact is None else f"{model['lower'] - exact:+.2f} ± {model['raise_error']:.2f}",
                f"{top['effective_sample_size']:.0f}",
                f"{top['seconds']:.0f} s",
            )
        )
    title = f"Mean log-likelihood of {record['items']} test images of {record['data']} made binary, nats"
    header = ("model", "exact", "AIS", "RAISE", "log Z: AIS - exact", "RAISE - exact", "effective chains", "AIS took")
    return Table(title, header, tuple(rows))


def generative_table(*records: dict[str, Any]) -> Table:
    """What generative.py found: both sides for an RBM and a DBN, mean nats for a test item."""
    rows = []
    for record in records:
        seconds = 0.0
        for model in record["models"]:
            seconds += model["training_seconds"]  # a DBN stands on the RBM before it
            rows.append(
                (
                    record["data"],
                    ("RBM " if len(model["sizes"]) == 2 else "DBN ") + "-".join(map(str, model["sizes"])),
                    f"{model['upper_of_all']:.2f}" if "upper_of_all" in model else "",
                    f"{model['estimate_of_all']:.2f}" if "estimate_of_all" in model else "",
                    nats(model["upper"], model["upper_interval"]),
                    nats(model["lower"], model["lower_interval"]),
                    nats(model["gap"], model["gap_interval"]),
                    str(model["items"]),
                    f"{seconds / 60:.0f} min",
                )
            )
    title = "Mean test log-likelihood (of the DBN its variational bound) of images made binary, nats, 95 % intervals"
    sides = ("AIS, all images", "DBN itself, all images", "AIS (upper)", "RAISE (lower)", "between them")
    return Table(title, ("data", "model", *sides, "of so many images", "training"), tuple(rows))


def trajectory_table(*records: dict[str, Any]) -> Table:
    """What trajectory.py found: log Z by the Bennett ratio along the training beside the exact one and AIS."""
    rows = []
    for record in records:
        for model in record["models"]:
            exact, last = model["log_z_exact"], model["course"][-1]
            low, high = model["log_z_ais_interval"]
            rows.append(
                (
                    f"{record['data']}, {'-'.join(map(str, model['sizes']))}",
                    f"{model['log_z']:.2f} ± {1.96 * model['log_z_error']:.2f}",
                    "" if exact is None else f"{model['log_z'] - exact:+.3f}",
                    f"{model['log_z'] - model['log_z_ais']:+.3f} ± {(high - low) / 2:.3f}",
                    f"{last['snapshots']:.0f}",
                    f"{last['undone']:.0f}",
                    f"{model['log_likelihood_test']:.2f}",
                    f"{model['drift'][0]:+.2f} ± {1.96 * model['drift'][1]:.2f}",
                    f"{model['training_seconds']:.0f} s",
                )
            )
    header = ("data, model", "log Z", "- exact", "- AIS", "snapshots", "undone", "test log-likelihood")
    title = "log Z along the training (nats, 95 % intervals)"
    return Table(title, (*header, "drift of its chains", "training"), tuple(rows))


def search_tables(record: dict[str, Any]) -> tuple[Table, Table]:
    """What search.py found: read-outs of the DBNs, and the networks that learn from labels."""
    levels, dbns, networks = record["levels"], [], []
    for one in record["candidates"]:
        found, name = one["accuracies"], one["candidate"]["name"]
        if one["kind"] == "dbn":
            clean = (f"{accuracies[0]:.3f}" for accuracies in found.values())
            best = (f"{max(of_level):.3f}" for of_level in list(zip(*found.values(), strict=True))[1:])
            dbns.append((name, *clean, *best, f"{one['norms'][0]:.1f}"))
        else:
            training = one["candidate"]["training"]
            changed = (f"{training[setting]:g}" for setting in ("learning_rate", "dropout", "epochs"))
            networks.append((name, *changed, *(f"{share:.3f}" for share in found["network"])))
    noise = tuple(f"noise {level:g}" for level in levels[1:])
    about = f"Accuracy on {record['held_out']} held-out training images of {record['data']}"
    names = dict.fromkeys(layer for one in record["candidates"] if one["kind"] == "dbn" for layer in one["accuracies"])
    return (
        Table(f"{about}, of the best read-out under noise", ("DBN", *names, *noise, "norm"), tuple(dbns)),
        Table(about, ("network", "rate", "dropout", "epochs", "clean", *noise), tuple(networks)),
    )


def by_class_table(record: dict[str, Any]) -> Table:
    """What by_class.py found: images made of each class, relative to test images of it."""
    rows = []
    for recipe, seeds in record["recipes"].items():
        taken, spreads = ([seed[what] for seed in seeds] for what in ("taken", "spread"))
        least = [min(zip(of_seed, record["classes"], strict=True)) for of_seed in taken]
        figures = ([statistics.fmean(of_seed) for of_seed in taken], [share for share, _ in least])
        spread = Metric.over_seeds([statistics.fmean(of_seed) for of_seed in spreads])
        worst = ", ".join(dict.fromkeys(name for _, name in least))
        cells = (interval(Metric.over_seeds(values), digits=2) for values in figures)
        rows.append((recipe, str(len(seeds)), *cells, worst, interval(spread, digits=2)))
    title = (
        f"{record['each']} images made of each class of {record['data']}, relative to test images, of which the judge "
        f"recognises {100 * record['judge']:.1f} %; mean over the seeds, 95 % intervals"
    )
    header = ("recipe", "seeds", "taken for their class", "the same of the worst class", "which", "spread")
    return Table(title, header, tuple(rows))


def nats(mean: float, interval: list[float]) -> str:
    """A figure and half of its interval."""
    return f"{mean:.2f} ± {(interval[1] - interval[0]) / 2:.2f}"


def labels_name(record: dict[str, Any]) -> str:
    """The name in `LABELS` of the model that labels.py trained."""
    if record["name"] == "up-down" and not record["settings"].get("discriminative_weight"):
        return "updown-published"
    return {"up-down": "updown", "hybrid RBM": "hybrid", "fine-tuned DBN": "finetuned"}[record["name"]]


def labels_table(record: dict[str, Any]) -> Table:
    """What labels.py found: the errors of one kind of model."""
    shown = ("test error before up-down", "test error", "seconds")
    names = [name for name in shown if name in record["runs"][0]]
    rows = []
    for run in record["runs"]:
        cells = (f"{run[name]:.0f}" if name == "seconds" else f"{run[name]:.2f}" for name in names)
        rows.append((str(run["seed"]), *cells))
    settings = record["settings"]
    title = f"{LABELS[labels_name(record)][0]}, MNIST, {settings['images']} images, {settings['epochs']} epochs"
    return Table(f"{title}; errors in per cent", ("seed", *names), tuple(rows))


def labels_summary() -> Table:
    """The errors of all kinds of models that labels.py trains, beside the published ones."""
    rows = []
    for name, (title, published) in LABELS.items():
        record = kept(name)
        if record is None:
            rows.append((title, "not measured yet", published))
            continue
        shape = "-".join(map(str, record["settings"].get("layers") or [record["settings"]["hidden"]]))
        errors = ", ".join(f"{run['test error']:.2f}" for run in record["runs"])
        rows.append((f"{title}, 784-{shape}", errors, published))
    return Table("", ("MNIST, test error in per cent", "deepbelief", "published"), tuple(rows))


def kept(name: str) -> dict[str, Any] | None:
    """What a script of this folder measured last."""
    path = KEPT / f"{name}.json"
    record: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return record


def blocks() -> dict[str, str]:
    """The text of each block that is written from records."""
    written = {}
    studies = [read_study(path) for name in STUDIES if (path := KEPT / f"{name}.json").exists()]
    for results in studies:
        written[f"results {results.recipe}"] = f"{circumstances(results)}\n\n{markdown(results_table(results))}"
        written[f"noise {results.recipe}"] = markdown(noise_table(results))
        written[f"defence {results.recipe}"] = markdown(defence(results))
        if results.published:
            results, remark = with_log(results)
            tables = (f"**{table.title}**\n\n{markdown(table)}" for table in published_tables(results))
            written[f"published {results.recipe}"] = "\n\n".join([circumstances(results) + remark, *tables])
    for recipe in STUDIES:
        if record := kept(f"robustness-{recipe}"):
            evaluated = Evaluated.model_validate(record)
            written[f"robustness {recipe}"] = evaluation_circumstances(evaluated)
            for name, table in evaluation_tables(evaluated).items():
                written[f"{name} {recipe}"] = markdown(table)
            if recipe == "thorough":
                written["findings"] = markdown(findings_table(read_study(KEPT / "thorough.json"), evaluated))
    if autoattack := kept("autoattack"):
        written["autoattack"] = titled(autoattack_table(autoattack), autoattack)
    written["stage times"] = markdown(stage_times([for_times(study) for study in studies]))
    if speed := kept("speed"):
        written["speed"] = speed_tables(speed)
        written["speed side by side"] = speed_side_by_side([kept("speed-avx2") or speed, speed])
        written["speed summary"] = f"{processor(speed['machine'])}.\n\n{speed_summary(speed)}"
    if precision := kept("precision"):
        table = precision_table(precision)
        written["precision"] = titled(table, precision)
    written |= dict.fromkeys(("likelihood", "generative", "trajectory"), "Not measured yet.")
    if likelihood := kept("likelihood"):
        table = likelihood_table(likelihood)
        written["likelihood"] = titled(table, likelihood)
    if generative := [record for name in ("mnist", "fashion-mnist") if (record := kept(f"generative-{name}"))]:
        written["generative"] = titled(generative_table(*generative), *generative)
    if trajectory := [record for name in ("digits", "mnist") if (record := kept(f"trajectory-{name}"))]:
        written["trajectory"] = titled(trajectory_table(*trajectory), *trajectory)
    written["pretrained"] = markdown(pretrained_table())
    by_class = kept("by-class")
    written["by class"] = "Not measured yet." if by_class is None else titled(by_class_table(by_class), by_class)
    written |= dict.fromkeys(("search dbns", "search networks"), "Not measured yet.")
    if search := kept("search"):
        for name, table in zip(("search dbns", "search networks"), search_tables(search), strict=True):
            written[name] = titled(table, search)
    for name in LABELS:
        record = kept(name)
        measured = "Not measured yet." if record is None else titled(labels_table(record), record)
        written[name.replace("-", " ")] = measured
    settings = kept("settings")
    written["settings"] = "Not measured yet." if settings is None else titled(settings_table(settings), settings)
    written["labels summary"] = markdown(labels_summary())
    scale, processes = kept("scale"), kept("processes")
    written |= dict.fromkeys(SCALE, "Not measured yet.")
    if processes:
        written["processes"] = titled(processes_table(processes, scale), processes)
    if scale:
        written["scale fixed"] = titled(foretold_table(scale, 2048, None), scale)
        written["scale growing"] = titled(foretold_table(scale, None, 32), scale)
        written["batch limits"] = titled(limits_table(scale), scale)
    for name, table_of in ESTIMATORS.items():
        record = kept(name)
        written[name.replace("-", " ")] = "Not measured yet." if record is None else titled(table_of(record), record)
    return written


def titled(table: Table, *records: dict[str, Any]) -> str:
    """A table below its title, which says on what the records were measured."""
    machines = dict.fromkeys(processor(record["machine"]) for record in records)
    return f"{table.title}; {', '.join(machines)}.\n\n{markdown(table)}"


def main() -> None:
    """Keep the runs given on the command line and write the README's blocks."""
    KEPT.mkdir(exist_ok=True)
    (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
    for run in sys.argv[1:]:
        keep(Path(run))
    for page in (ROOT / name for name in PAGES):
        text = page.read_text(encoding="utf-8")
        for name, block in blocks().items():
            pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
            text = re.sub(pattern, lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text, flags=re.DOTALL)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
