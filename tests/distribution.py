"""Build the source archive and the wheel, install each into an empty environment, and run the recipe smoke there.

The wheel is built from the archive, so that nothing is missing in either. `make wheel-test` runs this; it takes some
minutes and, for each of the two, as much disk as PyTorch does.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "built"
        run(sys.executable, "-m", "build", "--outdir", built, ROOT)
        archives = sorted(built.iterdir())
        assert [archive.name.rpartition(".")[2] for archive in archives] == ["whl", "gz"], archives
        for archive in archives:
            check(archive, Path(folder) / archive.name.rpartition(".")[2])


def check(archive: Path, folder: Path) -> None:
    """Install an archive into a new environment in `folder`, and use it from an empty folder beside that."""
    environment, empty = folder / "environment", folder / "empty"
    venv.create(environment, with_pip=True)
    empty.mkdir()
    python = environment / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", archive, cwd=empty)
    where = "import deepbelief, sys; sys.exit(sys.prefix not in deepbelief.__file__)"
    run(python, "-c", where, cwd=empty)
    run(environment / "bin" / "deepbelief", "study", "smoke", "--out", "run", "--device", "cpu", cwd=empty)
    assert (empty / "run" / "report.html").stat().st_size > 100_000
    assert (empty / "run" / "explorer.html").stat().st_size > 100_000
    print(f"{archive.name}: installed, and its recipe smoke run")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command that sees no other installation; stop with its error if it fails."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=variables)


if __name__ == "__main__":
    main()
