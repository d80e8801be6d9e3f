"""The scripts of the page by their own tools: their tests in node, and biome's lint and format where npm put it."""

import subprocess

import pytest

from tests.explorer.conftest import JAVASCRIPT

BIOME = JAVASCRIPT / "node_modules" / ".bin" / "biome"


def test_the_core_passes_its_own_tests(node: str) -> None:
    done = subprocess.run([node, "--test"], cwd=JAVASCRIPT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(
    not BIOME.exists(), reason="scripts are linted where `npm ci` has been run in the folder javascript"
)
def test_scripts_are_formatted_and_pass_the_lint() -> None:
    command = [str(BIOME), "ci", "--colors=off", "../src/deepbelief/explorer/static", "."]
    done = subprocess.run(command, cwd=JAVASCRIPT, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
