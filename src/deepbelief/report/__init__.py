"""Records of a study -> pictures -> one self-contained HTML page.

`build_report` is loaded when it is first used: pictures need matplotlib, tables on the terminal do not.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={"page": ["build_report"]})
