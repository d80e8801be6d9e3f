"""Mutation testing: change the code of a room in one place at a time, and see whether its tests notice.

    python tests/mutants.py robustness sampling             # every mutant of two rooms
    python tests/mutants.py learning --sample 300 --seed 1  # 300 of them, drawn at random

mutmut makes the mutants, finds the tests that reach each, and runs these in a fork of a process that has imported
everything; this script only prepares a copy of the tree for it, in `.mutants/ROOM`. There `@torch.no_grad()` and
`@property` are written out as plain code, since mutmut leaves decorated functions alone, and in this package they are
the core. Each room is tested by its own tests. What survived is printed with its difference, for a person to judge.
"""

import argparse
import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import libcst as cst
from libcst import matchers
from mutmut.mutation.file_mutation import mutate_file_contents
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import get_mutant_name

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".mutants"
ROOMS = {  # and the tests that should notice
    "robustness": ["tests/robustness"],
    "sampling": ["tests/sampling"],
    "likelihood": ["tests/likelihood"],
    "learning": ["tests/learning"],
    "study": ["tests/study"],
}
# Tests that start processes of their own would find the code without mutants there, or measure its memory; others
# learn for long, and see nothing that quicker ones do not.
LEFT_OUT = " and ".join(
    f"not {name}"
    for name in (
        "killed",
        "makes_no_tensors",
        "real_valued_fashion_mnist",
        "other_units_learn_too",
        "finds_means_and_spread",
        "narrow_products",
    )
)
# Text for people to read: no test should hold it word for word.
TEXT = [r'^\s*f?"[^"]*"\)?[,.]?\)?$', r"Error\(", r"progress\.step\(", r"headline"]
MUTMUT = [sys.executable, "-m", "mutmut"]
KILLED = {"killed", "timeout", "segfault", "suspicious"}


class Undecorated(cst.CSTTransformer):
    """Writes `@torch.no_grad()` as a with statement, and `@property` as a call after a function of another name."""

    def leave_FunctionDef(
        self, original_node: cst.FunctionDef, updated_node: cst.FunctionDef
    ) -> cst.BaseStatement | cst.FlattenSentinel[cst.BaseStatement]:
        module, kept, result = cst.Module([]), [], updated_node
        if not isinstance(result.body, cst.IndentedBlock) or matchers.findall(result, matchers.Yield()):
            return result
        wrapper = None
        for decorator in result.decorators:
            match module.code_for_node(decorator.decorator):
                case "torch.no_grad()" as context:
                    block = cst.With([cst.WithItem(cst.parse_expression(context))], result.body)
                    result = result.with_changes(body=cst.IndentedBlock([block]))
                case "property" | "cached_property" as name:
                    wrapper = name
                case _:
                    kept.append(decorator)
        result = result.with_changes(decorators=kept)
        if wrapper is None:
            return result
        name = result.name.value
        made = cst.parse_statement(f"{name} = {wrapper}(_{wrapper}_{name})")
        return cst.FlattenSentinel([result.with_changes(name=cst.Name(f"_{wrapper}_{name}")), made])


def prepare(room: str) -> Path:
    """A copy of the tree with the room's code undecorated, and mutmut's settings; what is as it was stays untouched."""
    folder, tests = WORK / room, ROOMS[room]
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("src", "tests", "docs"):  # the metrics are documented
        for path in (ROOT / name).rglob("*"):
            target = folder / path.relative_to(ROOT)
            if path.is_file() and "__pycache__" not in path.parts:
                text = path.read_bytes()
                if path.is_relative_to(ROOT / "src" / "deepbelief" / room) and path.suffix == ".py":
                    text = cst.parse_module(text).visit(Undecorated()).code.encode()
                if not target.exists() or target.read_bytes() != text:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(text)
    settings = {
        "source_paths": ["src"],
        "only_mutate": [f"src/deepbelief/{room}/*.py", f"src/deepbelief/{room}/*/*.py"],
        "do_not_mutate_patterns": TEXT,
        "also_copy": ["docs"],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-m", "not study"],
        "pytest_add_cli_args_test_selection": [*tests, "-k", LEFT_OUT],
        "process_isolation": "forkserver",
        "timeout_multiplier": 5.0,
        "timeout_constant": 5.0,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]), encoding="utf-8")
    return folder


def sampled(folder: Path, room: str, size: int, seed: int) -> list[str]:
    """Names of `size` mutants of a room, drawn at random."""
    names = []
    for path in sorted((folder / "src" / "deepbelief" / room).rglob("*.py")):
        found = mutate_file_contents(str(path), path.read_text(encoding="utf-8")).mutant_names
        names += [get_mutant_name(path.relative_to(folder), name) for name in found]
    return random.Random(seed).sample(names, min(size, len(names)))


def survivors(folder: Path, names: list[str]) -> Counter[str]:
    """How many mutants of these names (of all, without) came to which end; prints those that no test noticed."""
    ends: Counter[str] = Counter()
    for path in sorted((folder / "mutants" / "src").rglob("*.meta")):
        for name, code in json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"].items():
            if code is None or (names and name not in names):
                continue
            end = status_by_exit_code[code]
            ends["killed" if end in KILLED else end] += 1
            if end not in KILLED:
                print(subprocess.run([*MUTMUT, "show", name], cwd=folder, capture_output=True, text=True).stdout)
    return ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rooms", nargs="*", default=list(ROOMS), choices=list(ROOMS), metavar="room")
    parser.add_argument("--sample", type=int, help="so many mutants of each room, drawn at random")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--show", action="store_true", help="only print what is known")
    given = parser.parse_args()
    table = {}
    for room in given.rooms:
        folder = prepare(room)
        os.chdir(folder)
        names = [] if given.sample is None else sampled(folder, room, given.sample, given.seed)
        if not given.show:
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
            subprocess.run([*MUTMUT, "run", "--max-children", "1", *names], cwd=folder, env=environment, check=True)
        table[room] = survivors(folder, names)
    for room, ends in table.items():
        print(f"{room:12} {ends.total():5} mutants, " + ", ".join(f"{n} {end}" for end, n in ends.most_common()))


if __name__ == "__main__":
    main()
