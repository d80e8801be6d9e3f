"""Records `docs/images/explorer.webp`, the README's moving picture, from the real page of a finished study.

    python docs/explorer.py runs/default

It needs Chromium and Playwright, as the tests of the page do. Run it after a change to the look of the page.
"""

import argparse
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from deepbelief.explorer.page import write_page
from deepbelief.explorer.sources import find_run

OUT = Path(__file__).parent / "images" / "explorer.webp"
SIZE = {"width": 1280, "height": 780}
SHOWN = (960, 585)  # pixels of the picture
NAMES = ("chromium", "chromium-browser", "google-chrome")


class Film:
    """Frames of a page, each with the milliseconds for which it stays."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.times: list[int] = []

    def take(self, milliseconds: int, settle: int = 120) -> None:
        """Photograph the page when it has settled."""
        self.page.wait_for_timeout(settle)
        taken = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        self.frames.append(taken.resize(SHOWN, Image.Resampling.LANCZOS))
        self.times.append(milliseconds)

    def save(self, out: Path) -> None:
        first, *others = self.frames
        first.save(out, save_all=True, append_images=others, duration=self.times, loop=0, quality=55, method=6)


def draw(film: Film) -> None:
    """A line across the image, and all layers follow."""
    page = film.page
    box: Any = page.locator("#image-panel .editor").bounding_box()
    film.take(1500)
    page.mouse.move(box["x"] + 0.15 * box["width"], box["y"] + 0.75 * box["height"])
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + (0.15 + 0.14 * step) * box["width"], box["y"] + (0.75 - 0.05 * step) * box["height"])
        film.take(160)
    page.mouse.up()
    film.take(900)
    page.get_by_role("button", name="Undo").click()
    film.take(500)


def disturb(film: Film) -> None:
    """Noise that grows, then an attack."""
    page = film.page
    page.get_by_role("tab", name="Disturb").click()
    film.take(600)
    for level in (0.2, 0.4, 0.6, 0.8):
        page.get_by_role("slider", name="Standard deviation").fill(str(level))
        film.take(350)
    page.get_by_role("slider", name="Standard deviation").fill("0")
    page.get_by_role("radio", name="FGSM").click()
    film.take(1600, settle=300)
    page.get_by_role("button", name="Remove the disturbance").click()


def dream(film: Film) -> None:
    """Dreams of three classes."""
    page = film.page
    page.get_by_role("tab", name="Dream").click()
    for label in (8, 1, 9):
        page.locator(".classes button").nth(label).click()
        for _ in range(9):
            film.take(140, settle=60)


def understand(film: Film) -> None:
    """Some units, then the map with the image moving in it."""
    page = film.page
    page.get_by_role("tab", name="Understand").click()
    film.take(900, settle=500)
    page.get_by_role("radio", name="The map").click()
    page.get_by_role("radio", name="3", exact=True).last.click()
    for index in (2, 5, 8, 9):
        page.get_by_role("option").nth(index).click()
        film.take(550, settle=250)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder of a finished study")
    run = parser.parse_args().run
    path = next(path for path in map(shutil.which, NAMES) if path)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "explorer.html"
        write_page(find_run(run), file)
        browser = playwright.chromium.launch(executable_path=path)
        page = browser.new_page(viewport=SIZE, color_scheme="light")  # type: ignore[arg-type]
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-ready]", state="attached")
        film = Film(page)
        for scene in (draw, disturb, dream, understand):
            scene(film)
        browser.close()
        film.save(OUT)
    print(f"{OUT}: {len(film.frames)} frames, {OUT.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
