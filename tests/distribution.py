"""Build the source archive and the wheel, install each into an empty environment, and run the recipe smoke there.

The wheel is built from the archive, so that nothing is missing in either. `make wheel-test` runs this; it takes some
minutes and as much disk as PyTorch does. With `--release`, as `make release-check` calls it, both are also checked as
PyPI does, the wheel is looked through for what does not belong there and is tried with every Python that is promised
and at hand, and the two stay in `dist/`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--release", action="store_true")
    release = parser.parse_args().release
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run(sys.executable, "-m", "build", "--outdir", folder / "built", ROOT)
        wheel, archive = sorted((folder / "built").iterdir(), key=lambda path: path.suffix, reverse=True)
        assert (wheel.suffix, archive.suffix) == (".whl", ".gz")
        if release:
            run(sys.executable, "-m", "twine", "check", "--strict", wheel, archive)
            run(sys.executable, "-m", "check_wheel_contents", wheel)
        check(archive, sys.executable, folder / "archive")
        for python in pythons() if release else [sys.executable]:
            check(wheel, python, folder / Path(python).name)
        if release:
            keep(wheel, archive)


def pythons() -> list[str]:
    """Every Python that pyproject.toml promises and that runs here; those that do not are told."""
    found, classifiers = [], tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    for version in (
        one.rpartition(" ")[2] for one in classifiers if one.startswith("Programming Language :: Python :: 3.")
    ):
        name = f"python{version}"
        if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
            found.append(sys.executable)
        elif (
            shutil.which(name) and not subprocess.run([name, "-c", "import ensurepip"], capture_output=True).returncode
        ):
            found.append(name)
        else:
            print(f"{name} is not at hand: the wheel is not tried with it")
    return found


def check(distribution: Path, python: str, folder: Path) -> None:
    """Install the wheel or archive into a new environment in `folder`, and use it from an empty folder beside that."""
    environment, empty = folder / "environment", folder / "empty"
    run(python, "-m", "venv", environment)
    empty.mkdir()
    installed = environment / "bin" / "python"
    run(installed, "-m", "pip", "install", "--quiet", "-c", ROOT / "constraints.txt", distribution, cwd=empty)
    where = "import deepbelief, sys; sys.exit(sys.prefix not in deepbelief.__file__)"
    run(installed, "-c", where, cwd=empty)
    command = environment / "bin" / "deepbelief"
    run(command, "study", "smoke", "--out", "run", "--device", "cpu", cwd=empty)
    run(command, "explore", "--pretrained", "fashion-mnist", "--no-open", cwd=empty)
    for page in ("run/report.html", "run/explorer.html", "explorer.html"):
        assert (empty / page).stat().st_size > 100_000, page
    shutil.rmtree(folder)
    print(f"{distribution.name}: installed with {python}, its recipe smoke run, a pretrained model shown")


def keep(*distributions: Path) -> None:
    """Put them into `dist/`, alone."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    (ROOT / "dist").mkdir()
    for one in distributions:
        shutil.copy(one, ROOT / "dist")
        print(f"dist/{one.name}: {one.stat().st_size / 1e6:.1f} MB")


def run(*command: str | Path, cwd: Path | None = None) -> None:
    """Run a command that sees no other installation; stop with its error if it fails."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([str(part) for part in command], check=True, cwd=cwd, env=variables)


if __name__ == "__main__":
    main()
