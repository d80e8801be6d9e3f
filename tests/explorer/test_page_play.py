"""Dreams, units, the map, the tour and links of the page, in a real browser and as a person uses them."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deepbelief.explorer.page import write_page
from tests.explorer.browser import EDITOR, Visit, changes, expect, pixels, slide
from tests.explorer.conftest import small


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "explorer.html"
    write_page(small(), out)
    return out


def test_dreams_of_each_kind(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    page.get_by_role("tab", name="Dream").click()
    screen = "#panel-dream .screen canvas >> visible=true"
    for kind in ("From nothing", "From the image", "Of a class"):
        page.get_by_role("radio", name=kind, exact=True).click()
        now = changes(page, screen, [], rests=False)
        changes(page, screen, now, rests=False)
    page.get_by_role("group", name="Classes to dream of").get_by_role("button", name="b", exact=True).click()
    expect(page.get_by_text(re.compile(r"The network holds it for: \S"))).to_be_visible()
    expect(page.locator("#answers")).to_contain_text("About the dream")
    slide(page, "Speed", 5)
    slide(page, "Temperature", 2)
    page.get_by_label("Show samples instead of means").check()
    page.get_by_role("button", name="Stop").click()
    steps = page.get_by_text(re.compile(r"^Step \d"))
    page.wait_for_timeout(300)
    before = int(re.findall(r"\d+", steps.inner_text().replace(",", ""))[0])
    page.get_by_role("button", name="One step").click()
    expect(steps).to_have_text(re.compile(rf"Step {before + 5:,}\b"))
    page.get_by_role("button", name="Take this image").click()
    expect(page.locator("#image-title")).to_have_text("What the network dreamt")


def test_a_covered_part_is_completed_and_the_rest_stays(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=dream&dream=complete")
    cover = ".covering canvas"
    page.get_by_role("button", name="Nothing").click()
    assert pixels(page, cover) == pixels(page, EDITOR)
    page.get_by_role("application", name="The image, to cover parts of").press(" ")
    assert pixels(page, cover) != pixels(page, EDITOR)
    page.get_by_role("button", name="Left half").click()
    page.get_by_role("button", name="Dream", exact=True).click()
    screen = "#panel-dream .screen canvas >> visible=true"
    dreamt = np.array(changes(page, screen, [0] * 12, rests=False)).reshape(3, 4)
    assert (dreamt[:, 2:] == np.array(pixels(page, EDITOR)).reshape(3, 4)[:, 2:]).all()
    changes(page, screen, list(dreamt.flat), rests=False)


THUMBNAIL = """async (node) => {
    const { backgroundImage, backgroundPosition, backgroundSize } = getComputedStyle(node);
    const parts = (text) => text.split(" ").map((part) => Number.parseFloat(part) / 100);
    const [[x, y], [columns, rows]] = [parts(backgroundPosition), parts(backgroundSize)];
    const sheet = new Image();
    sheet.src = backgroundImage.slice(5, -2);
    await sheet.decode();
    const [width, height] = [sheet.width / columns, sheet.height / rows];
    const copy = new OffscreenCanvas(width, height).getContext("2d");
    copy.drawImage(sheet, -x * (columns - 1) * width, -y * (rows - 1) * height);
    return [...copy.getImageData(0, 0, width, height).data].filter((_, index) => index % 4 === 0);
}"""


def test_each_thumbnail_shows_its_image(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    option = page.get_by_role("listbox", name="Test images").get_by_role("option")
    shown = pixels(page, EDITOR)
    assert option.nth(0).evaluate(THUMBNAIL) == shown
    for number in (13, 19):
        option.nth(number).click()
        shown = changes(page, EDITOR, shown)
        assert option.nth(number).evaluate(THUMBNAIL) == shown


def test_a_walk_between_two_images(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=dream&dream=walk&to=5")
    screen = "#panel-dream .screen canvas >> visible=true"
    middle = changes(page, screen, [0] * 12)
    slide(page, "Place", 12)
    end = changes(page, screen, middle)
    page.get_by_role("listbox", name="Walk to").press("ArrowRight")
    end = changes(page, screen, end)
    page.get_by_role("group", name="Through layer").get_by_role("radio", name="1", exact=True).click()
    changes(page, screen, end)


def test_a_unit_its_images_and_its_like(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=understand")
    about = page.get_by_text(re.compile(r"Unit \d+ of 7 in layer 1"))
    expect(about).to_be_visible()
    page.get_by_label("Unit", exact=True).fill("3")
    page.get_by_label("Unit", exact=True).press("Enter")
    expect(about).to_have_text(re.compile("Unit 3 of 7"))
    page.get_by_role("button", name="Next", exact=True).click()
    expect(about).to_have_text(re.compile("Unit 4 of 7"))
    page.get_by_role("button", name="Previous").click()
    expect(about).to_have_text(re.compile("Unit 3 of 7"))
    page.get_by_role("group", name="The units whose weights").get_by_role("button").first.click()
    expect(about).not_to_have_text(re.compile("Unit 3 of 7"))
    page.get_by_role("group", name="The test images that excite").get_by_role("button").first.click()
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image"))
    page.get_by_role("group", name="Layer", exact=True).get_by_role("radio", name="2", exact=True).click()
    expect(page.get_by_text(re.compile(r"Unit \d+ of 5 in layer 2"))).to_be_visible()


def test_the_map_moves_with_the_image_and_chooses_one(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=understand&part=map")
    cross = page.locator(".here circle")
    before = cross.get_attribute("cx")
    page.locator(".point").nth(13).dispatch_event("click")
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image 14 of"))
    expect(cross).not_to_have_attribute("cx", before)
    expect(page.get_by_text("Nearest to it")).to_have_text(re.compile("image 14$"))


def test_noise_has_more_energy_than_any_test_image(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=understand&part=energy")
    verdict = page.locator("#panel-understand .verdict")
    expect(verdict).to_have_text(re.compile(r"(Of the|All) 20 test images"))
    assert page.locator("line.energy").count() == 20
    assert page.locator("#panel-understand .numbers tr").count() == 3


def test_the_tour_goes_through_the_study(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    page.get_by_role("button", name="Take the tour: 9 steps").click()
    headings = []
    for number in range(1, 10):
        expect(page.get_by_text(f"Tour, step {number} of 9")).to_be_visible()
        headings.append(page.locator("#tour-heading").inner_text())
        assert page.evaluate("document.activeElement.id") == "tour-heading"
        page.wait_for_timeout(250)
        assert page.evaluate("location.hash") == f"#tour={number}"
        page.locator("#tour button.main").click()
    expect(page.locator("#tour")).to_be_hidden()
    assert len(set(headings)) == 9
    page.go_back()
    expect(page.locator("#tour-heading")).to_have_text(headings[8])
    page.get_by_role("link", name="Step 3").click()
    expect(page.locator("#tour-heading")).to_have_text(headings[2])
    page = visit.opened(explorer, "tour=7")
    expect(page.locator("#tour-heading")).to_have_text(headings[6])
    expect(page.get_by_role("tab", name="Disturb")).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Leave the tour").click()
    expect(page.get_by_role("button", name="Take the tour: 9 steps")).to_be_visible()


def test_a_link_says_what_is_set(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=disturb&image=12&noise=0.7&clipped=true&unknown=1&blur=x")
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image 13 of"))
    assert page.get_by_label("Standard deviation").input_value() == "0.7"
    assert page.get_by_label("Keep pixels between black and white").is_checked()
    slide(page, "Blur", 1)
    page.wait_for_timeout(400)
    assert page.evaluate("location.hash") == "#tab=disturb&image=12&noise=0.7&clipped=true&blur=1"
    page.get_by_role("tab", name="Disturb").press("ArrowRight")
    expect(page.get_by_role("tab", name="Dream")).to_be_focused()


def test_less_motion_means_that_a_dream_steps_when_asked(chromium: Any, explorer: Path) -> None:
    with Visit(chromium, reduced_motion="reduce") as visit:
        page = visit.opened(explorer, "tab=dream&dream=label")
        steps = page.get_by_text(re.compile(r"^Step \d"))
        expect(steps).to_have_text(re.compile("Step 90$"))
        page.wait_for_timeout(300)
        assert steps.inner_text() == "Step 90"
        expect(page.get_by_role("button", name="Dream", exact=True)).to_be_hidden()
        page.get_by_role("button", name="One step").click()
        expect(steps).to_have_text(re.compile("Step 93$"))
