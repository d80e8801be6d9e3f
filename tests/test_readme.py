"""The README's numbers are those of the records that are kept, and what it points to is there."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))
PAGES = SCRIPT["PAGES"]


def test_every_block_is_what_the_script_writes() -> None:
    blocks = SCRIPT["blocks"]()
    found = {}
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        found |= dict(re.findall(r"<!-- ([\w ]+) -->\n(.*?)\n?<!-- end -->", text, flags=re.DOTALL))
    assert set(found) <= set(blocks)
    assert {name: blocks[name] for name in found} == found


@pytest.mark.parametrize("page", [*PAGES, "docs/records.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / page
    links = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not link.startswith("http") and not (path.parent / link).exists()]
    assert not missing


def test_metric_names_in_the_docs_are_those_of_the_records() -> None:
    """Every metric of the kept results fits a documented name, and every documented name has a metric."""
    documented = re.findall(r"`([\w]+/[^`]+)`", (ROOT / "docs" / "records.md").read_text(encoding="utf-8"))
    names = [name for name in documented if not re.search(r"\.|seed-", name)]
    patterns = {name: re.compile(re.sub(r"<[\w-]+>", r"[\\w.-]+", name)) for name in names}
    records = [(SCRIPT["KEPT"] / f"{name}.json").read_bytes() for name in SCRIPT["STUDIES"]]
    metrics = {metric for record in records for metric in SCRIPT["Results"].model_validate_json(record).metrics}
    assert not [metric for metric in metrics if not any(p.fullmatch(metric) for p in patterns.values())]
    assert not [name for name, p in patterns.items() if not any(p.fullmatch(metric) for metric in metrics)]


def test_the_library_example_runs(tmp_path: Path) -> None:
    """As it stands, but for the data set and the number of epochs."""
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    assert '"fashion-mnist"' in code
    code = code.replace('"fashion-mnist"', '"digits"').replace("epochs=5", "epochs=1")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dbn.safetensors").exists()
