"""A real browser for tests: Chromium as it is installed here, and pages that may neither complain nor connect."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP, PHONE = (1280, 800), (360, 740)
EDITOR = "#image-panel .editor canvas"
"""The image that can be drawn on."""
PATIENCE = 30_000  # milliseconds: a busy machine is no fault of a page


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium without a window; the tests are skipped where it, or Playwright, is missing."""
    found = next((path for path in map(shutil.which, NAMES) if path), None)
    if found is None:
        pytest.skip("pages are tried in Chromium, which is not installed here (Debian and Ubuntu: chromium)")
    if find_spec("playwright") is None:
        pytest.skip("pages are tried by Playwright, which is not installed here (pip install playwright)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found)
        yield opened
        opened.close()


class Visit:
    """A page in a window of its own, with all that it complained of or asked the network for."""

    def __init__(self, browser: Any, size: tuple[int, int] = DESKTOP, **options: Any) -> None:
        touch = size[0] < 500
        self.context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, has_touch=touch, is_mobile=touch, **options
        )
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def __enter__(self) -> "Visit":
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing was written to the console, and nothing asked for but the page itself and what it made itself."""
        self.context.close()
        assert not self.messages, self.messages
        asked = [url for url in self.requests if not url.startswith(("file:", "blob:", "data:", "about:"))]
        assert not asked, asked

    def opened(self, file: Path, link: str = "") -> Any:
        """An explorer's page, opened anew and ready; `link` is what stands behind the # of its address."""
        self.page.goto("about:blank")
        self.page.goto(f"{file.resolve().as_uri()}#{link}")
        self.page.wait_for_selector("html[data-ready]", state="attached")
        return self.page

    def too_wide(self) -> bool:
        """Whether the page can be scrolled sideways."""
        wide, window = self.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        return bool(wide > window)

    def violations(self, rule: str | None = None) -> list[str]:
        """What axe-core finds hard to use without eyes, mouse or perfect sight: by all its rules, or by one."""
        spec = find_spec("axe_playwright_python")
        if spec is None or spec.origin is None:
            pytest.skip("accessibility is tried by axe-core, which is not installed here (axe-playwright-python)")
        self.page.evaluate((Path(spec.origin).parent / "axe.min.js").read_text("utf-8"))
        script = "(rule) => axe.run({ resultTypes: ['violations'], ...(rule && { runOnly: [rule] }) })"
        found: Sequence[Any] = self.page.evaluate(script, rule)["violations"]
        return [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']]}" for one in found]


def expect(locator: Any) -> Any:
    """Playwright's assertions, which wait until they hold."""
    from playwright.sync_api import expect as expected

    expected.set_options(timeout=PATIENCE)
    return expected(locator)


def slide(page: Any, label: str, value: float) -> None:
    """Move a slider of the page to a value."""
    page.get_by_label(label, exact=True).fill(str(value))


def pixels(page: Any, selector: str) -> list[int]:
    """The red part of every pixel of a canvas."""
    script = """(one) => {
        const copy = new OffscreenCanvas(one.width, one.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(one, 0, 0);
        return [...copy.getImageData(0, 0, one.width, one.height).data].filter((_, index) => index % 4 === 0);
    }"""
    found: list[int] = page.locator(selector).first.evaluate(script)
    return found


def changes(page: Any, selector: str, before: list[int], rests: bool = True) -> list[int]:
    """Wait until a canvas shows something else than before and, unless it is to move on, nothing new for a moment."""
    last, patience = before, PATIENCE
    while patience > 0:
        page.wait_for_timeout(100)
        patience -= 100
        now = pixels(page, selector)
        if now != before and (now == last or not rests):
            return now
        last = now
    raise AssertionError(f"{selector} did not change, or never rests")
