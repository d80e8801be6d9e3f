"""What scale.py and processes.py measured, and what follows from it for many hosts, as the tables of docs/scale.md."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from deepbelief.report.tables import Table


@dataclass(frozen=True)
class Network:
    """Between hosts: seconds until a message arrives, and bytes a second."""

    latency: float
    bandwidth: float

    def seconds(self, workers: int, size: int) -> float:
        """Of adding up `size` bytes over workers: halves are exchanged with partners, forth and back.

        2 log2(n) messages on the way, and 2 (n - 1) / n of the bytes sent by each (Thakur, Rabenseifner & Gropp 2005).
        """
        if workers == 1:
            return 0.0
        rounds = 2 * float(np.ceil(np.log2(workers)))
        return rounds * self.latency + 2 * (workers - 1) / workers * size / self.bandwidth


def line(points: dict[int, float]) -> tuple[float, float]:
    """What is there at once, and what each item adds: the least-squares line of relative errors."""
    sizes, seconds = np.array(list(points)), np.array(list(points.values()))
    slope, start = np.polyfit(sizes, seconds, 1, w=1 / seconds)
    return float(start), float(slope)


def own_seconds(measured: dict[str, Any], workers: int, batch: int) -> float:
    """What each of the workers does in a step on a batch that they share: all but the sums.

    It computes its share, and draws the random numbers of the whole batch.
    """
    start, each = line({int(size): seconds for size, seconds in measured["steps"].items()})
    of_others = 1 - 1 / workers  # whose numbers are not among those of its share
    return start + each * batch / workers + measured["drawing_row"] * batch * of_others


def step_seconds(measured: dict[str, Any], workers: int, batch: int, network: Network, hidden_messages: bool) -> float:
    """The model: a step of all workers on a batch that they share.

    Messages are hidden where those of one step travel while the next is computed, which needs sums that are one step
    old.
    """
    computing = own_seconds(measured, workers, batch)
    sending = network.seconds(workers, 4 * measured["task"]["parameters"])
    return max(computing, sending) if hidden_messages else computing + sending


def local_step(measured: dict[str, Any], processes: int, way: str, batch: int) -> float:
    """The model, for processes of the host that was measured, where more than its cores take turns."""
    turns = max(1, processes / measured["machine"]["cores"])
    sums = {(one["processes"], one["by"]): one["all_parameters"] for one in measured["sums"]}
    return own_seconds(measured, processes, batch) * turns + sums.get((processes, way), 0.0)


def processes_table(record: dict[str, Any], measured: dict[str, Any] | None) -> Table:
    """What processes.py found, beside what the model foretells."""
    rows, task = [], record["task"]
    for found in record["counts"]:
        count, way = found["processes"], found["by"] if found["processes"] > 1 else ""
        foretold = ""
        if measured is not None and count > 1:
            alone, together = (local_step(measured, n, found["by"], task["batch"]) for n in (1, count))
            foretold = f"{alone / together:.2f}"
        rows.append(
            (
                str(count),
                way,
                f"{found['seconds']:.2f} s",
                f"{found['speed_up']:.2f}" if way else "",
                foretold,
                f"{found['largest_difference_of_weights_float64']:.0e}" if way else "",
            )
        )
    title = (
        f"An epoch of CD-1, {task['visible']}-{task['hidden']}, {task['images']:,} images, batches of {task['batch']}, "
        f"one thread for each process, medians of {len(record['counts'][0]['rounds'])} rounds"
    )
    header = ("processes", "add up by", "time", "times as fast", "foretold", "largest difference of weights, float64")
    return Table(title, header, tuple(rows))


NETWORKS = {"10 Gbit/s": Network(50e-6, 1.25e9), "100 Gbit/s": Network(10e-6, 12.5e9)}
WORKERS = (1, 8, 64, 256, 1024)
ROWS = 10**9


def foretold_table(measured: dict[str, Any], batch: int | None, rows_a_worker: int | None) -> Table:
    """Hours of one pass over 10^9 rows: with a fixed batch, or with a fixed number of rows for each worker."""
    rows = []
    for workers in WORKERS:
        whole = batch or (rows_a_worker or 1) * workers
        times = [f"{whole:,}", f"{whole / workers:g}"]
        for network in NETWORKS.values():
            for hidden in (False, True):
                seconds = step_seconds(measured, workers, whole, network, hidden)
                times.append(f"{seconds * ROWS / whole / 3600:.2f}")
        rows.append((str(workers), *times))
    pairs = [f"{name}{', hidden' if hidden else ''}" for name in NETWORKS for hidden in (False, True)]
    which = f"batches of {batch:,}" if batch else f"{rows_a_worker} rows of each batch for each worker"
    header = ("workers", "batch", "rows a worker", *pairs)
    return Table(f"Foretold hours for a pass over 10^9 rows, {which}, one core for each worker", header, tuple(rows))


def limits_table(measured: dict[str, Any]) -> Table:
    """The best rate for each size of batch, and what it reached."""
    limits, rows = measured["limits"], []
    for batch in dict.fromkeys(one["batch"] for one in limits["found"]):
        best = max((one for one in limits["found"] if one["batch"] == batch), key=lambda one: one["lower"])
        steps = limits["epochs"] * -(-limits["images"] // batch)
        rows.append((f"{batch:,}", f"{steps:,}", f"{best['rate']:g}", f"{best['lower']:.1f} to {best['upper']:.1f}"))
    title = (
        f"Fashion-MNIST, 784-{limits['hidden']}, CD-1, {limits['images']:,} images seen {limits['epochs']} times, one "
        "seed; the best of several learning rates"
    )
    return Table(title, ("batch", "updates", "learning rate", "log-likelihood of test images, nats"), tuple(rows))
