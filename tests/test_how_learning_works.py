"""The page docs/how-learning-works.md: its code trains as the package does, and names places that are there."""

import ast
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deepbelief import DBN, Pretraining, Random, RBMSettings

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "deepbelief"
PAGE = (ROOT / "docs" / "how-learning-works.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
PLACES = re.findall(r"^\| `(.+?)` \|.*\| `(.+?)` \| `(.+?)` \|$", PAGE, flags=re.MULTILINE)


def functions() -> dict[str, Any]:
    """What the page's first two code blocks define: `learn` and `pretrain`."""
    found: dict[str, Any] = {}
    exec("".join(BLOCKS[:2]), found)
    return found


def parameters(rbm: torch.nn.Module) -> list[Tensor]:
    """W, b and c, copied."""
    tensors = dict(rbm.named_parameters())
    return [tensors[name].detach().clone() for name in ("weights", "visible.bias", "hidden.bias")]


def compare(
    sizes: list[int], settings: RBMSettings, train: Callable[[Tensor, list[list[Tensor]], Random], None]
) -> None:
    """Train a DBN by `Pretraining` and copies of its parameters by `train`; all must end the same, to rounding."""
    data = Random(0, "items").uniform((330, sizes[0])).double() * torch.linspace(0.3, 1, sizes[0]).double()
    dbn = DBN.from_sizes(sizes, Random(1), weight_std=0.5).double()
    layers = [parameters(rbm) for rbm in dbn.rbms]
    start = [[one.clone() for one in layer] for layer in layers]
    train(data, layers, Random(2))
    for _ in Pretraining(dbn, data, settings, random=Random(2)).epochs():
        pass
    for rbm, layer, before in zip(dbn.rbms, layers, start, strict=True):
        for ours, theirs, first in zip(parameters(rbm), layer, before, strict=True):
            assert (theirs - first).abs().max() > 0.1
            torch.testing.assert_close(theirs, ours, rtol=1e-9, atol=1e-11)


def test_cd_1_of_the_page_is_the_packages_default() -> None:
    compare([7, 5], RBMSettings(), lambda data, layers, random: functions()["learn"](data, *layers[0], random))


def test_its_arguments_are_the_settings_of_these_names() -> None:
    settings = RBMSettings(epochs=7, batch_size=50, learning_rate=0.3, weight_decay=0.02)

    def train(data: Tensor, layers: list[list[Tensor]], random: Random) -> None:
        functions()["learn"](data, *layers[0], random, epochs=7, batch_size=50, rate=0.3, weight_decay=0.02)

    compare([7, 5], settings, train)


def test_the_stack_of_the_page_is_pretraining() -> None:
    compare([7, 5, 4], RBMSettings(), functions()["pretrain"])


def test_the_digits_end_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The page's last block, as it stands but for the number of epochs, prints differences that are only rounding."""
    code = "".join(BLOCKS)
    for old, new in (("epochs=50", "epochs=6"), ("RBMSettings()", "RBMSettings(epochs=6)")):
        assert code.count(old) == 1
        code = code.replace(old, new)
    exec(code, {})
    *records, first, second = capsys.readouterr().out.splitlines()
    assert len(records) == 12
    assert max(float(first), float(second)) < 1e-9


def test_the_table_names_lines_of_the_code_and_places_of_the_package() -> None:
    assert len(PLACES) > 10
    assert len(PLACES) == len(re.findall(r"^\| `", PAGE, flags=re.MULTILINE))
    for line, file, name in PLACES:
        assert line in BLOCKS[0]
        assert name in names(SOURCES / file), f"{file} has no {name}"


def test_files_and_names_of_the_text_are_there() -> None:
    paths = re.findall(r"`([\w/-]+(?:\.py|/))`", PAGE)
    assert len(paths) > 20
    assert not [path for path in paths if not any((root / path).exists() for root in (ROOT, SOURCES))]
    classes = set().union(*(names(path) for path in (SOURCES / "learning" / "rbm").rglob("*.py")))
    assert set(re.findall(r"`([A-Z]\w+)`", PAGE)) <= classes
    settings = set(re.findall(r"`([a-z]+_[a-z]+|tempering|centring)`", PAGE)) - {"base_rate_bias"}
    assert settings <= set(RBMSettings.__dataclass_fields__)


def names(path: Path) -> set[str]:
    """Functions, classes and, with a dot, methods that a file defines."""
    found: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
    return found
