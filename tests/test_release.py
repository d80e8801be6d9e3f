"""What a release is made of: one version, workflows for all that is promised, and who may be cited and told."""

import re
import runpy
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

import deepbelief

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHONS = [one.rpartition(" ")[2] for one in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", one)]


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_version_is_written_once_and_the_changelog_has_it() -> None:
    assert "version" in PROJECT["project"]["dynamic"] and "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "src/deepbelief/__init__.py"
    assert "version" not in loaded("CITATION.cff")
    headings = re.findall(r"^## \[(.+?)\](?: - (\d{4}-\d\d-\d\d))?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == deepbelief.__version__ and headings[1][1]


def test_the_workflows_run_every_system_and_every_python_that_is_promised() -> None:
    matrix = loaded(".github/workflows/test.yml")["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == PYTHONS
    assert matrix["system"] == ["ubuntu-latest", "macos-latest", "windows-latest"]
    tests = loaded(".github/workflows/test.yml")["jobs"]["tests"]["steps"][-1]["run"]
    kinds = [marker.partition(":")[0] for marker in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    assert tests.endswith('-m "' + " and ".join(f"not {kind}" for kind in kinds) + '"')
    steps = loaded(".github/workflows/release.yml")["jobs"]["build"]["steps"]
    assert sorted(steps[1]["with"]["python-version"].split()) == PYTHONS


def test_all_targets_of_make_in_workflows_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    for path in (ROOT / ".github" / "workflows").glob("*.yml"):
        named = re.findall(r"run: make ([a-z-]+)", path.read_text(encoding="utf-8"))
        assert named and set(named) <= targets


def test_the_citation_has_what_its_format_asks_for() -> None:
    citation = loaded("CITATION.cff")
    assert citation.keys() >= {"cff-version", "message", "title", "authors"}
    assert citation["license"] == PROJECT["project"]["license"]


@pytest.mark.parametrize("name", ["bug", "idea"])
def test_templates_for_issues_ask_for_something(name: str) -> None:
    template = loaded(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert template["name"] and template["description"]
    assert any(part.get("validations", {}).get("required") for part in template["body"])


@pytest.mark.skipif(sys.platform == "win32", reason="its stand-ins are shell scripts")
def test_a_python_that_does_not_run_is_passed_over_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One is there and runs, one is there and does not, the others are not there."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    works, broken = [version for version in PYTHONS if version != here][:2]
    for version, code in ((works, 0), (broken, 1)):
        (tmp_path / f"python{version}").write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / f"python{version}").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = runpy.run_path(str(ROOT / "tests" / "distribution.py"))["pythons"]()
    assert set(found) == {f"python{works}", *([sys.executable] if here in PYTHONS else [])}
    assert f"python{broken} is not at hand" in capsys.readouterr().out
