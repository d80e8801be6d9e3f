"""Kills studies at random moments and lets them go on: nothing may be lost, and all must end bit for bit the same.

`make kill` does 100 kills by SIGKILL: while the data come from a slow server of its own, while models train, while
files are written, while the report is drawn. A study is killed again and again until it comes to its end before the
next kill; what is in its folder is then compared with that of a study that was never killed, and another one begins.
Each attempt is a fork of this process, which has done it all once: no time goes into imports.

The last line tells of the kills and of the studies that lost something; if there are any, the exit code is 1.
"""

# ruff: noqa: E402 (libraries read how many threads they may have when they are loaded)

import argparse
import contextlib
import gzip
import hashlib
import http.server
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

for library in ("OMP", "OPENBLAS", "MKL"):  # one thread: a process with more cannot be forked safely
    os.environ[f"{library}_NUM_THREADS"] = "1"

import numpy as np
from conftest import TINY
from safetensors.numpy import load_file

from deepbelief.data import load_dataset, named
from deepbelief.data.places import ENVIRONMENT_VARIABLE
from deepbelief.learning import resumption
from deepbelief.report import style
from deepbelief.report.page import build_report
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.run import Study
from deepbelief.system.atomic import is_temporary

NAME = "by-mail"
RECIPE = TINY.replace('name = "digits"', f'name = "{NAME}"').replace("steps = 150", "steps = 20")
CHANGING = ("time/", "memory/")  # metrics that no two runs have in common
PIECE, PAUSE = 4096, 0.01  # bytes that the server sends at once, and seconds to the next


def as_idx(array: np.ndarray) -> bytes:
    """Whole numbers from 0 to 255 as a gzipped IDX file."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), mtime=0)


def files_of_digits() -> dict[str, bytes]:
    """The digits as the four files of a data set that has to be downloaded, by their names."""
    digits = load_dataset("digits")
    files = {}
    for part, images in (("train", digits.train), ("t10k", digits.test)):
        files[f"{part}-images-idx3-ubyte"] = as_idx(16 * images.pixels.numpy().clip(0, 15).reshape(-1, 8, 8))
        files[f"{part}-labels-idx1-ubyte"] = as_idx(images.required_labels().numpy())
    return files


def serve(files: dict[str, bytes]) -> tuple[int, str]:
    """A slow server in a process of its own: its number and its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = files[self.path.strip("/").removesuffix(".gz")]
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            for start in range(0, len(content), PIECE):
                self.wfile.write(content[start : start + PIECE])
                time.sleep(PAUSE)

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # whoever asked was killed
                super().handle()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    process = os.fork()
    if not process:
        server.serve_forever()
    server.server_close()
    return process, f"http://127.0.0.1:{server.server_port}/"


@dataclass(frozen=True)
class Teller:
    """Tells the parent, through a pipe, what a study is at."""

    pipe: int

    def say(self, what: str) -> None:
        os.write(self.pipe, f"{what}\n".encode())

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        self.say(name)

    def step(self, done: int, total: int, line: str) -> None:
        """Nothing."""

    def finished(self, name: str, seconds: float, line: str) -> None:
        """Nothing."""


def work(folder: Path, teller: Teller) -> None:
    """The whole of `deepbelief study`: download, study, report."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    os.environ.pop(ENVIRONMENT_VARIABLE, None)
    teller.say("download")
    dataset = load_dataset(NAME)
    teller.say("claim")
    Study("killed", parse_recipe(RECIPE, "killed"), dataset, folder / "run").run(teller)
    teller.say("report")
    build_report(folder / "run")


def attempt(folder: Path, doomed: str = "", seconds: float = 0.0) -> tuple[bool, dict[str, float]]:
    """Work in a process that is killed so many seconds after it begins what is `doomed`, or never.

    Returns whether it was killed, and when it began what it did, in order.

    Raises:
        ChildProcessError: it failed.
    """
    reading, writing = os.pipe()
    process = os.fork()
    if not process:
        os.close(reading)
        try:
            work(folder, Teller(writing))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    os.close(writing)
    begun: dict[str, float] = {}
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while select.select([pipe], [], [], time_left(begun.get(doomed), seconds))[0]:
            if not (said := pipe.read(4096)):
                break
            for what in said.decode().split():
                begun[what] = time.monotonic()
        else:
            os.kill(process, signal.SIGKILL)  # it may have come to its end meanwhile
    status = os.waitpid(process, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise ChildProcessError(f"it failed at {list(begun)[-1]}")
    return os.WIFSIGNALED(status), begun


def time_left(begun: float | None, seconds: float) -> float | None:
    """How long to wait for a kill; None before that which is doomed has begun."""
    return None if begun is None else max(0.0, begun + seconds - time.monotonic())


def what_lasts(folder: Path) -> Iterator[tuple[str, object]]:
    """Every file of a finished study by its path, with what must be the same each time."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"):
        name, content = str(path.relative_to(folder)), path.read_bytes()
        if path.suffix == ".json":
            record = json.loads(content)
            record.pop("seconds", None)
            metrics = record.get("metrics", {})
            record["metrics"] = {key: value for key, value in metrics.items() if not key.startswith(CHANGING)}
            yield name, json.dumps(record, sort_keys=True)
        elif path.name == "report.html":  # it shows times
            yield name, content.rstrip().endswith(b"</html>")
        else:
            yield name, hashlib.sha256(content).hexdigest()
        if path.suffix == ".safetensors":
            load_file(path)  # it can be read


def differences(folder: Path, whole: dict[str, object]) -> list[str]:
    """The files in which a finished study differs from one that was never killed."""
    found = dict(what_lasts(folder))
    return sorted(name for name in {*found, *whole} if found.get(name) != whole.get(name))


@dataclass
class Killer:
    """Chooses the moments, and counts."""

    lasting: dict[str, float]  # what a study does, and how many seconds each takes
    most: int
    moments: random.Random
    kills: Counter[str]
    torn: int = 0  # kills that left a file half-written

    def until_finished(self, folder: Path) -> None:
        """Kill a study again and again until it comes to its end before the next kill, or all kills are done."""
        order, at = list(self.lasting), 0
        while self.kills.total() < self.most:
            # Not far ahead of where it is: so all that it does is killed about equally often.
            doomed = order[min(at + self.moments.randrange(4), len(order) - 1)]
            was_killed, begun = attempt(folder, doomed, self.moments.uniform(0, 1.5 * self.lasting[doomed]))
            if not was_killed:
                return
            at = order.index(list(begun)[-1])
            self.kills[order[at]] += 1
            self.torn += any(is_temporary(path) for path in folder.rglob(".*"))
        attempt(folder)


def main() -> None:
    """Do it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the moments; they also depend on the machine")
    arguments = parser.parse_args()
    resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0  # saved at every step: as much to interrupt as there can be
    style.DPI = 40
    files = files_of_digits()
    server, address = serve(files)
    checksums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    named._IDX_DATASETS[NAME] = named.IdxDataset(NAME, tuple("0123456789"), (address,), checksums)
    place, studies, lost = Path(tempfile.mkdtemp(prefix="deepbelief-kill-")), 0, 0
    try:
        work(place / "whole", Teller(os.open(os.devnull, os.O_WRONLY)))
        whole = dict(what_lasts(place / "whole"))
        begun = [*attempt(place / "again")[1].items(), ("end", time.monotonic())]
        if wrong := differences(place / "again", whole):
            sys.exit(f"not even two studies that nobody killed are the same: {', '.join(wrong)}")
        lasting = {what: after - before for (what, before), (_, after) in pairwise(begun)}
        killer = Killer(lasting, arguments.kills, random.Random(arguments.seed), Counter())
        while killer.kills.total() < arguments.kills:
            folder, studies = place / f"study-{studies + 1}", studies + 1
            try:
                killer.until_finished(folder)
                wrong = differences(folder, whole)
            except ChildProcessError as error:
                wrong = [str(error)]
            lost += bool(wrong)
            told = ", ".join(wrong) or "nothing lost"
            print(f"study {studies}: {killer.kills.total()} kills so far, {told}", flush=True)
            shutil.rmtree(folder)
    finally:
        os.kill(server, signal.SIGKILL)
        shutil.rmtree(place, ignore_errors=True)
    print("killed at:", ", ".join(f"{at} {count}" for at, count in killer.kills.items()))
    print(
        f"{killer.kills.total()} kills of {studies} studies, {killer.torn} in the midst of writing a file: {lost} "
        "studies lost anything; the others' weights, records, results and pictures are bit for bit those of a study "
        "that was not killed"
    )
    sys.exit(bool(lost))


if __name__ == "__main__":
    main()
