"""The table of `settings_curves.py`: what each setting did."""

from statistics import fmean
from typing import Any

from deepbelief.report.tables import Table


def settings_table(record: dict[str, Any]) -> Table:
    """A row for each value that was tried, with the means over the seeds."""
    rows = []
    for name, tried in record["tried"].items():
        for one in tried:
            found = [seed for seed in one["seeds"] if seed]
            if not found:
                rows.append((name, str(one["value"]), "diverged", "", "", "", ""))
                continue
            mean = {what: fmean(seed[what] for seed in found) for what in found[0]}
            percent = (f"{100 * mean[what]:.1f}" for what in ("accuracy", "noisy"))
            figures = (f"{mean['error']:.4f}", f"{mean['gap']:.1f}", f"{mean['seconds']:.1f}")
            rows.append((name, str(one["value"]), *percent, *figures))
    settings = record["settings"]
    title = (
        f"RBM 784-{settings['hidden']}, {settings['images']} images of fashion-mnist, {settings['epochs']} epochs if "
        f"not told, means of {len(settings['seeds'])} seeds; accuracy of a linear read-out on others, in per cent"
    )
    header = ("setting", "value", "clean", "noise 0.7", "held-out error", "free-energy gap, nats", "CPU seconds")
    return Table(title, header, tuple(rows))
