"""Keep the records of finished studies, and write the README's tables and pictures from them.

    .venv/bin/python benchmarks/readme.py runs/reference runs/default

copies each run's `results.json` to `benchmarks/results/<recipe>.json` and the README's pictures to `docs/images/`;
without arguments it only writes the tables anew from the records that are kept.
"""

import re
import shutil
import sys
from pathlib import Path

from deepbelief.report.tables import Table, published_table, results_table
from deepbelief.report.text import duration, interval, quantity
from deepbelief.study.records import Results, read_results

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "benchmarks" / "results"
PICTURES = {"default": ["psychometric", "receptive-fields-1"]}


def keep(run: Path) -> None:
    """Copy a run's results, and the pictures that the README shows."""
    results = read_results(run)
    shutil.copy(run / "results.json", KEPT / f"{results.recipe}.json")
    for picture in PICTURES.get(results.recipe, []):
        source = run / "figures" / f"{picture}.png"
        if source.exists():
            shutil.copy(source, ROOT / "docs" / "images" / f"{results.recipe}-{picture}.png")


def markdown(table: Table) -> str:
    """A table of the report in Markdown."""
    lines = ["| " + " | ".join(table.header) + " |", "|---" + "|---:" * (len(table.header) - 1) + "|"]
    for number, row in enumerate(table.rows):
        cells = (f"**{cell}**" if (number, at) in table.strong else cell for at, cell in enumerate(row))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def circumstances(results: Results) -> str:
    """Seeds, machine, time and memory in a sentence."""
    machine, seeds = results.machine, len(results.seeds)
    peak = max(results.metrics["memory/peak"].values) / 1e9
    total = duration(results.metrics["time/total"].mean)
    averaged = f"{seeds} seeds, mean ± half of the 95 % confidence interval" if seeds > 1 else "One seed"
    processor = f"{machine['cores']} cores ({machine['processor']}, {machine['capability']})"
    return f"{averaged}; {total} a seed on {processor}, {peak:.1f} GB of memory at most."


def defence(results: Results) -> Table:
    """The top read-out under FGSM 0.1: bare, defended, and attacked through the defence."""
    top = [name for name in results.contestants if name.startswith("readout_")][-1]
    names = [f"accuracy/{top}/fgsm@0.1"]
    for kind in ("defended", "adaptive"):
        names += [name for name in results.metrics if re.fullmatch(rf"accuracy/{top}/fgsm_{kind}_\d+@0\.1", name)]
    rows = tuple((quantity(name), interval(results.metrics[name], scale=100, digits=1)) for name in names)
    return Table("", ("per cent", "accuracy"), rows)


def blocks() -> dict[str, str]:
    """The text of each block of the README that is written from records."""
    written = {}
    for path in sorted(KEPT.glob("*.json")):
        results = Results.model_validate_json(path.read_bytes())
        text = f"{circumstances(results)}\n\n{markdown(results_table(results))}"
        written[f"results {results.recipe}"] = text
        written[f"defence {results.recipe}"] = markdown(defence(results))
        if published := published_table(results):
            written[f"published {results.recipe}"] = markdown(published)
    return written


def main() -> None:
    """Keep the runs given on the command line and write the README's blocks."""
    KEPT.mkdir(exist_ok=True)
    (ROOT / "docs" / "images").mkdir(parents=True, exist_ok=True)
    for run in sys.argv[1:]:
        keep(Path(run))
    for page in (ROOT / "README.md", ROOT / "docs" / "reference.md"):
        text = page.read_text(encoding="utf-8")
        for name, block in blocks().items():
            pattern = rf"(<!-- {name} -->\n).*?(<!-- end -->)"
            text = re.sub(pattern, lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text, flags=re.DOTALL)
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
