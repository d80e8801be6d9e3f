"""The tutorial's code runs, as one session, and draws the pictures that its pages show."""

import re
import runpy
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from making.links import DOCS
from PIL import Image

STEPS = sorted((DOCS / "learn").glob("[1-9]-*.md"))
# What the pages say -> what is run instead, which is done sooner, and how often it stands there.
SMALLER = {
    'load_dataset("fashion-mnist")': ('load_dataset("digits")', 1),
    "torch.arange(10000)": ("torch.arange(500)", 1),
    "torch.arange(10000, 11000)": ("torch.arange(500, 600)", 1),
    "slice(0, 1000)": ("slice(0, 200)", 2),
    "torch.arange(1000)": ("torch.arange(200)", 1),
    "epochs=10,": ("epochs=1,", 2),
    "epochs=20,": ("epochs=1,", 1),
    "epochs=8,": ("epochs=1,", 1),
    "steps=500": ("steps=5", 1),
    "    figure.tight_layout(pad=0.4)\n": ("", 1),
    "figure.tight_layout()\n": ("", 5),
    "300, 200, 200": ("20, 20, 20", 2),
    "Bernoulli(300)": ("Bernoulli(20)", 1),
    "images[:200]": ("images[:50]", 1),
    "required_labels()[:200]": ("required_labels()[:50]", 1),
}


def test_the_tutorial_runs_and_draws_its_pictures(tmp_path: Path) -> None:
    code = runpy.run_path(str(DOCS / "pictures.py"))["code"]()
    for old, (new, times) in SMALLER.items():
        assert code.count(old) == times, old
        code = code.replace(old, new)
    (tmp_path / "tutorial.py").write_text("import matplotlib\nmatplotlib.use('agg')\n" + code, encoding="utf-8")
    command = [sys.executable, "-W", "error", "tutorial.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    drawn = {picture.name for picture in tmp_path.glob("*.png")}
    shown = {name for step in STEPS for name in re.findall(r"images/learn/(.+?)\)", step.read_text("utf-8"))}
    assert drawn == shown == {picture.name for picture in (DOCS / "images" / "learn").iterdir()}
    for name in drawn:  # of the shape that the page's own code draws
        with Image.open(tmp_path / name) as here, Image.open(DOCS / "images" / "learn" / name) as kept:
            assert here.size == kept.size, name


def test_there_are_nine_steps_and_each_leads_to_the_next() -> None:
    assert [step.name[0] for step in STEPS] == list("123456789")
    for step, following in pairwise(STEPS):
        assert f"]({following.name})" in step.read_text("utf-8").splitlines()[-1]
