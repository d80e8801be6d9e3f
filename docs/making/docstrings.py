"""What Sphinx is told of docstrings: their text, shorter signatures, and where a name in backticks leads."""

from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.domains.python import PythonDomain
from sphinx.environment import BuildEnvironment
from sphinx.util.typing import stringify_annotation

from deepbelief.arrays import TensorLike
from deepbelief.data import LabelledLike, Rows, SourceLike
from making.plain_text import as_restructured_text

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


def _process(app: Sphinx, what: str, name: str, of: Any, options: Any, lines: list[str]) -> None:
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
