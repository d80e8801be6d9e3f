"""What the terminal shows: text as it is, whatever brackets stand in it."""

import io

from rich.console import Console

from deepbelief.cli.output import TerminalProgress, print_results
from deepbelief.report.tables import Table

NAMES = ["[red]dbn[/red].safetensors", "[/]", "[bold]", ":smile:", "a[0] b[1:2]", "[link=file:///etc]x[/link]", "\\[x]"]


def shown(terminal: bool) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=200, color_system=None, legacy_windows=False), out


def test_tables_print_text_as_it_is() -> None:
    for name in NAMES:
        console, out = shown(False)
        cells = frozenset({(0, 1)})
        print_results(
            console, Table(f"{name} on images", ("what", f"{name} head"), ((f"{name} row", f"{name} cell"),), cells)
        )
        for text in (f"{name} on images", f"{name} head", f"{name} row", f"{name} cell"):
            assert text in out.getvalue()


def test_progress_prints_text_as_it_is() -> None:
    for terminal in (False, True):
        for name in NAMES:
            console, out = shown(terminal)
            with TerminalProgress(console) as progress:
                progress.stage(f"{name} stage", 1, 2, 0)
                progress._last_line = -1e9  # no line for half a minute
                progress.step(1, 2, f"{name} line")
                progress._bars.refresh()
                progress.finished(f"{name} stage", 1.0, f"{name} end")
            for text in (f"{name} stage", f"{name} line", f"{name} end"):
                assert text in out.getvalue(), (terminal, text)


def test_the_best_cells_are_bold() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, color_system="standard", legacy_windows=False)
    print_results(console, Table("t", ("who", "%"), (("one", "11"), ("two", "22")), frozenset({(1, 1)})))
    assert "\x1b[1m22" in out.getvalue()
    assert "\x1b[1m11" not in out.getvalue()


def test_in_a_narrow_terminal_every_number_is_whole() -> None:
    header = ("contestant", *(f"perturbation {number}" for number in range(9)))
    rows = tuple(
        (f"read-out {row}, rebuilt from 3 once", *(f"{row}{number}.25" for number in range(9))) for row in (1, 2)
    )
    for width, parts in ((80, 3), (200, 1), (20, 9)):
        out = io.StringIO()
        print_results(Console(file=out, width=width, color_system=None), Table("title", header, rows))
        assert out.getvalue().count("title") == parts
        if width > 20:  # no number fits beside a name
            assert all(f" {row}{number}.25 " in out.getvalue() for row in (1, 2) for number in range(9))
            assert out.getvalue().count("perturbation") == 9
