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


def test_no_example_holds_test_images_out() -> None:
    """What is held out chooses or is looked at while a model learns; test images do neither."""
    scripts = [*(ROOT / "examples").glob("*.py"), *(ROOT / "benchmarks").glob("*.py")]
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    texts = {path: path.read_text(encoding="utf-8") for path in [*scripts, *pages]}
    assert any("held_out=held_out" in text for text in texts.values())
    assert not [
        path for path, text in texts.items() if re.search(r"(held_out|aside|validation)\s*=\s*\(?[\w.]*\btest", text)
    ]


def test_the_readme_names_precision_and_processor_and_what_has_a_discriminative_part() -> None:
    blocks = SCRIPT["blocks"]()
    for name in ("results default", "results reference", "published reference"):
        assert re.search(r"(fp32|bf16|fp64) on (1 of )?\d+ cores \(.+, .+\)", blocks[name]), name
    for name in ("speed", "speed summary", "precision", "likelihood", "generative", "hybrid", "updown"):
        assert re.search(r"\d+ cores \(.+, .+\)", blocks[name]), name
    assert "up-down with a hybrid top RBM, 784-500-500-2000 | 1.09 |  |" in blocks["labels summary"]
    assert re.search(r"up-down as published.* \| 1\.25 \(Hinton", blocks["labels summary"])


def test_the_library_example_runs(tmp_path: Path) -> None:
    """As it stands, but for the data set and the number of epochs."""
    code = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)[0]
    assert '"fashion-mnist"' in code
    code = code.replace('"fashion-mnist"', '"digits"').replace("epochs=5", "epochs=1")
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dbn.safetensors").exists()
