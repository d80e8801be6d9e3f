"""Fuzzing: files of each kind, changed at random where that reaches new code, give a value or one sentence.

    python tests/fuzz.py                     # every kind, ten minutes each
    python tests/fuzz.py table npz --seconds 60
    python tests/fuzz.py table --again .fuzz/table/crash-1234

It needs the extra `fuzz`. The files that reached new code stay in `.fuzz/KIND/corpus`, and the next call goes on from
them. What breaks a reader lies beside that folder as `crash-...`, `timeout-...` or `oom-...`; then the exit code is 1.
"""

import argparse
import multiprocessing
import sys
import tempfile
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORK = ROOT / ".fuzz"
NAMES = (
    "idx",
    "model",
    "recipe",
    "table",
    "npy",
    "npz",
    "parquet",
    "arrow",
)  # the keys of `file_kinds.KINDS`, which loads slowly
MEMORY = Path("/dev/shm")  # where there is such a folder, files are written many times as fast
# The modules whose branches guide the search.
GUIDES = ["deepbelief", "tests", "csv", "gzip", "json", "numpy", "tomllib", "zipfile"]
LIMITS = ["-max_len=20000", "-timeout=30", "-rss_limit_mb=3000", "-malloc_limit_mb=600"]  # bytes, seconds, MiB, MiB


def fuzz(kind: str, options: list[str]) -> None:
    """Fuzz one kind with these options of libFuzzer, and end the process."""
    import atheris

    sys.path.insert(0, str(ROOT))
    with atheris.instrument_imports(include=GUIDES):
        from tests.file_kinds import KINDS

    files, corpus = KINDS[kind], WORK / kind / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, example in enumerate(files.examples):
        (corpus / f"example-{number}").write_bytes(example)
    warnings.simplefilter("error")
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        report = ["-print_final_stats=1", f"-artifact_prefix={WORK / kind}/"]
        atheris.Setup(
            [sys.argv[0], *LIMITS, *report, *options],
            lambda content: files.read(content, Path(folder)),
            custom_mutator=header_changed if kind == "model" else None,
        )
        atheris.Fuzz()


def header_changed(content: bytes, most: int, seed: int) -> bytes:
    """A changed safetensors file: every other time it is the header alone, and the length of it that stands before."""
    import atheris

    size = int.from_bytes(content[:8], "little")
    if seed % 2 or size > len(content) - 8:
        return atheris.Mutate(content, most)
    header = atheris.Mutate(content[8 : 8 + size], most - len(content) + size)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def failed(kind: str, options: list[str]) -> bool:
    """Whether fuzzing, in a process of its own, has found something."""
    process = multiprocessing.get_context("spawn").Process(target=fuzz, args=(kind, options))
    process.start()
    process.join()
    return process.exitcode != 0


def main() -> None:
    """Do it and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(NAMES)}; all of them by default")
    parser.add_argument("--seconds", type=int, default=600, help="for each kind")
    parser.add_argument("--again", metavar="FILE", help="read this file once, and nothing else")
    arguments = parser.parse_args()
    kinds = arguments.kinds or NAMES
    if unknown := {*kinds} - {*NAMES}:
        parser.error(f"there is no kind {min(unknown)}: give some of {', '.join(NAMES)}")
    found = []
    for kind in kinds:
        search = [f"-max_total_time={arguments.seconds}", str(WORK / kind / "corpus")]
        if failed(kind, [arguments.again] if arguments.again else search):
            found.append(kind)
    print(f"what breaks the readers is in {WORK}: {', '.join(found)}" if found else "nothing found")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
