"""The report in a real browser: it is silent, fits a phone and a sheet of paper, and describes its pictures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deepbelief.report.page import build_report
from tests.explorer.browser import DESKTOP, PHONE, Visit, browser
from tests.report.conftest import Synthetic, write_run


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def report(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(write_run(tmp_path_factory.mktemp("run"), Synthetic()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_fits_its_window_and_can_be_read(chromium: Any, report: Path, scheme: str) -> None:
    with Visit(chromium, PHONE, color_scheme=scheme) as visit:
        page = visit.page
        page.goto(report.as_uri())
        assert not visit.too_wide()
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        assert not visit.too_wide()
        assert visit.violations() == []


def test_every_picture_is_described_and_there(chromium: Any, report: Path) -> None:
    with Visit(chromium) as visit:
        page = visit.page
        page.goto(report.as_uri())
        described = page.evaluate(
            "[...document.images].map((one) => [one.alt.trim().length, one.complete, one.naturalWidth])"
        )
        assert len(described) > 15
        assert all(letters > 15 and complete and width > 100 for letters, complete, width in described)


def test_a_printed_report_is_no_wider_than_its_sheet(chromium: Any, report: Path) -> None:
    with Visit(chromium, color_scheme="dark") as visit:
        page = visit.page
        page.set_viewport_size({"width": 658, "height": 1000})  # what margins of 18 mm leave of A4
        page.emulate_media(media="print")
        page.goto(report.as_uri())
        assert not visit.too_wide()
        assert page.evaluate("getComputedStyle(document.body).color") == "rgb(0, 0, 0)"
        assert page.pdf(format="A4").startswith(b"%PDF")
