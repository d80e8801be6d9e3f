"""The page docs/architecture.md: its picture shows the imports, its table has every room, its files are there."""

import itertools
import re
import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src" / "deepbelief"
SCRIPT = runpy.run_path(str(ROOT / "docs" / "architecture.py"))
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_the_picture_is_what_the_script_draws_from_the_imports() -> None:
    drawn = SCRIPT["PICTURE"].read_text(encoding="utf-8")
    assert SCRIPT["drawing"](SCRIPT["imported"]()) == drawn, "run python docs/architecture.py"


def test_the_page_names_every_room_and_no_other() -> None:
    table = PAGE.partition("## The rooms")[2].partition("## ")[0]
    named = re.findall(r"^\| `(.+?)` \|", table, flags=re.MULTILINE)
    assert set(named) == SCRIPT["RULES"]["MAY_IMPORT"].keys() - SCRIPT["ABOVE_ALL"]
    assert len(named) == len(set(named))


def test_every_file_and_name_of_the_page_is_there() -> None:
    found = {path: [one for one in (ROOT / path, SOURCES / path) if one.exists()] for path in paths(PAGE)}
    assert len(found) > 15
    assert not [path for path, where in found.items() if not where]
    questions = PAGE.partition("## Where to look")[2]
    rows = re.findall(r"^\| .* \| (.*) \|$", questions, flags=re.MULTILINE)[1:]
    for row in rows:
        text = "".join(found[path][0].read_text(encoding="utf-8") for path in paths(row))
        for name in re.findall(r"`(\w+(?:\.\w+)?)`", row):
            if name in paths(row):
                continue
            of, _, method = name.partition(".")
            assert re.search(rf"^(class |def |){of}\b", text, flags=re.MULTILINE), name
            assert not method or f"def {method}(" in text, name


def paths(text: str) -> list[str]:
    """What is written as the path of a file."""
    return re.findall(r"`([\w/]+\.pyi?)`", text)


def test_floors_and_arrows() -> None:
    graph = {"house": {"wall", "stone"}, "wall": {"stone"}, "stone": set(), "garden": {"stone"}, "town": {"house"}}
    assert SCRIPT["floors"](graph) == {"garden": 1, "house": 2, "stone": 0, "town": 3, "wall": 1}
    assert SCRIPT["reduced"](graph) == {**graph, "house": {"wall"}}


def test_boxes_and_passing_arrows_stand_apart() -> None:
    graph = SCRIPT["imported"]()
    floor = SCRIPT["floors"](graph)
    rooms = [SCRIPT["Stop"](floor[room], room) for room in graph]
    places = SCRIPT["arrange"](rooms, SCRIPT["paths"](SCRIPT["reduced"](graph), floor))
    assert places.keys() > set(rooms)
    for one, other in itertools.combinations(places, 2):
        if one.floor == other.floor:
            assert abs(places[one] - places[other]) > (one.width + other.width) / 2 + 20
