"""What pyproject.toml promises, and the files and targets that test it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def promised() -> dict[str, Version]:
    """The lower bound of every requirement that has one, by the package's name."""
    requirements = [
        *PROJECT["build-system"]["requires"],
        *PROJECT["project"]["dependencies"],
        *(one for extra in PROJECT["project"]["optional-dependencies"].values() for one in extra),
    ]
    return {
        canonicalize_name(requirement.name): Version(specifier.version)
        for requirement in map(Requirement, requirements)
        for specifier in requirement.specifier
        if specifier.operator == ">="
    }


def pinned(block: str) -> dict[str, Version]:
    """Name and version of each line of constraints."""
    lines = [line for line in block.splitlines() if line and not line.startswith("#")]
    names_and_versions = [line.split("==") for line in lines]
    return {canonicalize_name(name): Version(version) for name, version in names_and_versions}


def test_every_requirement_has_a_lower_bound_or_one_version() -> None:
    dependencies = PROJECT["project"]["dependencies"]
    assert all(re.fullmatch(r"[\w-]+(>=|==)[\d.]+", requirement) for requirement in dependencies)


def test_the_oldest_versions_tested_are_the_lower_bounds() -> None:
    bounds, *_ = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8").split("\n\n")
    assert pinned(bounds) == promised()


def test_the_usual_versions_are_within_the_bounds() -> None:
    usual = pinned((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    bounds = {name: bound for name, bound in promised().items() if name != "hatchling"}  # pip's own, while it builds
    assert {name for name, bound in bounds.items() if not (name in usual and usual[name] >= bound)} == set()


def test_the_oldest_python_is_the_first_of_those_named() -> None:
    project = PROJECT["project"]
    named = [name.rpartition(" ")[2] for name in project["classifiers"] if re.search(r":: 3\.\d+$", name)]
    assert named == ["3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={named[0]}"
    assert PROJECT["tool"]["mypy"]["python_version"] == named[0]


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
def test_make_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert targets is not None
    done = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in done.stdout.splitlines()} == set(targets.group(1).split())
