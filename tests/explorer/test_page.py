"""The page in a real browser, used as a person uses it: mouse, finger, keyboard and links."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deepbelief.explorer.page import write_page
from deepbelief.explorer.sources import find_run
from tests.explorer.browser import EDITOR, PHONE, Visit, changes, expect, pixels, slide


@pytest.fixture(scope="module")
def explorer(chromium: Any, study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "explorer.html"
    write_page(find_run(study), out)
    return out


def test_the_first_screen_shows_image_layers_and_answers(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    expect(page.locator("#image-title")).to_have_text(re.compile(r"Test image 1 of 100: \w+"))
    assert len(set(pixels(page, EDITOR))) > 5
    assert page.locator(".layer").count() == 2
    for selector in (".units", ".rebuilt", ".film canvas"):
        assert len(set(pixels(page, selector))) > 5
    assert page.locator(".answers thead th").all_inner_texts() == [
        *("read-out 1", "read-out 2", "feed-forward", "fine-tuned", "RBM with labels")
    ]
    shares = page.locator(".answers tbody tr td:nth-child(2) .share").all_inner_texts()
    assert len(shares) == 10
    assert sum(int(share.split("\u202f")[0]) for share in shares) == pytest.approx(100, abs=4)
    expect(page.locator("#status")).to_have_text(re.compile("say"))


def test_a_test_image_is_chosen_by_mouse_and_by_keyboard(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    before = pixels(page, EDITOR)
    page.get_by_role("option").nth(3).click()
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image 4 of"))
    before = changes(page, EDITOR, before)
    page.get_by_role("listbox", name="Test images").press("ArrowRight")
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image 5 of"))
    changes(page, EDITOR, before)
    for key, number in (("End", 100), ("Home", 1), ("ArrowLeft", 1), ("ArrowDown", 7), ("ArrowUp", 1)):
        page.get_by_role("listbox", name="Test images").press(key)
        if key == "ArrowDown":
            expect(page.locator("#image-title")).not_to_have_text(re.compile("Test image 1 of"))
        else:
            expect(page.locator("#image-title")).to_have_text(re.compile(f"Test image {number} of"))
    page.get_by_role("button", name="Another image").click()
    expect(page.locator("#image-title")).not_to_have_text(re.compile("Test image 1 of"))


def test_drawing_with_the_mouse_and_taking_it_back(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    start = pixels(page, EDITOR)
    page.get_by_role("button", name="Clear").click()
    expect(page.locator("#image-title")).to_have_text("Your drawing")
    changes(page, EDITOR, start)
    assert set(pixels(page, EDITOR)) == {0}
    box = page.locator(EDITOR).bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.55 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.55 * box["height"], steps=3)
    page.mouse.up()
    drawn = np.array(changes(page, EDITOR, [0] * 64)).reshape(8, 8)
    page.wait_for_timeout(150)
    drawn = np.array(pixels(page, EDITOR)).reshape(8, 8)
    assert (drawn[4, 2:7] == 255).all()
    assert (drawn[[0, 7]] == 0).all()
    page.get_by_role("button", name="Invert").click()
    assert changes(page, EDITOR, list(drawn.flat)) == pytest.approx(255 - drawn.ravel(), abs=1)
    for _ in range(3):
        page.get_by_role("button", name="Undo").click()
    expect(page.locator("#image-title")).to_have_text(re.compile("Test image 1 of"))
    page.wait_for_timeout(100)
    assert pixels(page, EDITOR) == start


def test_drawing_with_a_finger(chromium: Any, explorer: Path) -> None:
    with Visit(chromium, PHONE) as visit:
        page = visit.opened(explorer)
        page.get_by_role("radio", name="Black", exact=True).tap()
        before = pixels(page, EDITOR)
        page.locator(EDITOR).tap()
        after = changes(page, EDITOR, before)
        assert sum(after) < sum(before)
        expect(page.locator("#image-title")).to_have_text(re.compile("drawn upon"))
        expect(page.locator(".strip")).to_be_visible()


def test_drawing_with_the_keyboard(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    page.get_by_role("button", name="Clear").click()
    page.wait_for_timeout(100)
    editor = page.get_by_role("application", name="The image, to draw on")
    editor.press("ArrowUp")
    editor.press(" ")
    drawn = np.array(changes(page, EDITOR, [0] * 64)).reshape(8, 8)
    assert drawn[3, 4] == 255
    editor.press("Shift+ArrowLeft")
    editor.press("Shift+ArrowLeft")
    page.wait_for_timeout(150)
    assert (np.array(pixels(page, EDITOR)).reshape(8, 8)[3, 2:5] == 255).all()


def test_a_picture_from_a_file(visit: Visit, explorer: Path, tmp_path: Path) -> None:
    page = visit.opened(explorer)
    dark = np.zeros((60, 90), np.uint8)
    dark[20:40, 30:60] = 255
    Image.fromarray(dark).save(tmp_path / "dark.png")
    Image.fromarray(255 - dark).save(tmp_path / "light.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    before = pixels(page, EDITOR)
    for name in ("dark.png", "light.png"):  # digits are white on black, so a picture on white paper is inverted
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Open a picture").click()
        chooser.value.set_files(tmp_path / name)
        expect(page.locator("#image-title")).to_have_text("A picture from a file")
        if name == "dark.png":
            before = changes(page, EDITOR, before)
        read = np.array(pixels(page, EDITOR)).reshape(8, 8)
        assert read[0].max() < 10
        assert read[3:5, 3:5].min() > 200
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Open a picture").click()
    chooser.value.set_files(tmp_path / "broken.png")
    expect(page.locator("#status")).to_have_text("broken.png is not a picture that this browser can read.")


def test_look_has_one_to_ten_passes_and_opens_units(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer)
    once = pixels(page, ".rebuilt")
    slide(page, "Up and down", 10)
    changes(page, ".rebuilt", once)
    assert page.locator(".layer output, .look output").first.inner_text() == "10 times"
    page.get_by_role("button", name="Layer 1, after 1 passes").click()
    assert pixels(page, ".rebuilt") == once
    expect(page.get_by_role("button", name="Layer 2, after 1 passes")).to_have_attribute("aria-pressed", "true")
    box = page.locator(".units").nth(1).bounding_box()
    page.locator(".units").nth(1).click(position={"x": 3, "y": box["height"] * 0.9})
    expect(page.get_by_role("tab", name="Understand")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text(re.compile(r"Unit \d+ of 12 in layer 2"))).to_be_visible()


@pytest.mark.parametrize(
    ("label", "value"),
    [("Standard deviation", 0.5), ("Blur", 1.5), ("Contrast", 0.5), ("Cover", 4)],
)
def test_each_disturbance_changes_what_is_shown(visit: Visit, explorer: Path, label: str, value: float) -> None:
    page = visit.opened(explorer, "tab=disturb")
    before = pixels(page, EDITOR)
    slide(page, label, value)
    changed = changes(page, EDITOR, before)
    if label == "Cover":
        slide(page, "Cover from left", 0)
        changed = changes(page, EDITOR, changed)
    if label == "Standard deviation":
        page.get_by_role("button", name="Other noise").click()
        changed = changes(page, EDITOR, changed)
    expect(page.locator("#image-title")).to_have_text(re.compile("disturbed"))
    page.get_by_role("button", name="Remove the disturbance").click()
    changes(page, EDITOR, changed)
    assert pixels(page, EDITOR) == before


def test_noise_stays_between_black_and_white_only_if_told_to(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=disturb&noise=1")
    size = page.locator(".comparison figcaption").nth(1).inner_text()
    legend = page.locator(".curves .legend").inner_text()
    page.get_by_label("Keep pixels between black and white").check()
    expect(page.locator(".comparison figcaption").nth(1)).not_to_have_text(size)
    assert page.locator(".curves .legend").inner_text() != legend


def test_attacks_and_the_defence(visit: Visit, explorer: Path) -> None:
    page = visit.opened(explorer, "tab=disturb")
    before = pixels(page, EDITOR)
    page.get_by_role("radio", name="FGSM", exact=True).click()
    single = changes(page, EDITOR, before)
    page.get_by_role("radio", name="PGD", exact=True).click()
    patient = changes(page, EDITOR, single)
    slide(page, "Steps", 2)
    patient = changes(page, EDITOR, patient)
    slide(page, "Epsilon", 0.3)
    patient = changes(page, EDITOR, patient)
    page.get_by_label("Aimed at").select_option("read-out 1")
    patient = changes(page, EDITOR, patient)
    expect(page.get_by_role("img", name="The disturbed image after it went")).to_be_hidden()
    slide(page, "Passes", 2)
    expect(page.get_by_role("img", name="The disturbed image after it went")).to_be_visible()
    expect(page.locator("#answers")).to_contain_text("After the top-down defence")
    page.get_by_label("The attacker knows of the defence").check()
    changes(page, EDITOR, patient)


@pytest.mark.parametrize("what", ["Noise", "Blur", "Loss of contrast", "FGSM attack", "PGD attack"])
def test_where_each_classifier_breaks(visit: Visit, explorer: Path, what: str) -> None:
    page = visit.opened(explorer, "tab=disturb&steps=2")
    page.get_by_label("What grows").select_option(what)
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".levels tbody .end").last).to_have_text(re.compile(r"at \d\.\d\d|never"))
    assert page.locator(".levels tbody tr").count() == 5
    assert page.locator(".levels tbody td.right, .levels tbody td.wrong").count() == 5 * 8
    expect(page.get_by_role("button", name="Try it")).to_be_enabled()
