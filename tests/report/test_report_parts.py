"""The parts of the report: tables, words, colours, labels that keep apart."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from deepbelief.report.charts import Chart, charts_height, draw_charts
from deepbelief.report.curves import Curve, fit_y, moved_apart
from deepbelief.report.maps import maps
from deepbelief.report.settings import as_toml
from deepbelief.report.sheet import grey, shorten
from deepbelief.report.style import class_look, contestant_looks, layer_look, luminance, render
from deepbelief.report.tables import defence_table, nearest_levels, published_tables, results_table
from deepbelief.report.text import contestant_name, duration, interval, listing, measured_on, memory, percent, times
from deepbelief.study.records import Metric, read_results

MakeRun = Callable[..., Path]


def test_results_table_has_a_row_per_contestant_and_a_column_per_perturbation(make_run: MakeRun) -> None:
    table = results_table(read_results(make_run()))
    attacks = ("FGSM 0.05", "FGSM 0.1", "FGSM 0.2", "PGD 0.05", "PGD 0.1")
    assert table.header == ("contestant", "clean", "noise 0.3", "noise 0.7", *attacks)
    assert table.title == "Accuracy on the test images, in per cent; bf16 on 2 cores (abacus <i>, AVX2)"
    readouts = ["read-out 1", "read-out 2", "robust read-out", "all layers"]
    others = ["MLP head", "random start"]
    assert [row[0] for row in table.rows] == [*readouts, *others, "feed-forward", "fine-tuned"]
    assert {len(row) for row in table.rows} == {9}


def test_results_table_stresses_the_best_of_each_column(make_run: MakeRun) -> None:
    table = results_table(read_results(make_run()))
    clean = [float(row[1]) for row in table.rows]
    assert (clean.index(max(clean)), 1) in table.strong
    assert {column for _, column in table.strong} == set(range(1, 9))


def test_results_table_puts_published_figures_beside_ours(make_run: MakeRun) -> None:
    results = read_results(make_run(published={"accuracy/ffnn": 0.7226, "accuracy/ffnn/gaussian@0.3": 0.714}))
    table = results_table(results)
    assert table.header[1:5] == ("clean", "clean, published", "noise 0.3", "noise 0.3, published")
    assert [row[2] for row in table.rows] == ["", "", "", "", "", "", "72.3", ""]


def test_results_table_has_the_columns_that_are_wanted(make_run: MakeRun) -> None:
    results = read_results(make_run())
    usual = results_table(results)
    table = results_table(results, [("clean", ""), ("strong noise", "/gaussian@0.7"), ("never", "/gaussian@9")])
    assert table.header == ("contestant", "clean", "strong noise")
    assert [row[1:] for row in table.rows] == [(row[1], row[3]) for row in usual.rows]
    assert {row for row, column in table.strong if column == 2} == {row for row, column in usual.strong if column == 3}


def test_results_without_metrics_give_a_table_of_names(make_run: MakeRun) -> None:
    results = read_results(make_run()).model_copy(update={"metrics": {}})
    assert results_table(results).header == ("contestant",)


def test_published_figures_stand_in_one_table_for_each_quantity(make_run: MakeRun) -> None:
    published = {"reconstruction_error/layer_1@1": 4.0, "reconstruction_error/layer_2@2": 3.0, "other": 0.0}
    published |= {"accuracy/ffnn": 0.5, "accuracy/ffnn/gaussian@0.3": 0.4, "prediction/readout_1/fgsm@0.2": 2.0}
    results = read_results(make_run(published=published))
    metrics = results.metrics | {
        "accuracy/ffnn": Metric.over_seeds([0.55]),
        "prediction/readout_1/fgsm@0.2": Metric(values=[2, 6, 2], mean=10 / 3, ci95=None),
    }
    tables = published_tables(results.model_copy(update={"metrics": metrics}))
    assert [table.title.partition(",")[0] for table in tables] == [
        "Reconstruction error",
        "other",
        "Accuracy on the test images",
        "Class that the example is taken for",
    ]
    errors, other, accuracy, prediction = tables
    assert errors.header == (
        "epoch",
        "layer 1, published",
        "layer 1, this run",
        "layer 2, published",
        "layer 2, this run",
    )
    assert errors.rows[0] == ("1", "4.0000", "3.2000 (−20.0 %)", "", "")  # noqa: RUF001
    assert errors.rows[1] == ("2", "", "", "3.0000", "3.1000 (+3.3 %)")
    assert other.rows == (("", "0.0000", "not measured"),)
    assert accuracy.rows[0] == ("clean", "50.00", "55.00 (+10.0 %)")
    assert accuracy.rows[1][:2] == ("noise 0.3", "40.00")
    assert prediction.rows == (("FGSM 0.2", "2", "2, 6, 2"),)
    assert published_tables(results.model_copy(update={"published": {}})) == []


def test_the_defence_is_told_of_both_attacks_with_what_there_is(make_run: MakeRun) -> None:
    results = read_results(make_run())
    table = defence_table(results, "readout_1", [1])
    assert table.header == ("attack, defence", "epsilon 0.05", "epsilon 0.1", "epsilon 0.2")
    assert [row[0].partition(",")[0] for row in table.rows] == ["FGSM"] * 3 + ["PGD"] * 3
    older = {name: metric for name, metric in results.metrics.items() if "pgd" not in name}
    assert len(defence_table(results.model_copy(update={"metrics": older}), "readout_1", [1]).rows) == 3


def test_nearest_levels_leave_zero_and_repetition_out() -> None:
    assert nearest_levels(["0", "0.25", "1"], (0.3, 0.2, 5)) == ["0.25", "1"]
    assert nearest_levels(["0"], (0.3,)) == []


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (contestant_name("readout_2"), "read-out 2"),
        (contestant_name("big_svm"), "big svm"),
        (measured_on({"device": "NVIDIA H100", "precision": "bf16", "cores": 8}), "bf16 on NVIDIA H100"),
        (measured_on({"processor": "abacus", "cores": 2}), "2 cores (abacus)"),
        (measured_on({"processor": "abacus", "cores": 2, "threads": 2}), "2 cores (abacus)"),
        (measured_on({"processor": "abacus", "cores": 2, "threads": 1}), "1 of 2 cores (abacus)"),
        (interval(None), "–"),  # noqa: RUF001
        (interval(Metric.over_seeds([0.5])), "0.500"),
        (
            interval(Metric(values=[1, 3], mean=2, ci95=(1.5, 2.5)), digits=1),
            "2.0\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}0.5",
        ),
        (percent(0.1234), "12.3\N{NO-BREAK SPACE}%"),
        (duration(0.123), "0.12 s"),
        (duration(59.7), "1 min 0 s"),
        (duration(427), "7 min 7 s"),
        (duration(3780), "1 h 3 min"),
        (memory(2**20), "1 MiB"),
        (memory(1.5 * 2**30), "1.5 GiB"),
        (listing([]), ""),
        (listing(["a"]), "a"),
        (listing(["a", "b", "c"]), "a, b and c"),
        (times(2), "twice"),
        (shorten("Ankle boot", 6), "Ankle…"),
    ],
)
def test_words(written: str, expected: str) -> None:
    assert written == expected


def test_settings_read_like_the_recipe() -> None:
    nested = {"seed": 1, "none": None, "rate": 1e-06, "dbn": {"hidden": [300, 700], "train": {"shuffle": True}}}
    written = as_toml(nested)
    assert written == (
        "seed = 1\n# none is not set\nrate = 1e-06\n\n[dbn]\nhidden = [300, 700]\n\n[dbn.train]\nshuffle = true"
    )


def test_labels_keep_their_distance_and_their_order() -> None:
    wanted = np.sort(np.random.default_rng(0).uniform(0, 100, 7))
    found = moved_apart(wanted, 12, 0, 100)
    assert all(b - a >= 12 - 1e-9 for a, b in pairwise(found))
    assert found.min() >= 0 and found.max() <= 100 + 1e-9
    apart = np.asarray([0.0, 50.0, 100.0])
    np.testing.assert_allclose(moved_apart(apart, 12, 0, 100), apart)


def test_every_contestant_has_one_look_of_its_own() -> None:
    contestants = ["readout_1", "readout_2", "readout_3", "ffnn", "finetuned", "svm", "forest"]
    looks = contestant_looks(contestants, layers=3)
    assert len({look.colour for look in looks.values()}) == len(contestants)
    assert len({look.marker for look in looks.values()}) == len(contestants)
    assert contestant_looks(["ffnn"], layers=1)["ffnn"] == looks["ffnn"]
    assert looks["readout_2"].colour == layer_look(2, 3).colour


def test_classes_look_different() -> None:
    looks = [class_look(number, f"class {number}") for number in range(26)]
    assert len({(look.colour, look.marker) for look in looks}) == 26
    assert len({look.colour for look in looks[:10]}) == 10


@pytest.mark.parametrize(("spaces", "classes"), [(1, 1), (4, 10), (6, 23)])
def test_maps_of_any_number_of_spaces_and_classes(spaces: int, classes: int) -> None:
    random, labels = np.random.default_rng(0), np.arange(50) % classes
    looks = [layer_look(number, spaces) for number in range(1, spaces + 1)]
    rows = {"PCA": [random.normal(size=(50, 2)) for _ in looks], "t-SNE": [np.zeros((50, 2)) for _ in looks]}
    drawing = maps(rows, looks, labels, [f"class {number}" for number in range(classes)])
    assert render(drawing.draw, drawing.height).startswith(b"\x89PNG")


def test_words_in_the_colour_of_a_contestant_are_readable_on_white() -> None:
    for look in contestant_looks(["readout_1", "readout_2", "readout_3", "ffnn", "finetuned", "svm"], 3).values():
        assert 1.05 / (luminance(look.ink) + 0.05) > 3.5


def test_grey_takes_bytes_and_clips() -> None:
    np.testing.assert_allclose(grey(np.asarray([[0, 255]], np.uint8)), [[0, 1]])
    np.testing.assert_allclose(grey(np.asarray([[-0.5, 1.5]])), [[0, 1]])


@pytest.mark.parametrize("values", [[], [2.0], [2.0, 2.0, 2.0], [2.0, 1.0, np.nan], [np.nan], [-1.0, np.inf]])
def test_charts_stand_short_flat_and_diverged_courses(values: list[float]) -> None:
    curve = Curve(layer_look(1, 1), np.arange(1.0, len(values) + 1), np.asarray(values))
    charts = [Chart("loss", "step", [curve]), Chart("accuracy", "epsilon", [curve], accuracy=True, chance=0.1)]
    content = render(lambda figure: draw_charts(figure, charts), charts_height(charts))
    assert content.startswith(b"\x89PNG")


def test_an_axis_holds_the_bands_of_its_curves() -> None:
    look, x, y = layer_look(1, 1), np.arange(3.0), np.asarray([80.0, np.nan, 82.0])
    for band, (low, high) in {None: (80, 82), 9.0: (71, 91), 200.0: (-120, 282)}.items():
        curve = Curve(look, x, y) if band is None else Curve(look, x, y, y - band, y + band)
        axes = Figure().subplots()
        fit_y(axes, [curve, Curve(look, x, y)])
        bottom, top = axes.get_ylim()
        assert bottom < low < high < top
        assert top - bottom < 1.13 * (high - low)
