"""Modules of JavaScript joined into one script, or refused."""

import subprocess
from pathlib import Path

import pytest

from deepbelief.errors import DeepBeliefError
from deepbelief.explorer.modules import joined
from deepbelief.explorer.page import STATIC


def write(folder: Path, **sources: str) -> Path:
    for name, source in sources.items():
        (folder / f"{name}.js").write_text(source, encoding="utf-8")
    return folder / "main.js"


def test_modules_stand_after_those_that_they_import_each_once(tmp_path: Path, node: str) -> None:
    entry = write(
        tmp_path,
        main='import { twice } from "./twice.js";\nimport {\n  ONE,\n} from "./one.js";\n\nconsole.log(twice(ONE));\n',
        twice='import { ONE } from "./one.js";\n\nexport function twice(x) {\n  return (x + x) * ONE;\n}\n',
        one="export const ONE = 1;\n",
    )
    script = joined(entry, tmp_path)
    assert script.index("// one.js") < script.index("// twice.js") < script.index("// main.js")
    assert script.count("ONE = 1") == 1
    done = subprocess.run([node, "-"], input=script, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("2\n", "")


def test_what_joined_modules_define_is_no_ones_else(tmp_path: Path, node: str) -> None:
    script = joined(write(tmp_path, main="export const inside = 1;\n"), tmp_path)
    done = subprocess.run([node, "-p", f"{script}; typeof inside"], capture_output=True, text=True)
    assert done.stdout == "undefined\n"


A = 'import { a } from "./a.js";\n'
REFUSED = [
    ({"main": 'import { a as b } from "./a.js";\n', "a": "export const a = 1;\n"}, "imports a as b from ./a.js, which"),
    ({"main": 'import a from "./a.js";\n', "a": ""}, "main.js has the line 'import a from"),
    ({"main": 'import * as a from "./a.js";\n', "a": ""}, "cannot be joined"),
    ({"main": 'import "node:fs";\n'}, "cannot be joined"),
    ({"main": "export default 1;\n"}, "main.js has the line 'export default 1;', which cannot be joined"),
    ({"main": "const a = 1;\nexport { a };\n"}, "cannot be joined"),
    ({"main": A}, "main.js imports ./a.js, which is not there"),
    ({"main": A, "a": "const a = 1;\n"}, "imports a from ./a.js, which does not export it"),
    ({"main": A + "const b = 1;\n", "a": "export const a = 1;\nlet b;\n"}, "main.js and a.js both define b"),
    ({"main": A, "a": 'import { b } from "./main.js";\nexport const a = 1;\n'}, "main.js imports itself"),
    ({"main": "const a = '</script>';\n"}, "main.js holds what would end a script"),
    ({"main": "const a = '<!--';\n"}, "main.js holds what would end a script"),
]


@pytest.mark.parametrize(("sources", "fault"), REFUSED)
def test_what_is_not_understood_is_refused(tmp_path: Path, sources: dict[str, str], fault: str) -> None:
    with pytest.raises(DeepBeliefError) as told:
        joined(write(tmp_path, **sources), tmp_path)
    assert fault in str(told.value)


@pytest.mark.parametrize("entry", ["worker.js", "page/main.js"])
def test_our_own_scripts_are_joined_and_are_no_modules_any_more(entry: str, node: str, tmp_path: Path) -> None:
    script = tmp_path / "joined.cjs"
    script.write_text(joined(STATIC / entry, STATIC), encoding="utf-8")
    done = subprocess.run([node, "--check", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
