"""The benchmark scripts run, on work that is small."""

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console
from typer.testing import CliRunner

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

import by_class  # noqa: E402 (a script's neighbour)
import contenders  # noqa: E402
import from_disk  # noqa: E402
import interval_coverage  # noqa: E402
import labels  # noqa: E402
import likelihood  # noqa: E402
import precision  # noqa: E402
import readme  # noqa: E402
import scaling  # noqa: E402
import search  # noqa: E402
import speed  # noqa: E402
import study_from_disk  # noqa: E402
import trajectory  # noqa: E402

from deepbelief import HybridSettings, LabelledDBN, Random, RBMSettings, UpDownSettings  # noqa: E402
from deepbelief.data import load_dataset  # noqa: E402
from deepbelief.likelihood import AISSettings  # noqa: E402
from deepbelief.study.recipe import GenerationSection, load_recipe  # noqa: E402
from deepbelief.system.precision import BF16  # noqa: E402


@pytest.mark.parametrize("persistent", [False, True])
@pytest.mark.parametrize(
    "name", ["deepbelief", "deepbelief bf16", "products", "products oneDNN", "textbook", "scikit-learn"]
)
def test_contenders_work(name: str, persistent: bool) -> None:
    work = contenders.CONTENDERS[name](contenders.Task(20, 5, batch=8, steps=2, persistent=persistent, images=32))
    work()
    work()


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("name", ["learnergy", "rbms"])
def test_other_libraries_work_where_they_are(name: str) -> None:
    pytest.importorskip(name)
    contenders.CONTENDERS[name](contenders.Task(20, 5, batch=8, images=32))()


def test_turns_are_taken_and_ratios_are_to_the_floor_and_to_us() -> None:
    task = contenders.Task(20, 5, batch=8, images=32)
    found = speed.compare("small", task, ["deepbelief", "products"], 3, Console(quiet=True))["contenders"]
    assert found["products"]["over_products"] == found["deepbelief"]["over_deepbelief"] == 1
    assert found["deepbelief"]["over_products"] == pytest.approx(1 / found["products"]["over_deepbelief"])
    assert len(found["deepbelief"]["rounds"]) == 3
    assert found["deepbelief"]["peak_bytes"] > 2**20


def test_a_contender_that_cannot_start_says_how_to_see_why() -> None:
    with pytest.raises(SystemExit, match="did not start"):
        speed.Contender("deepbelief", contenders.Task(0, 5, batch=8, images=32))


def test_growth_is_measured_and_drawn(tmp_path: Path) -> None:
    point = scaling.measure(200, 10, 2)
    assert point["seconds"] > 0
    scaling.draw({by: [point, {**point, by: 400}] for by in ("images", "hidden", "steps")}, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_precisions_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "HELD_OUT", 200)
    found = precision.learn(load_dataset("digits"), BF16, seed=0, images=500, hidden=10, epochs=2)
    assert all(math.isfinite(value) for value in found.values())
    assert 0.5 < found["read-out's test accuracy"] <= 1


def test_images_of_a_class_are_judged_beside_test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    digits = load_dataset("digits")
    judge = by_class.Judge(digits.train, 10, epochs=15)
    labels = digits.test.required_labels()
    images = digits.test.batch(slice(None))
    assert (judge(images) == labels).double().mean() > 0.85
    beside = by_class.seen(judge(images), images, labels, 10)
    settings = GenerationSection(steps=4, candidates=2)
    model = LabelledDBN.from_sizes([64, 8, 6], 10, Random(0))
    run: Any = SimpleNamespace(labelled=model, recipe=SimpleNamespace(generation=settings), seed=3)
    untrained = by_class.judged(judge, run, beside, each=20)
    assert untrained["seed"] == 3
    assert sum(untrained["taken"]) < 3  # about 1: each image is taken for some class
    assert max(untrained["spread"]) < 0.7
    real = digits.test.subset(torch.cat([(labels == number).nonzero()[:20, 0] for number in range(10)]))
    monkeypatch.setattr(by_class, "images_of_each_class", lambda *_: real.batch(slice(None)).view(10, 20, -1))
    found = by_class.judged(judge, run, beside, each=20)
    assert found["taken"] == pytest.approx([1.0] * 10, abs=0.3)
    assert found["spread"] == pytest.approx([1.0] * 10, abs=0.15)
    record = {"data": "digits", "classes": list("abcdefghij"), "each": 20, "judge": 0.9, "recipes": {"some": [found]}}
    row = readme.by_class_table(record).rows[0]
    assert row[:2] == ("some", "1")
    assert row[3] == f"{min(found['taken']):.2f}"
    assert row[4] == "abcdefghij"[found["taken"].index(min(found["taken"]))]


def test_a_small_rbm_is_measured_three_ways() -> None:
    digits = load_dataset("digits")
    blank = likelihood.DBN.from_sizes([64, 1], likelihood.Random(0))
    training, test = likelihood.binary(digits.train, blank, 0), likelihood.binary(digits.test, blank, 1)
    dbn, _ = likelihood.learn(training, 5, 2, seed=0)
    found = likelihood.measure(dbn, training, test, 0, AISSettings.of(200, 50), 50)
    assert found["lower"] < found["exact"] + 0.5
    assert found["upper"] == pytest.approx(found["exact"], abs=0.2)
    table = readme.likelihood_table({"models": [found], "items": 50, "data": "digits"})
    assert table.rows[0][0] == "64-5, seed 0"
    json.dumps(found)


def test_log_z_along_a_training_is_measured_and_tabulated() -> None:
    digits = load_dataset("digits")
    settings = trajectory.settings_of(epochs=2, learning_rate=0.5, chains=100, batch_size=50)
    found = [
        trajectory.measure(digits.train, digits.test, hidden, settings, AISSettings.of(200, 50), 0)
        for hidden in (5, 21)
    ]
    assert found[0]["log_z"] == pytest.approx(found[0]["log_z_exact"], abs=0.15)
    assert found[1]["log_z_exact"] is None
    assert len(found[0]["course"]) == 2
    table = readme.trajectory_table({"models": found, "data": "digits"})
    assert [row[0] for row in table.rows] == ["digits, 64-5", "digits, 64-21"]
    json.dumps(found)


def test_labels_are_learnt_and_tabulated() -> None:
    dataset = load_dataset("digits")
    training, held_out = dataset.split(200, 0)
    parts, quiet = (training, held_out, dataset.test), Console(quiet=True)
    hybrid = labels.learn_hybrid(*parts, 40, HybridSettings(epochs=6, learning_rate=0.02, patience=0), 0, quiet)
    some = RBMSettings(epochs=15, batch_size=20)
    settings = UpDownSettings(epochs=8, batch_size=20, learning_rate=0.02)
    updown = labels.learn_updown(*parts, [30, 40], [some, some], settings, 0, quiet)
    assert max(hybrid["test error"], updown["test error"]) < 30
    assert len(hybrid["epochs"]) == 6
    for name, run in (("hybrid RBM", hybrid), ("up-down", updown)):
        table = readme.labels_table({"name": name, "settings": {"images": len(training), "epochs": 8}, "runs": [run]})
        assert f"{run['test error']:.2f}" in table.rows[0]


@pytest.mark.parametrize(
    ("option", "file", "title"),
    [
        ([], "updown.json", "up-down with a hybrid top RBM, MNIST"),
        (["--discriminative-weight", "0"], "updown-published.json", "up-down as published, MNIST"),
    ],
)
def test_the_published_up_down_has_a_record_of_its_own(
    option: list[str], file: str, title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "HERE", tmp_path)
    monkeypatch.setattr(labels, "load_dataset", lambda name, data: load_dataset("digits"))
    small = ["--sizes", "6,8", "--pretraining-epochs", "1", "--top-epochs", "1", "--epochs", "1", "--images", "200"]
    done = CliRunner().invoke(labels.app, ["updown", *small, *option], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = json.loads((tmp_path / "results" / file).read_text())
    assert readme.labels_table(record).title.startswith(title)


def test_a_finetuned_dbn_has_a_record_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "load_dataset", lambda name, data: load_dataset("digits"))
    out = tmp_path / "finetuned.json"
    small = [
        "--sizes",
        "40,60",
        "--pretraining-epochs",
        "2",
        "--epochs",
        "30",
        "--learning-rate",
        "0.01",
        "--held-out",
        "200",
    ]
    drops = ["--dropout", "0.2", "--input-dropout", "0.1", "--precision", "fp32", "--out", str(out)]
    done = CliRunner().invoke(labels.app, ["finetuned", *small, *drops], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    record = json.loads(out.read_text())
    assert record["runs"][0]["test error"] < 20
    assert len(record["runs"][0]["epochs"]) == 30
    assert readme.labels_table(record).title.startswith("DBN fine-tuned with dropout, MNIST")


def test_simulated_observers_are_counted() -> None:
    design = next(one for one in interval_coverage.DESIGNS if one.overdispersion and one.repetitions > 1)
    found = interval_coverage.measure(design, 10, seed=0)
    assert found["held"]["threshold"]["share"] > 0.6
    assert found["held"]["threshold"]["low"] < found["held"]["threshold"]["share"]
    assert 0 < found["median_relative_length"] < 0.2
    json.dumps(found)
    assert len({one.name for one in interval_coverage.DESIGNS}) == len(interval_coverage.DESIGNS)
    for one in interval_coverage.DESIGNS:
        random = interval_coverage.np.random.default_rng(0)
        levels, right = interval_coverage.answers(interval_coverage.observer(one, random), one, random)
        assert right.shape == (one.repetitions, len(levels))
        assert right.max() <= one.trials
        assert one.keeps_assumptions or one in interval_coverage.DESIGNS[-3:]


def test_candidates_are_measured_on_images_held_out_and_once(tmp_path: Path) -> None:
    candidates, out = tmp_path / "candidates.toml", tmp_path / "search.json"
    dbn = """
[[dbn]]
name = "small"
hidden = [30, 20]
pretraining = { epochs = [6, 4], batch_size = 10, learning_rate = 0.1, visible_samples = false }
"""
    networks = """
[[network]]
name = "rival"
hidden = [20]
units = "relu"
training = { epochs = 5, batch_size = 20, learning_rate = 0.01, dropout = [0.0], patience = 0 }

[[network]]
name = "fine-tuned"
dbn = "small"
training = { epochs = 5, batch_size = 20, learning_rate = 0.01, dropout = 0.0, patience = 0 }

[[network]]
name = "head"
features_of = "small"
hidden = [20]
units = "relu"
training = { epochs = 8, batch_size = 20, learning_rate = 0.01, dropout = 0.0, patience = 0 }
"""

    def run() -> list[dict[str, Any]]:
        search.main(tmp_path, None, candidates, out, "digits", 300, "fp32")
        found: list[dict[str, Any]] = json.loads(out.read_text())["candidates"]
        return found

    candidates.write_text(dbn)
    first = run()
    candidates.write_text(dbn + networks)
    found = run()
    assert found[:1] == first  # with its seconds: it was not trained again
    assert [one["candidate"]["name"] for one in found] == ["small", "rival", "fine-tuned", "head"]
    assert set(found[0]["accuracies"]) == {"layer 1", "layer 2", "all layers", "robust"}
    for one in found:
        for name, accuracies in one["accuracies"].items():
            assert accuracies[0] > 0.8 > accuracies[-1], (one, name)
    dbns, networks = readme.search_tables(json.loads(out.read_text()))
    assert dbns.header[1:5] == ("layer 1", "layer 2", "all layers", "robust")
    assert len(dbns.rows[0]) == len(dbns.header)
    assert [row[:4] for row in networks.rows] == [
        ("rival", "0.01", "0", "5"),
        ("fine-tuned", "0.01", "0", "5"),
        ("head", "0.01", "0", "8"),
    ]
    training, held_out = load_dataset("digits").split(300, 0)
    again = search.Search(load_dataset("digits"), tmp_path, 300, torch.float32)
    assert torch.equal(again.held_out.labels, held_out.labels) and len(again.training) == len(training)


def test_the_command_of_labels_says_what_it_does() -> None:
    for command in ("hybrid", "updown", "finetuned"):
        done = CliRunner().invoke(labels.app, [command, "--help"])
        assert done.exit_code == 0
        assert any(year in done.output for year in ("2006", "2008", "2014"))


def test_kept_figures_say_on_what_they_were_measured() -> None:
    kept = list((ROOT / "benchmarks" / "results").glob("*.json"))
    assert len(kept) >= 2
    for path in kept:
        record = json.loads(path.read_text())
        assert "NaN" not in path.read_text()
        assert record["machine"]["processor"]
        assert record["machine"]["threads"] <= record["machine"]["cores"]


def test_random_pixels_stand_in_for_images_that_are_not_there() -> None:
    assert contenders.pixels(contenders.Task(20, 5, batch=8, images=32)).dtype == torch.uint8


def test_learning_from_a_disk_is_measured(tmp_path: Path) -> None:
    from_disk.main(rows=300, rounds=1, folder=tmp_path, out=tmp_path / "found.json")
    found = json.loads((tmp_path / "found.json").read_text())
    assert (found["bytes"], found["machine"]["threads"]) == (300 * 784, torch.get_num_threads())
    assert found["comparisons"]["disk"]["speed"] > 0
    assert len(found["comparisons"]["disk"]["contenders"]["memory"]["seconds"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]


@pytest.mark.filterwarnings("ignore:.*holds no pixel above")
def test_studies_from_a_disk_and_from_memory_are_of_the_same_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study_from_disk, "_SHARD", 250)
    assert study_from_disk.write_data(tmp_path, 600, load_dataset("digits")) == 600 * 64
    assert len(list((tmp_path / "shards" / "train_images").iterdir())) == 3
    prints = {load_dataset(tmp_path / name).fingerprint for name in ("shards", "whole.npz")}
    assert len(prints) == 1
    (tmp_path / "mine.toml").write_text(study_from_disk.recipe_for(tmp_path / "shards", 50))
    recipe = load_recipe(str(tmp_path / "mine.toml"))[1]
    assert (recipe.data.name, recipe.data.validation) == (str(tmp_path / "shards"), 50)
    assert {settings.epochs for settings in (*recipe.pretraining, recipe.finetuning)} == {1}
