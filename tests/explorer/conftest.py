"""Small models with everything a page can show, and node, which computes as a browser does."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from deepbelief.data import Images, load_dataset
from deepbelief.explorer.choice import WeightType, choose
from deepbelief.explorer.encoding import as_text
from deepbelief.explorer.payload import make_payload
from deepbelief.explorer.sources import Contestant, Found
from deepbelief.models import DBN, FeedForward, LabelledDBN, LabelledRBM, Standardisation
from deepbelief.models.units import Bernoulli, Gaussian
from deepbelief.randomness import Random
from deepbelief.study import Study
from deepbelief.study.recipe import parse_recipe
from tests.explorer.browser import Visit, browser

JAVASCRIPT = Path(__file__).parents[2] / "javascript"
SHAPE, CLASSES = (3, 4), 3
WIDTH = SHAPE[0] * SHAPE[1]

Ask = Callable[..., list[Any]]


@pytest.fixture(scope="session")
def node() -> str:
    """The path of node, which runs the scripts of the page without a browser."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("the scripts of the page are tested where node is installed (Debian and Ubuntu: nodejs)")
    return found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A browser for the tests of a file."""
    with browser() as opened:
        yield opened


@pytest.fixture
def visit(chromium: Any) -> Iterator[Visit]:
    """A page in a window of its own."""
    with Visit(chromium) as made:
        yield made


@pytest.fixture(scope="session")
def ask(node: str) -> Ask:
    """Questions about what was found -> the answers of the page's core."""

    def answers(found: Found, *questions: list[Any], weights: WeightType = "float32") -> list[Any]:
        payload = make_payload(found, choose(found, weights))
        given = {"header": payload.header, "weights": as_text(payload.block), "questions": questions}
        command = [node, str(JAVASCRIPT / "answer.js")]
        done = subprocess.run(command, input=json.dumps(given), capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        found_answers: list[Any] = json.loads(done.stdout)
        return found_answers

    return answers


def small(gaussian: bool = False, untied: bool = False, layers: tuple[int, ...] = (7, 5)) -> Found:
    """A DBN with random weights, with labels on top, and a network of every kind."""
    random = Random(5)
    visible = Gaussian(WIDTH) if gaussian else Bernoulli(WIDTH)
    dbn, twin = (DBN.from_units([visible, *map(Bernoulli, layers)], random) for _ in range(2))
    top = LabelledRBM(Bernoulli(layers[-1]), CLASSES, Bernoulli(6), random)
    seen = {"readout_1": (1,), "all_layers": tuple(range(1, len(layers) + 1)), "ffnn": (), "finetuned": ()}
    activations = {"ffnn": torch.relu, "finetuned": torch.sigmoid}
    contestants = []
    for name, own in seen.items():
        width = sum(layers[layer - 1] for layer in own) or WIDTH
        sizes = [width, CLASSES] if name == "readout_1" else [width, 8, CLASSES]
        contestants.append(Contestant(name, FeedForward(sizes, activations.get(name, torch.tanh), random), own))
    for model in (dbn, twin, top):
        for parameter in model.parameters():
            parameter.data.copy_(random.normal(parameter.shape, 0.7))
    if gaussian:
        for stack in (dbn, twin):
            stack.standardisation = Standardisation(torch.linspace(-1, 3, WIDTH), torch.linspace(0, 2, WIDTH))
    labelled = LabelledDBN(dbn, top, twin if untied else None)
    bounds = (-2.0, 4.0) if gaussian else (0.0, 1.0)
    pixels = bounds[0] + (bounds[1] - bounds[0]) * (255 * random.uniform((20, WIDTH))).round() / 255
    images = Images(pixels, 1.0, torch.arange(20) % CLASSES, real=True)
    found = Found("small", dbn, SHAPE, bounds, ("a", "b", "</script>"), tuple(contestants), labelled, images)
    for model in (dbn, twin, labelled, *(one.network for one in contestants)):
        model.requires_grad_(False)
    return found


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> Path:
    """The folder of a finished study of handwritten digits, without its report."""
    folder = tmp_path_factory.mktemp("studies") / "run"
    Study("tiny", parse_recipe(tiny, "tiny.toml"), load_dataset("digits"), folder).run()
    return folder
