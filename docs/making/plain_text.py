"""Docstrings are plain text in which a name stands in backticks: this makes reStructuredText of them."""

import re

SPECIAL = re.compile(r"([*|\\])|(\w)_(?!\w)")


def escaped(line: str) -> str:
    r"""A line of prose, in which only what stands in backticks has a meaning.

    >>> print(escaped("|v| of `RBM`s, h_"))
    \|v\| of `RBM`\ s, h\_
    """
    parts = re.split(r"(``.+?``|`[^`]+`)", line)  # prose and names by turns
    for at in range(0, len(parts), 2):
        prose = SPECIAL.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\_", parts[at])
        parts[at] = f"\\ {prose}" if at and prose[:1].isalnum() else prose
    return "".join(parts)


def as_restructured_text(lines: list[str]) -> list[str]:
    """The lines of a docstring; its examples stay, and indented formulas keep their lines."""
    text: list[str] = []
    in_example = in_formula = False
    for line in lines:
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        indented = line.startswith("    ") and not in_example
        if indented and not in_formula and not _in_section(text):
            text += ["::", ""]
            in_formula = True
        elif line.strip() and not indented:
            in_formula = False
        text.append(line if in_example or in_formula else escaped(line))
    return text


def _in_section(text: list[str]) -> bool:
    """Whether the last line that is not indented heads a list of arguments or errors, as in "Raises:"."""
    heads = [line for line in text if line.strip() and not line.startswith(" ")]
    return bool(heads) and heads[-1].rstrip() in ("Args:", "Raises:", "Returns:", "Yields:", "Attributes:", "Warns:")
