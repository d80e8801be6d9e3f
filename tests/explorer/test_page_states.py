"""Every state of the page in a real browser: accessible, no wider than its window; and pages that have less to show."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from deepbelief.explorer.page import write_page
from deepbelief.explorer.sources import Found
from tests.explorer.browser import DESKTOP, PHONE, Visit, expect
from tests.explorer.conftest import small

STATES = (
    *("", "tab=disturb&noise=0.4&attack=pgd&defence=1", "tab=dream&dream=label", "tab=dream&dream=complete"),
    *("tab=dream&dream=walk", "tab=understand", "tab=understand&part=map", "tab=understand&part=energy", "tour=2"),
)
ALL = small()
CURVE = {"levels": [0, 0.5, 1.3], "accuracies": {one.name: [0.9, 0.6, 0.3] for one in ALL.contestants}}
CURVES: dict[str, dict[str, object]] = dict.fromkeys(("gaussian", "gaussian_clipped", "fgsm", "pgd"), CURVE)


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "explorer.html"
    write_page(dataclasses.replace(ALL, curves=CURVES), out)
    return out


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_state_is_accessible_and_no_wider_than_its_window(chromium: Any, explorer: Path, scheme: str) -> None:
    """Colours are all that differs between the schemes, and axe is slow: in the dark it looks at colours alone."""
    with Visit(chromium, color_scheme=scheme, reduced_motion="reduce") as visit:
        for state in STATES:
            page = visit.opened(explorer, state)
            if state.startswith("tab=disturb"):
                page.get_by_role("button", name="Try it").click()
                expect(page.locator(".levels tbody .end").last).not_to_be_empty()
            page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
            assert visit.violations("color-contrast" if scheme == "dark" else None) == [], state
            page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
            assert not visit.too_wide(), state


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_answers_at_its_lower_edge(chromium: Any, explorer: Path, scheme: str) -> None:
    with Visit(chromium, PHONE, color_scheme=scheme) as visit:
        page = visit.opened(explorer, "tour=1")
        expect(page.locator(".strip p")).not_to_be_empty()
        assert visit.violations() == []


PARTS: dict[str, tuple[Found, set[str]]] = {
    "all": (ALL, {"images", "answers", "attack", "classes", "walk", "map"}),
    "real values": (small(gaussian=True), {"images", "answers", "attack", "classes", "walk", "map"}),
    "one layer": (small(layers=(6,)), {"images", "answers", "attack", "classes", "walk", "map"}),
    "no images": (dataclasses.replace(ALL, images=None), {"answers", "attack", "classes"}),
    "DBN alone": (dataclasses.replace(ALL, labelled=None, contestants=(), images=None, classes=()), set()),
    "no classifiers": (dataclasses.replace(ALL, labelled=None, contestants=(), classes=()), {"images", "walk", "map"}),
}


@pytest.mark.parametrize(("found", "parts"), PARTS.values(), ids=PARTS)
def test_what_is_not_there_is_not_shown(chromium: Any, tmp_path: Path, found: Found, parts: set[str]) -> None:
    write_page(found, tmp_path / "page.html")
    with Visit(chromium) as visit:
        page = visit.opened(tmp_path / "page.html", "tab=disturb&noise=0.3")
        places = {
            "images": page.get_by_role("listbox", name="Test images"),
            "answers": page.locator("#answers"),
            "attack": page.get_by_label("Aimed at"),
            "classes": page.get_by_role("group", name="Classes to dream of", include_hidden=True),
            "walk": page.get_by_role("listbox", name="Walk to", include_hidden=True),
            "map": page.locator("#panel-understand .map"),
        }
        assert {name for name, place in places.items() if place.count()} == parts
        title = page.locator("#image-title")
        expect(title).to_contain_text("Test image 1" if "images" in parts else "What the network dreamt")
        for tab in ("Look", "Dream", "Understand"):
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(100)
        page.get_by_role("button", name="Take the tour").click()
        expect(page.locator("#tour-heading")).to_be_visible()
        if not parts:
            assert visit.violations() == []


def test_names_are_text_and_never_markup(chromium: Any, tmp_path: Path) -> None:
    name = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    write_page(dataclasses.replace(ALL, title=name, classes=(name, "b", "c")), tmp_path / "page.html")
    with Visit(chromium) as visit:
        page = visit.opened(tmp_path / "page.html")
        assert page.locator("h1").inner_text() == name
        assert name in page.locator(".answers").inner_text()
        assert page.locator("img").count() == 0
