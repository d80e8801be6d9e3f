"""Draw docs/images/architecture.svg: the rooms of the package in floors, with arrows, from their imports alone.

    .venv/bin/python docs/architecture.py

A room stands one floor above the highest room it imports. Arrows show the transitive reduction: one is left out where
other arrows lead the same way. Parser and rooms are those of tests/test_imports.py. The same imports give
the same text, so that a test can compare it with the file.
"""

import random
import runpy
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "architecture.svg"
RULES = runpy.run_path(str(ROOT / "tests" / "test_imports.py"))
ABOVE_ALL = {"__init__", "__main__"}  # the list of public names, and `python -m deepbelief`
BELOW_ALL = "errors"

HEIGHT, STOREY, GAP, MARGIN = 40, 92, 26, 30
LANE = 6  # the width of an arrow that passes a floor
STRAIGHT = 8  # the pull between two places of one arrow, where that between boxes is 1
TRIES = 300
STYLE = (
    "text{font:15px system-ui,'Segoe UI',Helvetica,Arial,sans-serif;fill:#1f2933;text-anchor:middle}"
    ".note{font-size:13px;fill:#52606d;text-anchor:start}"
    ".folder{fill:#dbeafe;stroke:#3b6ea8}.file{fill:#f5f0e1;stroke:#a38b4f}.ground{fill:#eceff2;stroke:#9aa5b1}"
    ".arrow{fill:none;stroke:#52606d;stroke-width:1.4;marker-end:url(#head)}"
)
NOTES = (
    "An arrow goes from a room to a room that it imports.",
    "An arrow is left out where others lead the same way. Blue: a folder; yellow: a file.",
)


class Stop(NamedTuple):
    """A room on its floor, or, with another floor, the place where an arrow to a lower room passes that floor."""

    floor: int
    room: str
    to: str = ""

    @property
    def width(self) -> int:
        """The width of the box, or of the place that is left for the arrow."""
        return LANE if self.to else 9 * len(self.room) + 28


Places = dict[Stop, float]


def imported() -> dict[str, set[str]]:
    """Room -> the rooms it imports, but for `errors`; rooms with nothing in them are left out."""
    package, sources, room_of = RULES["PACKAGE"], RULES["SOURCES"], RULES["room_of"]
    found: dict[str, set[str]] = {}
    for module in RULES["MODULES"]:
        path = module.relative_to(sources)
        room = room_of(path.with_suffix("").as_posix())
        if room in ABOVE_ALL:
            continue
        names = [
            name
            for _, name in RULES["imports"](module.read_text(encoding="utf-8"), ".".join([package, *path.parts[:-1]]))
        ]
        inside = {room_of(name.partition(".")[2].replace(".", "/")) for name in names if name.startswith(f"{package}.")}
        if path.name != "__init__.py" or inside:
            found.setdefault(room, set()).update(inside)
    rooms = found.keys() - {BELOW_ALL}
    return {room: (found[room] & rooms) - {room} for room in sorted(rooms)}


def floors(graph: dict[str, set[str]]) -> dict[str, int]:
    """Room -> floor: 0 where it imports no other room, else one above the highest room it imports."""
    found: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in found:
            found[room] = max((floor(below) + 1 for below in graph[room]), default=0)
        return found[room]

    return {room: floor(room) for room in sorted(graph)}


def reduced(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """The transitive reduction: without the rooms that are reached by way of another one."""

    def reached(room: str) -> set[str]:
        return graph[room].union(*(reached(below) for below in graph[room]))

    return {room: below - set().union(*(reached(other) for other in below)) for room, below in graph.items()}


# Where the boxes stand: arrows pass every floor at a place of their own, and the order on each floor that gives the
# fewest crossings is looked for (Sugiyama, Tagawa & Toda 1981).


def paths(arrows: dict[str, set[str]], floor: dict[str, int]) -> list[list[Stop]]:
    """For each arrow where it begins, the places at which it passes a floor, and where it ends."""
    return [
        [
            Stop(floor[room], room),
            *(Stop(at, room, to) for at in range(floor[room] - 1, floor[to], -1)),
            Stop(floor[to], to),
        ]
        for room in sorted(arrows)
        for to in sorted(arrows[room])
    ]


def arrange(rooms: Iterable[Stop], ways: list[list[Stop]]) -> Places:
    """The middle of each box and lane: of many tries that with the fewest crossings, then the shortest arrows."""
    segments = [(high, low) for way in ways for high, low in pairwise(way)]
    stops = sorted({*rooms, *(stop for way in ways for stop in way)})
    near: dict[Stop, list[Stop]] = {stop: [] for stop in stops}
    for high, low in segments:
        pull = STRAIGHT if high.to and low.to else 1
        near[high] += [low] * pull
        near[low] += [high] * pull
    numbers, best = random.Random(0), None
    for _ in range(TRIES):
        places = attempt(stops, near, numbers)
        length = sum(abs(places[high] - places[low]) for high, low in segments)
        score = crossings(segments, places), round(length)
        if best is None or score < best[0]:
            best = score, places
    assert best is not None
    return best[1]


def attempt(stops: list[Stop], near: dict[Stop, list[Stop]], numbers: random.Random) -> Places:
    """Begin in any order; sort each floor by the means of the neighbours, down and up, and move it towards them."""
    levels = [[stop for stop in stops if stop.floor == floor] for floor in range(max(stops).floor + 1)]
    places: Places = {}
    for level in levels:
        numbers.shuffle(level)
        places |= apart(level, [0.0] * len(level))
    for sweep in range(24):
        for level in levels if sweep % 2 else reversed(levels):
            wanted = {stop: fmean([places[one] for one in near[stop]] or [places[stop]]) for stop in level}
            if sweep < 12:
                level.sort(key=lambda stop: wanted[stop])
            places |= apart(level, [wanted[stop] for stop in level])
    return places


def apart(level: Sequence[Stop], wanted: Sequence[float]) -> Places:
    """Places in this order, far enough apart, as near as can be to those wanted (isotonic regression)."""
    offsets, offset = [], 0.0
    for stop in level:
        offsets.append(offset + stop.width / 2)
        offset += stop.width + GAP
    pools: list[list[float]] = []
    for want, shift in zip(wanted, offsets, strict=True):
        pools.append([want - shift])
        while len(pools) > 1 and fmean(pools[-2]) > fmean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    starts = [fmean(pool) for pool in pools for _ in pool]
    return {stop: start + shift for stop, start, shift in zip(level, starts, offsets, strict=True)}


def crossings(segments: list[tuple[Stop, Stop]], places: Places) -> int:
    """How many pairs of arrows cross between two floors."""
    return sum(
        (places[high] - places[other_high]) * (places[low] - places[other_low]) < 0
        for at, (high, low) in enumerate(segments)
        for other_high, other_low in segments[:at]
        if high.floor == other_high.floor
    )


# What is written.


def drawing(graph: dict[str, set[str]]) -> str:
    """The whole picture as text."""
    floor = floors(graph)
    ways = paths(reduced(graph), floor)
    places = arrange([Stop(floor[room], room) for room in graph], ways)
    left = min(place - stop.width / 2 for stop, place in places.items()) - MARGIN
    places = {stop: place - left for stop, place in places.items()}
    width = round(max(place + stop.width / 2 for stop, place in places.items()) + MARGIN)
    top = max(floor.values())
    height = MARGIN + (top + 1) * STOREY + HEIGHT + 24 + 18 * len(NOTES) + MARGIN // 2
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        "<title>The rooms of deepbelief and what they import</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#52606d"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(curve(points) for points in routes(ways, places, top)),
        *(
            box(stop.room, place, level(stop.floor, top), stop.width)
            for stop, place in sorted(places.items())
            if not stop.to
        ),
        box(f"{BELOW_ALL}: every room may import it", width / 2, level(-1, top), width - 2 * MARGIN, "ground"),
        *(
            f'<text class="note" x="{MARGIN}" y="{level(-1, top) + HEIGHT + 24 + 18 * at}">{note}</text>'
            for at, note in enumerate(NOTES)
        ),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def level(floor: int, top: int) -> int:
    """The upper edge of a floor's boxes."""
    return MARGIN + (top - floor) * STOREY


def box(room: str, middle: float, upper: int, width: int, kind: str = "") -> str:
    """One room; those that are a folder look different from those that are a file."""
    kind = kind or ("folder" if (RULES["SOURCES"] / room).is_dir() else "file")
    corner = round(middle - width / 2)
    return (
        f'<rect class="{kind}" x="{corner}" y="{upper}" width="{width}" height="{HEIGHT}" rx="6"/>'
        f'<text x="{round(middle)}" y="{upper + HEIGHT // 2 + 5}">{room}</text>'
    )


def routes(ways: list[list[Stop]], places: Places, top: int) -> list[list[tuple[int, int]]]:
    """The points of each arrow; those that share a side of a box leave and reach it next to each other."""
    found = []
    for way in ways:
        points = [(port(way[0], [one[:2] for one in ways], way[1], places), level(way[0].floor, top) + HEIGHT)]
        for stop in way[1:-1]:
            upper = level(stop.floor, top)
            points += [(round(places[stop]), upper), (round(places[stop]), upper + HEIGHT)]
        points.append((port(way[-1], [one[:-3:-1] for one in ways], way[-2], places), level(way[-1].floor, top)))
        found.append(points)
    return found


def port(end: Stop, pairs: list[list[Stop]], other: Stop, places: Places) -> int:
    """Where on its side of the box `end` the arrow from or to `other` stands, among all that stand there."""
    others = sorted((pair[1] for pair in pairs if pair[0] == end), key=lambda stop: (places[stop], stop))
    step = min(24.0, (end.width - 16) / len(others))
    return round(places[end] + (others.index(other) - (len(others) - 1) / 2) * step)


def curve(points: list[tuple[int, int]]) -> str:
    """An arrow that is straight down where it meets and passes floors."""
    (x, y), *further = points
    path = f"M{x} {y}"
    for to_x, to_y in further:
        path += f"L{to_x} {to_y}" if to_x == x else f"C{x} {(y + to_y) // 2} {to_x} {(y + to_y) // 2} {to_x} {to_y}"
        x, y = to_x, to_y
    return f'<path class="arrow" d="{path}"/>'


if __name__ == "__main__":
    PICTURE.write_text(drawing(imported()), encoding="utf-8", newline="\n")
    print(PICTURE)
