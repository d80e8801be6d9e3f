"""Joins modules of JavaScript into one script: what is opened from disk can import nothing."""

import re
from pathlib import Path
from typing import Final

from deepbelief.errors import DeepBeliefError

_IMPORT: Final = re.compile(r'^import \{([\w\s,$]*)\} from "(\.{1,2}/[\w./-]+\.js)";\n', re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?(?:function|const|let|class)\b)", re.MULTILINE)
_LEFT: Final = re.compile(r"^(?:import|export)\b.*$", re.MULTILINE)
_DEFINED: Final = re.compile(r"^(?:async )?(?:function\*?|const|let|class) (\w+|\[.*?\]|\{.*?\})", re.MULTILINE)
_EXPORTED: Final = re.compile(r"^export (?:async )?(?:function\*?|const|let|class) (\w+)", re.MULTILINE)


def joined(entry: Path, folder: Path) -> str:
    """A module and all that it imports as one classic script, each module after those that it imports.

    What they define at the top shares one scope, so no two names may be alike. Only what our own modules need is
    understood: `import {a, b} from "./file.js"`, and `export` before a function, class or constant.

    Raises:
        DeepBeliefError: a module imports or exports in another way, or what is not there, or two define one name.
    """
    sources: dict[Path, str] = {}
    _collect(entry.resolve(), sources, ())
    owners: dict[str, str] = {}
    parts = []
    for path, source in sources.items():
        name = path.relative_to(folder.resolve()).as_posix()
        for defined in _DEFINED.findall(_EXPORT.sub("", source)):
            for one in re.findall(r"\w+", defined):
                if one in owners:
                    raise DeepBeliefError(f"{name} and {owners[one]} both define {one}: give one another name.")
                owners[one] = name
        parts.append(f"// {name}\n{_EXPORT.sub('', _IMPORT.sub('', source))}")
    script = '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
    if "</script" in script.lower() or "<!--" in script:
        raise DeepBeliefError(f"{entry.name} holds what would end a script in a page: write it in two parts.")
    return script


def _collect(path: Path, sources: dict[Path, str], importing: tuple[Path, ...]) -> None:
    """Add a module after those that it imports."""
    if path in importing:
        raise DeepBeliefError(f"{path.name} imports itself, by way of {importing[-1].name}: let one not import.")
    if path in sources:
        return
    source = path.read_text("utf-8").replace("\r\n", "\n")
    for names, place in _IMPORT.findall(source):
        other = (path.parent / place).resolve()
        if not other.is_file():
            raise DeepBeliefError(f"{path.name} imports {place}, which is not there: mend its name.")
        _collect(other, sources, (*importing, path))
        missing = {name.strip() for name in names.split(",")} - {"", *_EXPORTED.findall(sources[other])}
        if missing:
            raise DeepBeliefError(f"{path.name} imports {min(missing)} from {place}, which does not export it.")
    if left := _LEFT.search(_EXPORT.sub("", _IMPORT.sub("", source))):
        raise DeepBeliefError(f"{path.name} has the line {left[0]!r}, which cannot be joined: write it as others do.")
    sources[path] = source
