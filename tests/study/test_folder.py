"""A study's folder: who may work in it, what a killed process left there, and what a damaged file says."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from deepbelief.data import Dataset, load_dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.study import execution
from deepbelief.study.context import Context, Findings
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.records import read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.system import lock
from deepbelief.system.atomic import temporary_name

RAN: list[str] = []


def first(context: Context) -> Findings:
    """A stage that is done at once."""
    RAN.append("first")
    return Findings(
        metrics={"accuracy/ffnn": 0.5}, facts={"seed": context.seed}, arrays={"x": np.arange(6.0).reshape(2, 3)}
    )


def second(context: Context) -> Findings:
    """Another one."""
    RAN.append("second")
    return Findings(metrics={"loss/ffnn@1": 0.25})


@pytest.fixture(autouse=True)
def quick_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution, "stages_of", lambda recipe, dataset: {"first": first, "second": second})
    RAN.clear()


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load_dataset("digits")


Make = Callable[..., Study]


@pytest.fixture
def study(digits: Dataset, tiny: str) -> Make:
    def make(folder: Path, seeds: tuple[int, ...] = (0,), name: str = "tiny", text: str = tiny) -> Study:
        return Study(name, parse_recipe(text, "tiny.toml"), digits, folder, seeds)

    return make


def test_two_at_once_in_one_folder_are_refused(tmp_path: Path, study: Make) -> None:
    with (
        FileLock(tmp_path / "run" / ".lock"),
        pytest.raises(DeepBeliefError, match=r"another study is at work in .*run"),
    ):
        study(tmp_path / "run").run()
    assert not RAN
    study(tmp_path / "run").run()  # the lock's file alone is no study
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(DeepBeliefError, match="another study is at work"):
        study(tmp_path / "run").run()


def test_the_folder_is_claimed_under_the_lock(
    tmp_path: Path, study: Make, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that begin at once the later one sees what the earlier one has claimed."""
    other = study(tmp_path / "run", text=tiny.replace("[16]", "[17]"))

    class Late(filelock.FileLock):  # type: ignore[misc]
        def acquire(self, *options: Any, **more: Any) -> Any:
            monkeypatch.undo()
            monkeypatch.setattr(execution, "stages_of", lambda recipe, dataset: {"first": first})
            other.run()
            return super().acquire(*options, **more)

    monkeypatch.setattr(lock, "FileLock", Late)
    with pytest.raises(SettingsError, match=r"other settings \(baseline.hidden is \[17\] there and \[16\] here\)"):
        study(tmp_path / "run").run()
    assert read_results(tmp_path / "run").settings["baseline"]["hidden"] == [17]


def test_what_a_killed_process_left_is_no_study_and_goes(tmp_path: Path, study: Make) -> None:
    folder = tmp_path / "run"
    (folder / "seed-0" / "models").mkdir(parents=True)
    study(tmp_path / "other").run()
    left = [folder / temporary_name("study.json"), folder / temporary_name("results.json")]
    for path in left:
        path.write_text("half")
        os.utime(path, (1e9, 1e9))
    with pytest.raises(SettingsError, match="is not empty and holds no study"):
        study(folder).run()  # a folder of another kind is there
    assert all(path.exists() for path in left)
    (folder / "seed-0" / "models").rmdir()
    (folder / "seed-0").rmdir()
    study(folder).run()
    assert not any(path.exists() for path in left)
    inside = folder / "seed-0" / "stages" / temporary_name("first.json")
    inside.write_text("half")
    os.utime(inside, (1e9, 1e9))
    study(folder).run()
    assert not inside.exists()


def test_a_checkpoint_left_after_its_stage_goes(tmp_path: Path, study: Make) -> None:
    study(tmp_path / "run").run()
    left = tmp_path / "run" / "seed-0" / "checkpoints"
    left.mkdir()
    (left / "labels.safetensors").write_bytes(b"the process was killed when the record was there")
    study(tmp_path / "run").run()
    assert not left.exists()


def test_a_refused_folder_is_left_as_it_was(tmp_path: Path, study: Make) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(SettingsError, match="is not empty and holds no study"):
        study(tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(SettingsError, match=r"thesis.tex is a file: give the name of a folder"):
        study(tmp_path / "thesis.tex").run()
    with pytest.raises(DeepBeliefError, match=r"run can hold no study \(Not a directory\): give another folder"):
        study(tmp_path / "thesis.tex" / "run").run()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), r"can hold no study \(Permission denied\)"),
        (OSError(errno.EROFS, "Read-only file system"), r"can hold no study \(Read-only file system\)"),
        (NotImplementedError("no flock here"), r"can hold no study \(no flock here\)"),
    ],
)
def test_a_folder_that_cannot_be_locked(
    tmp_path: Path, study: Make, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(filelock.FileLock, "_acquire", refuse)
    with pytest.raises(DeepBeliefError, match=message):
        study(tmp_path / "run").run()
    assert not RAN


def test_seeds_are_whole_numbers_once_each(tmp_path: Path, study: Make, tiny: str) -> None:
    alone = tiny.replace("validation = 200", "validation = 0").replace("patience = 2", "patience = 0")
    for seeds in ((0, 0), (-1,), (2**32,)):
        with pytest.raises(SettingsError, match="whole numbers from 0 to 4294967295, each given once"):
            study(tmp_path / "run", seeds, text=alone).run()
    assert not (tmp_path / "run").exists()


def test_a_recipe_may_be_called_anything(tmp_path: Path, study: Make) -> None:
    study(tmp_path / "run", name="st\udce9phane [x]").run()  # a file's name in Latin-1
    assert read_results(tmp_path / "run").recipe == "st?phane [x]"


def refused(make: Make, folder: Path) -> str:
    """The sentence with which a study of two seeds is refused, before any stage is run."""
    RAN.clear()
    with pytest.raises(DeepBeliefError) as raised:
        make(folder, (0, 1)).run()
    assert not RAN
    assert "\n" not in str(raised.value)
    return str(raised.value)


NESTED = b"[" * 100_000
DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "nested": lambda content: NESTED,
    "a list": lambda content: b"[1, 2]",
    "nothing": lambda content: b"null",
    "no text": lambda content: b"\xff\xfe" + content,
    "nothing in it": lambda content: b"{}",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_json_file_is_one_sentence(tmp_path: Path, study: Make, damage: str) -> None:
    folder = tmp_path / "run"
    study(folder, (0, 1)).run()
    left_to_do = folder / "seed-0" / "stages" / "first.json"
    done = left_to_do.read_bytes()
    left_to_do.unlink()
    for path in (folder / "study.json", folder / "seed-1" / "stages" / "second.json"):
        whole = path.read_bytes()
        path.write_bytes(DAMAGES[damage](whole))
        assert refused(study, folder).startswith(f"{path} is damaged or from another version of deepbelief (")
        path.write_bytes(whole)
    left_to_do.write_bytes(done)
    path = folder / "results.json"
    whole = path.read_bytes()
    path.write_bytes(DAMAGES[damage](whole))
    with pytest.raises(DeepBeliefError, match=r"results\.json is damaged .*: run the study again"):
        read_results(folder)
    study(folder, (0, 1)).run()
    assert path.read_bytes() == whole


def test_the_sentence_about_a_stage_mends_it(tmp_path: Path, study: Make) -> None:
    folder = tmp_path / "run"
    before = study(folder, (0, 1)).run()
    stages = folder / "seed-1" / "stages"
    for change in (lambda: (stages / "first.safetensors").write_bytes(b"torn"), (stages / "first.safetensors").unlink):
        change()
        message = refused(study, folder)
        assert "the arrays of stage first" in message
        assert message.endswith(
            f"delete {stages / 'first.json'} and run the study again, which does that stage anew and keeps all others."
        )
        (stages / "first.json").unlink()
        again = study(folder, (0, 1)).run()
        assert RAN == ["first"]
        assert again.metrics["accuracy/ffnn"] == before.metrics["accuracy/ffnn"]


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"stage": "../../evil"}, "stage"),
        ({"stage": "second"}, "is the record of the stage second"),
        ({"seconds": "x"}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"metrics": {"../x": 1.0}}, "metrics"),
        ({"metrics": {"a": "x"}}, "metrics"),
        ({"facts": [1]}, "facts"),
        ({"more": 1}, "more"),
    ],
)
def test_a_stage_record_of_another_kind_is_refused(
    tmp_path: Path, study: Make, change: dict[str, Any], where: str
) -> None:
    study(tmp_path / "run", (0, 1)).run()
    path = tmp_path / "run" / "seed-0" / "stages" / "first.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert where in refused(study, tmp_path / "run")


@pytest.mark.parametrize("change", [{"precision": "fp8"}, {"data": 3}, {"settings": []}, {"device": None}, {"more": 1}])
def test_a_study_record_of_another_kind_is_refused(tmp_path: Path, study: Make, change: dict[str, Any]) -> None:
    study(tmp_path / "run", (0, 1)).run()
    path = tmp_path / "run" / "study.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    assert f"{path} is damaged" in refused(study, tmp_path / "run")


def test_results_name_no_file_outside_of_the_run(tmp_path: Path, study: Make) -> None:
    study(tmp_path / "run").run()
    path = tmp_path / "run" / "results.json"
    whole = json.loads(path.read_text())

    @given(
        st.text().filter(
            lambda text: not all(one.isascii() and (one.isalnum() or one == "_") for one in text) or not text
        )
    )
    def check(name: str) -> None:
        for field in ("contestants", "stages"):
            path.write_text(json.dumps({**whole, field: [name]}))
            with pytest.raises(DeepBeliefError, match=r"results\.json is damaged"):
                read_results(tmp_path / "run")

    check()
    for seeds in ([-1], ["../x"], [10**400], [0.5]):
        path.write_text(json.dumps({**whole, "seeds": seeds}))
        with pytest.raises(DeepBeliefError, match=r"results\.json is damaged"):
            read_results(tmp_path / "run")


def test_arrays_of_any_type_come_back_or_are_refused(tmp_path: Path, study: Make) -> None:
    study(tmp_path / "run").run()
    stages = tmp_path / "run" / "seed-0" / "stages"
    path = stages / "first.safetensors"
    whole = path.read_bytes()
    for code in (b"BF16", b"F16 ", b"I8  ", b"F8_E4M3", b"Q99"):
        path.write_bytes(whole.replace(b'"F64"', b'"' + code.strip() + b'"', 1))
        with pytest.raises(DeepBeliefError, match="arrays of stage first"):
            read_stage(stages, "first")
    save_file({**load_file(stages / "second.safetensors"), "x": np.full(3, np.nan)}, path)
    read_stage(stages, "first")  # NaN is what a measurement may give
