"""Writes the page: a payload and our own files as one HTML file that is complete in itself."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from deepbelief.data import Dataset
from deepbelief.explorer.choice import WeightType, choose
from deepbelief.explorer.encoding import as_text
from deepbelief.explorer.modules import joined
from deepbelief.explorer.payload import Payload, make_payload
from deepbelief.explorer.sources import Found, find_run
from deepbelief.study.records import EXPLORER
from deepbelief.system.atomic import write_atomically

STATIC: Final = Path(__file__).parent / "static"


def write_page(found: Found, out: Path, weights: WeightType = "auto") -> Payload:
    """Write a page of what was found, all of it or nothing; returns what it carries."""
    payload = make_payload(found, choose(found, weights))
    write_atomically(out, assembled(payload).encode())
    return payload


def build_explorer(run: Path, dataset: Dataset | None = None) -> Path:
    """Write the page of a finished study, `run/explorer.html`, to which its report links; returns the page's path.

    Args:
        run: the study's folder.
        dataset: the study's data, if they are at hand; else they are loaded.

    Raises:
        DeepBeliefError: the folder is no finished study, or a file in it is damaged.
    """
    write_page(find_run(run, dataset=dataset), run / EXPLORER)
    return run / EXPLORER


def assembled(payload: Payload) -> str:
    """The page as text. A policy in it forbids every connection, and every script and style but its own."""
    style = (STATIC / "page.css").read_text("utf-8")
    script = joined(STATIC / "page" / "main.js", STATIC)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(STATIC), autoescape=True, undefined=jinja2.StrictUndefined
    )
    words = json.loads((STATIC / "words.json").read_text("utf-8"))
    return environment.get_template("template.html").render(
        title=payload.header["title"],
        policy=_policy(script, style),
        style=Markup(style),
        script=Markup(script),
        word=words,
        words=_json(words),
        payload=_json(payload.header),
        worker=_json(joined(STATIC / "worker.js", STATIC)),
        weights=Markup(as_text(payload.block)),
    )


def _policy(script: str, style: str) -> str:
    """No connection, no other page inside; workers and pictures that the page itself makes."""
    rules = {
        "default-src": "'none'",
        "script-src": _digest(script),
        "style-src": _digest(style),
        "worker-src": "blob:",
        "img-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(content: str) -> str:
    """By this a browser recognises the content of an element as ours."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _json(value: Any) -> Markup:
    """JSON for a script element: no name of a class or a file can end it."""
    text = json.dumps(value, separators=(",", ":"))  # ASCII alone
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
