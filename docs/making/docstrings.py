"""Docstrings are plain text in which a name stands in backticks: this makes reStructuredText of them, with links."""

import inspect
import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import stringify_annotation

from deepbelief.arrays import TensorLike
from deepbelief.data import LabelledLike, Rows, SourceLike

# How Sphinx would write out a type that has a name of its own -> that name.
ALIASES = {
    stringify_annotation(one, "smart"): name
    for name, one in (
        ("LabelledLike", LabelledLike),
        ("SourceLike", SourceLike),
        ("Rows", Rows),
        ("TensorLike", TensorLike),
    )
}
SPECIAL = re.compile(r"([*|\\])|(\w)_(?!\w)")


def escaped(line: str) -> str:
    """A line of prose, in which only what stands in backticks has a meaning.

    >>> escaped("E_v(v) - |v|, `E_v`, h_")
    'E_v(v) - \\\\|v\\\\|, `E_v`, h\\\\_'
    """
    parts = re.split(r"(``.+?``|`[^`]+`)", line)
    parts[::2] = [
        SPECIAL.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\_", one) for one in parts[::2]
    ]
    # A backtick right beside a letter, as in `RBM`s, has to be told apart from the letter.
    return (
        re.sub(r"(?<=`)(?=\w)", r"\\ ", "".join(parts))
        if len(parts) == 3 and parts[2][:1].isalnum()
        else "".join(parts)
    )


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


def _process(app: Sphinx, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
    if inspect.isclass(of) and issubclass(of, tuple | dict):
        lines[:] = lines or [""]
    lines[:] = as_restructured_text(lines)


def _signature(
    app: Sphinx, what: str, name: str, of: Any, options: Any, arguments: str | None, returned: str | None
) -> tuple[str, str | None]:
    """Arguments with the short names of types; settings have a page of their own, with their defaults and limits."""
    if arguments and what == "class" and (hasattr(of, "__pydantic_fields__") or len(arguments or "") > 3000):
        return "", None
    if arguments is None:
        return None
    for written, short in ALIASES.items():
        arguments = arguments.replace(written, short)
    return arguments, returned


def _bases(app: Sphinx, name: str, of: Any, options: Any, bases: list[Any]) -> None:
    """That a class is an object says nothing."""
    bases[:] = [base for base in bases if base is not object]


def _resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Find a short name, such as `RBM` or `RBM.energy`, wherever the reference describes it."""
    if node.get("refdomain") != "py":
        return None
    domain = env.get_domain("py")
    assert isinstance(domain, PythonDomain)
    target = str(node["reftarget"]).removesuffix("()")
    found = [name for name in domain.objects if name.endswith(f".{target}") and name.startswith("deepbelief.")]
    if len(found) != 1:
        return None
    entry = domain.objects[found[0]]
    address = app.builder.get_relative_uri(node["refdoc"], entry.docname) + f"#{entry.node_id}"
    return nodes.reference("", "", shown, internal=True, refuri=address, reftitle=found[0])


def setup(app: Sphinx) -> None:
    """Read docstrings before Napoleon does."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-process-bases", _bases)
    app.connect("missing-reference", _resolve)
