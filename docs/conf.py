"""How Sphinx makes the site; `docs/make.py` calls it."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

import deepbelief

sys.path.insert(0, str(Path(__file__).parent))
from making import docstrings, formulas

project = "deepbelief"
author = copyright = "deepbelief contributors"
version = release = deepbelief.__version__
root_doc = "index"

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]  # formulas on lines of their own, in the way that GitHub shows them, too
myst_heading_anchors = 4
default_role = "py:obj"  # a name in one backtick in a docstring is a link, where there is such a name
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_maximum_signature_line_length = 90
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"deepbelief {release}"
html_copy_source = False
html_show_sphinx = False
html_static_path = [str(Path(__file__).parent / "making" / "static")]
html_css_files = ["site.css"]
html_theme_options = {"top_of_page_buttons": []}


def setup(app: Sphinx) -> None:
    """What this project adds to Sphinx: its docstrings' plain text, and formulas without a script from elsewhere."""
    docstrings.setup(app)
    formulas.setup(app)
