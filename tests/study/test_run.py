"""A tiny study from end to end: metrics, seeds, skipping, refusal of foreign folders, and death at any moment."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from deepbelief.checkpoint import load_dbn
from deepbelief.data import load_dataset
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.models.feedforward import accuracy
from deepbelief.study.context import Context
from deepbelief.study.loading import load_run
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.records import read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.study.stages import STAGES
from deepbelief.system import precision
from deepbelief.system.compilation import Compiler
from tests.learning.recorded import Recorder

ASKED_FOR = [stage for stage in STAGES if stage not in ("mlp_head", "random_start")]


class Listener:
    """Remembers what a study tells."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.skipped: list[str] = []
        self.lines: list[str] = []

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        assert 1 <= number <= total == len(ASKED_FOR)
        self.ran.append(name)

    def step(self, done: int, total: int, line: str) -> None:
        assert 0 < done <= total
        self.lines.append(line)

    def finished(self, name: str, seconds: float, line: str) -> None:
        if line == "already there":
            self.skipped.append(name)


def study(text: str, folder: Path, seeds: tuple[int, ...] = (0,)) -> Study:
    return Study("tiny", parse_recipe(text, "tiny.toml"), load_dataset("digits"), folder, seeds)


def in_precision(text: str, name: str) -> str:
    """The recipe with another precision."""
    return re.sub('precision = "[a-z0-9]+"', f'precision = "{name}"', text)


def test_a_study_in_float64(tmp_path: Path, tiny: str) -> None:
    study(in_precision(tiny, "fp64"), tmp_path / "run").run()
    assert read_results(tmp_path / "run").machine["precision"] == "fp64"
    for name in ("dbn", "readout_1", "ffnn", "finetuned"):
        tensors = load_file(tmp_path / "run" / "seed-0" / "models" / f"{name}.safetensors")
        assert {array.dtype for array in tensors.values()} == {np.dtype(np.float64)}


def test_a_study_of_real_valued_visible_units(tmp_path: Path, tiny: str) -> None:
    text = tiny.replace("[dbn]", '[dbn]\nvisible = "gaussian"')
    metrics = study(text, tmp_path / "run").run().metrics
    assert metrics["accuracy/finetuned"].mean > 0.3
    assert np.isfinite(metrics["log_likelihood/upper"].mean)
    assert load_dbn(tmp_path / "run" / "seed-0" / "models" / "dbn.safetensors").standardisation is not None


def test_a_study_that_diverges_leaves_the_last_good_state(tmp_path: Path, tiny: str) -> None:
    text = tiny.replace("learning_rate = 0.2", "learning_rate = 1e30", 1)
    with pytest.raises(DeepBeliefError, match="layer 1 diverged at epoch"):
        study(text, tmp_path / "run").run()
    dbn = load_dbn(tmp_path / "run" / "seed-0" / "models" / "dbn.safetensors")
    assert all(torch.isfinite(parameter).all() for parameter in dbn.parameters())


def test_what_auto_chose_stays(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "seconds_per_product", lambda dtype, device: float(dtype == torch.float32) + 0.1)
    products, auto = [], in_precision(tiny, "auto")

    def noted(self: Context) -> torch.dtype:
        products.append(self.precision.products)
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setitem(STAGES, "readouts", noted)
        study(auto, tmp_path / "run").run()
    assert products == [torch.bfloat16]
    monkeypatch.setattr(precision, "seconds_per_product", lambda dtype, device: 1.0)  # bfloat16 is no faster now
    with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
        stopped.setitem(STAGES, "baseline", noted)
        study(auto, tmp_path / "run").run()
    assert products == [torch.bfloat16] * 2
    study(auto, tmp_path / "run").run()
    assert read_results(tmp_path / "run").machine["precision"] == "bf16"


def test_a_study_goes_on_compiled_or_not_as_it_began(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, uses = list[float](), list[bool]()

    def choose(name: str, device: torch.device, computed: float) -> Compiler | None:
        asked.append(computed)
        return Recorder() if name == "on" else None

    def noted(self: Context) -> None:
        uses.append(self.compiler is not None)
        raise KeyboardInterrupt

    monkeypatch.setattr("deepbelief.study.run.choose_compiler", choose)
    monkeypatch.setattr("deepbelief.study.execution.Compiler", Recorder)
    on = f'compile = "on"\n{tiny}'
    for stage in ("readouts", "baseline"):
        with monkeypatch.context() as stopped, pytest.raises(KeyboardInterrupt):
            stopped.setitem(STAGES, stage, noted)
            study(on, tmp_path / "run").run()
    assert uses == [True, True] and len(asked) == 1
    # Two layers, 3 and 2 epochs, of 64 + 20 and 20 + 12 units, CD-1 in batches of 10.
    images = len(load_dataset("digits").train)
    assert asked[0] == pytest.approx(images * (3 * 84 + 2 * 32))
    study(on, tmp_path / "run").run()
    assert read_results(tmp_path / "run").machine["compiled"] is True
    with pytest.raises(SettingsError, match="compile is 'on' there and 'auto' here"):
        study(tiny, tmp_path / "run").run()


def test_a_folder_from_before_a_setting_existed_is_continued(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = in_precision(tiny, "fp32")
    study(tiny, tmp_path / "run").run()
    path = tmp_path / "run" / "study.json"
    stored = json.loads(path.read_text())
    del stored["settings"]["precision"], stored["precision"]
    path.write_text(json.dumps(stored))
    listener = Listener()
    study(in_precision(tiny, "auto"), tmp_path / "run").run(listener)
    assert listener.skipped == ASKED_FOR
    assert read_results(tmp_path / "run").machine["precision"] == "fp32"  # as before, whatever is faster
    with pytest.raises(SettingsError, match=r"precision is 'fp32' there and 'fp64' here"):
        study(in_precision(tiny, "fp64"), tmp_path / "run").run()


@pytest.fixture(scope="module")
def text(tiny: str, each_precision: str) -> str:
    """The tiny recipe in each precision."""
    return in_precision(tiny, each_precision)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, text: str) -> Path:
    """The folder of a tiny study of two seeds."""
    folder = tmp_path_factory.mktemp("study") / "run"
    study(text, folder, (0, 1)).run()
    return folder


def test_a_finished_study_is_loaded_ready_to_use(finished: Path) -> None:
    run, test = load_run(finished), load_dataset("digits").test
    assert run.results == read_results(finished)
    assert (run.seed, run.recipe.dbn.hidden) == (0, (20, 12))
    for number, seed in enumerate((0, 1)):
        of_seed = load_run(str(finished), seed)
        for name, classifier in of_seed.classifiers.items():
            measured = of_seed.results.metrics[f"accuracy/{name}"].values[number]
            assert accuracy(classifier, test, test.required_labels()) == pytest.approx(measured, abs=2e-3), name
        assert of_seed.labelled.predict_log_proba(test.batch(slice(0, 3))).shape == (3, 10)
    assert not torch.equal(run.dbn.layer(1).weights, of_seed.dbn.layer(1).weights)


def test_what_is_no_finished_study_is_not_loaded(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(SettingsError, match="has no seed 7: give one of 0, 1"):
        load_run(finished, seed=7)
    with pytest.raises(DeepBeliefError, match="is this the folder of a finished run"):
        load_run(tmp_path)


def test_every_metric_of_every_contestant_is_there(finished: Path) -> None:
    results = read_results(finished)
    assert results.contestants == ["readout_1", "readout_2", "ffnn", "finetuned"]
    for name in results.contestants:
        for suffix in ("", "/gaussian@0.3", "/gaussian_clipped@0.3", "/uniform@0.1", "/fgsm@0.1"):
            assert 0 <= results.metrics[f"accuracy/{name}{suffix}"].mean <= 1
        clean = results.metrics[f"accuracy/{name}"].values
        for same in ("/gaussian@0", "/fgsm@0", "/uniform@0"):
            assert results.metrics[f"accuracy/{name}{same}"].values == clean
    for name in ("readout_1", "readout_2"):
        for steps in (1, 2):
            for kind in ("defended", "adaptive"):
                assert 0 <= results.metrics[f"accuracy/{name}/fgsm_{kind}_{steps}@0.1"].mean <= 1
            clean = results.metrics[f"accuracy/{name}/fgsm_defended_{steps}@0"].values
            assert clean == results.metrics[f"accuracy/{name}/fgsm_adaptive_{steps}@0"].values
    assert {"reconstruction_error/layer_1@1", "reconstruction_error/layer_1@3", "loss/readout_1@1"} <= set(
        results.metrics
    )
    assert results.metrics["memory/peak"].mean > 1e6
    times = [results.metrics[f"time/{stage}"].values[0] for stage in ASKED_FOR]
    assert results.metrics["time/total"].values[0] == pytest.approx(sum(times))


def test_it_learns_something(finished: Path) -> None:
    results = read_results(finished)
    for name in results.contestants:
        assert results.metrics[f"accuracy/{name}"].mean > 0.5, name


def test_seeds_are_independent_and_averaged(finished: Path) -> None:
    metric = read_results(finished).metrics["accuracy/ffnn"]
    assert metric.values[0] != metric.values[1]
    assert metric.ci95 is not None
    assert metric.ci95[0] < metric.mean < metric.ci95[1]


def test_a_finished_study_is_not_run_again(finished: Path, text: str) -> None:
    listener = Listener()
    before = (finished / "results.json").read_text()
    study(text, finished, (0, 1)).run(listener)
    assert listener.ran == []
    assert listener.skipped == [*ASKED_FOR, *ASKED_FOR]
    assert (finished / "results.json").read_text() == before


def test_the_same_seed_gives_the_same_weights_alone_or_among_others(finished: Path, tmp_path: Path, text: str) -> None:
    study(text, tmp_path / "alone", (1,)).run()
    assert_same_models(finished / "seed-1", tmp_path / "alone" / "seed-1")


def assert_same_models(one: Path, other: Path) -> None:
    names = sorted(path.name for path in (one / "models").iterdir())
    assert names == sorted(path.name for path in (other / "models").iterdir())
    for name in names:
        first, second = load_file(one / "models" / name), load_file(other / "models" / name)
        assert all(np.array_equal(first[key], second[key]) for key in first), name


def test_a_folder_with_other_settings_is_refused(finished: Path, text: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    with pytest.raises(SettingsError, match=r"other settings \(baseline.hidden is \[16\] there and \[17\] here\)"):
        study(text.replace("[16]", "[17]"), finished).run()
    assert before == {path: path.stat().st_mtime_ns for path in finished.rglob("*")}


def test_a_folder_with_something_else_is_refused(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(SettingsError, match="is not empty and holds no study"):
        study(tiny, tmp_path).run()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_recipe_that_its_data_refuse_claims_no_folder(tmp_path: Path, tiny: str) -> None:
    with pytest.raises(SettingsError, match=r"5000 of the .* training images of digits cannot be set aside"):
        study(tiny.replace("validation = 200", "validation = 5000"), tmp_path / "run").run()
    with pytest.raises(SettingsError, match="seed 4294967296 of the split is out of range"):
        study(tiny, tmp_path / "run", (0, 2**32)).run()
    assert not (tmp_path / "run").exists()
    study(tiny, tmp_path / "run")._claim_folder()


def test_nothing_stays_behind(finished: Path) -> None:
    assert_nothing_temporary(finished)
    left = {path.relative_to(finished / "seed-0").parts[0] for path in (finished / "seed-0").rglob("*")}
    assert left == {"stages", "models", "watch"}


def logged(run: Path) -> dict[str, str]:
    """The metrics of a study's trainings as they were written while they ran, by file."""
    folder = run / "seed-0" / "watch"
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("metrics.*")}


def test_every_training_is_logged_as_it_runs(finished: Path) -> None:
    files = logged(finished)
    trained = ["pretraining", "readout_1", "readout_2", "ffnn", "finetuned", "labels"]
    assert sorted(files) == sorted(f"{name}/metrics.{ending}" for name in trained for ending in ("csv", "jsonl"))
    _, arrays = read_stage(finished / "seed-0" / "stages", "pretraining")
    rows = [json.loads(line) for line in files["pretraining/metrics.jsonl"].splitlines()]
    assert [(row["layer"], row["epoch"]) for row in rows] == [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]
    for layer in (1, 2):
        for name in ("reconstruction_error", "free_energy_gap"):
            course = [row[name] for row in rows if row["layer"] == layer]
            assert course == arrays[f"layer_{layer}/{name}"].tolist()
    losses = [json.loads(line)["loss"] for line in files["ffnn/metrics.jsonl"].splitlines()]
    _, arrays = read_stage(finished / "seed-0" / "stages", "baseline")
    assert losses == arrays["loss"].tolist()


@pytest.mark.parametrize("training", ["greedy", "joint"])
def test_tensorboard_shows_a_study_and_changes_nothing(tmp_path: Path, tiny: str, training: str) -> None:
    quick = tiny.replace("steps = 150", "steps = 2").replace("epochs = [3, 2]", "epochs = 2\npersistent_chains = 5")
    text = quick.replace("[dbn]", f'[dbn]\ntraining = "{training}"')
    for name, shown in (("plain", False), ("shown", True)):
        recipe = parse_recipe(text, "tiny.toml")
        Study("tiny", recipe, load_dataset("digits"), tmp_path / name, tensorboard=shown).run()
    assert_same_models(tmp_path / "plain" / "seed-0", tmp_path / "shown" / "seed-0")
    assert logged(tmp_path / "plain") == logged(tmp_path / "shown")
    assert not list((tmp_path / "plain").rglob("events.*"))
    watched = tmp_path / "shown" / "seed-0" / "watch"
    for layer in (1, 2):
        events = EventAccumulator(str(watched / "pretraining" / f"layer_{layer}")).Reload()
        assert {f"chains/layer_{layer}", f"receptive_fields/layer_{layer}"} == {*events.Tags()["images"]}
        assert [one.step for one in events.Scalars("free_energy_gap")] == [1, 2]
    assert EventAccumulator(str(watched / "ffnn")).Reload().Scalars("score")


def assert_nothing_temporary(folder: Path) -> None:
    assert {path.name for path in folder.rglob(".*")} <= {".lock"}
    assert not list(folder.rglob("checkpoints"))


SCRIPT = """
import os
import signal
import sys
from pathlib import Path
from deepbelief.data import load_dataset
from deepbelief.learning import resumption
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.run import Study

resumption._SECONDS_BETWEEN_CHECKPOINTS = 0.0  # a checkpoint after each step
folder, moment = sys.argv[1:]

class Told:
    def stage(self, name, number, total, seed): self.tell(f"stage {name}")
    def step(self, done, total, line): self.tell(f"step {line}")
    def finished(self, name, seconds, line): self.tell(f"finished {name}")
    def tell(self, line):
        print(line, flush=True)
        if moment and line.startswith(moment):
            os.kill(os.getpid(), signal.SIGKILL)

Study("tiny", parse_recipe(sys.stdin.read(), "tiny"), load_dataset("digits"), Path(folder)).run(Told())
"""


def start(folder: Path, recipe: str, moment: str = "") -> subprocess.Popen[str]:
    """Start the study in a process of its own, which kills itself where it tells a line that begins with `moment`."""
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(folder), moment], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(recipe)
    process.stdin.close()
    return process


def ending(process: subprocess.Popen[str]) -> int:
    """The exit status of a process, once it has told all its lines."""
    assert process.stdout is not None
    with process.stdout as lines:
        for _ in lines:
            pass
    return process.wait()


@pytest.mark.timeout(600)
def test_killed_at_some_moments_it_ends_bit_for_bit_the_same(tmp_path: Path, tiny: str) -> None:
    assert ending(start(tmp_path / "whole", tiny)) == 0
    moments = [
        "step layer 1 epoch 3",
        "finished pretraining",
        "step readout_2 step 17",
        "step ffnn epoch 2",
        "step finetuned epoch 1",
        "finished encoding",
    ]
    for moment in moments:
        assert ending(start(tmp_path / "killed", tiny, moment)) == -signal.SIGKILL, moment
    assert ending(start(tmp_path / "killed", tiny)) == 0
    assert_same_models(tmp_path / "whole" / "seed-0", tmp_path / "killed" / "seed-0")
    for stage in ASKED_FOR:
        (one, arrays), (other, others) = (
            read_stage(tmp_path / name / "seed-0" / "stages", stage) for name in ("whole", "killed")
        )
        drop = {"memory/peak"}
        assert {k: v for k, v in one.metrics.items() if k not in drop} == {
            k: v for k, v in other.metrics.items() if k not in drop
        }
        assert one.facts == other.facts
        assert all(np.array_equal(arrays[name], others[name]) for name in arrays)
    assert logged(tmp_path / "whole") == logged(tmp_path / "killed")
    assert_nothing_temporary(tmp_path / "killed")


def test_killed_at_random_moments_every_file_is_whole(tmp_path: Path, tiny: str) -> None:
    """Whatever the moment, what lies in the folder can be read."""
    for seconds in (0.2, 0.5, 0.9):
        process = start(tmp_path / "run", tiny)
        assert process.stdout is not None
        process.stdout.readline()  # it has begun
        time.sleep(seconds)
        process.kill()
        ending(process)
        for path in (tmp_path / "run").rglob("*.json"):
            json.loads(path.read_text())
        for path in (tmp_path / "run").rglob("[!.]*.safetensors"):
            load_file(path)
        for path in (tmp_path / "run").rglob("metrics.jsonl"):
            *lines, end = path.read_text().split("\n")
            assert [*map(json.loads, lines)]
            assert not end
