"""The chapters about an evaluation: who is named where, what is warned of, and which lines are drawn."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepbelief.errors import DeepBeliefError
from deepbelief.evaluation.records import Comparison, Evaluated
from deepbelief.report.evaluated import load_evaluated
from deepbelief.report.page import build_report
from deepbelief.report.run import load_run
from deepbelief.report.story import evaluation
from deepbelief.report.text import contestant_name
from deepbelief.study.records import Metric, StageRecord, write_json, write_stage

CLASSES = 3  # of the study that `make_run` makes
EVERYONE = ["readout_1", "readout_2", "ffnn", "finetuned", "ffnn_attacked", "readout_2_rebuilt_2x1"]
LEVELS = {"gaussian": ("0.3", "0.7"), "clipped_gaussian": ("0.3", "0.7"), "linf": ("0.05", "0.1")}
UNITS = {"gaussian": "standard deviation / range", "clipped_gaussian": "the same", "linf": "change / range"}


def comparison(first: str, kind: str, mean: float, p: float) -> Comparison:
    return Comparison(first=first, second="ffnn", kind=kind, mean=mean, ci95=(mean - 0.01, mean + 0.02), p=p)


def write_evaluation(run: Path, seeds: int = 2) -> Path:
    """An evaluation in which FGSM flatters, and the gradients of read-out 2 mislead at 0.1."""
    metrics = {}
    for number, name in enumerate(EVERYONE):
        clean = 0.8 + 0.01 * number
        metrics[f"accuracy/{name}"] = clean
        for kind, levels in LEVELS.items():
            metrics[f"mean/{name}/{kind}"] = clean - 0.3
            for level in levels:
                metrics[f"accuracy/{name}/{kind}@{level}"] = clean - float(level)
        for level in LEVELS["linf"]:
            hidden = 0.02 if (name, level) == ("readout_2", "0.1") else 0.005
            left = metrics[f"accuracy/{name}/linf@{level}"]
            metrics |= {f"accuracy/{name}/linf_aware@{level}": left + hidden}
            metrics |= {f"accuracy/{name}/linf_fgsm@{level}": left + 0.1}
    asked = [
        comparison("readout_1", "gaussian", 0.1, 0.01),
        comparison("readout_1", "clipped_gaussian", -0.05, 0.04),
        comparison("readout_1", "linf", 0.02, 0.2),
        comparison("finetuned", "gaussian", 0.03, 0.05),
        comparison("finetuned", "linf", 0.3, 0.0),
    ]
    results = Evaluated(
        plan={},
        seeds=list(range(seeds)),
        contestants=EVERYONE,
        units=UNITS,
        images=1234,
        metrics={
            name: Metric.over_seeds([value - 0.001 * seed for seed in range(seeds)]) for name, value in metrics.items()
        },
        comparisons=asked,
        machine={},
    )
    write_json(run / "robustness" / "results.json", results)
    stages = run / "robustness" / "seed-0" / "stages"
    for kind in ("gaussian", "clipped_gaussian"):
        arrays = {"examples": np.random.default_rng(0).random((3, 6, 9), dtype=np.float32)}
        if kind == "gaussian":
            along = np.linspace(0, 0.7, 41)
            curve = np.stack([0.8 - along, 0.7 - along, 0.85 - along])
            arrays |= {"fitted_levels": along, "fitted/readout_2": curve}
            arrays |= {"fitted_classes/ffnn": np.stack([curve - 0.02 * n for n in range(CLASSES)])}
            arrays |= {"of_classes/ffnn": np.stack([np.array([0.9, 0.5, 0.2]) - 0.02 * n for n in range(CLASSES)])}
        write_stage(stages, StageRecord(stage=f"perturbation_{kind}", seconds=1, facts={}), arrays)
    for name in EVERYONE:
        long = 0.015 if name == "finetuned" else 0.01
        facts = {"images": 77, "without_gradient": 0.25 if name == "ffnn" else 0.01, "taken": {}}
        facts["taken"] |= {"linf@0.05": {"pgd": 0.3}, "linf@0.1": {"pgd": 0.3, "apgd_long": long}}
        facts["unsettled"] = 0.031 if "rebuilt" in name else None
        write_stage(stages, StageRecord(stage=f"attacks_{name}", seconds=1, facts=facts), {})
    return run


@pytest.fixture(scope="module")
def run(make_run: Callable[..., Path]) -> Path:
    return write_evaluation(make_run(seeds=(0, 1)))


@pytest.fixture(scope="module")
def page(run: Path) -> str:
    return re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "PICTURE", build_report(run).read_text("utf-8"))


def section(page: str, name: str) -> str:
    found = re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL)
    assert found is not None
    return found.group()


def test_the_page_has_the_chapters_and_their_pictures(run: Path, page: str) -> None:
    for name in ("perturbations", "worst_case", "verdicts"):
        assert f'<a href="#{name}">' in page
        section(page, name)
    assert "1,234 test images" in section(page, "perturbations")
    assert "Each of 77 test images" in section(page, "worst_case")
    for name in ("perturbations", "perturbations-images", "psychometric-fits", "worst-case"):
        assert (run / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert f"figure-{name}" in page


def test_a_run_without_an_evaluation_has_no_such_chapter(make_run: Callable[..., Path]) -> None:
    page = build_report(make_run()).read_text("utf-8")
    assert "verdicts" not in page
    assert "worst_case" not in page


def test_differences_stand_where_they_belong(page: str) -> None:
    rows = dict(re.findall(r'<th scope="row">([^<]*)</th>(.*?)</tr>', section(page, "verdicts"), re.DOTALL))
    cells = {name: re.findall(r"<td[^>]*>([^<]*)</td>", row) for name, row in rows.items()}
    assert cells["read-out 1"] == [
        "gaussian (+10.0 ± 1.5)",
        "clipped gaussian (−5.0 ± 1.5)",  # noqa: RUF001
        "attacks on pixels (+2.0 ± 1.5)",
    ]
    assert cells["fine-tuned"][0].startswith("attacks on pixels (+30.0")  # the largest first
    assert "gaussian (+3.0" in cells["fine-tuned"][0]  # p = 0.05 counts
    assert cells["fine-tuned"][1:] == ["–", "–"]  # noqa: RUF001
    assert {*cells} == {"read-out 1", "fine-tuned"}
    assert '<table class="words">' in section(page, "verdicts")
    assert 'class="words"' not in section(page, "perturbations")
    assert "corrected for the 5 comparisons" in page


def test_masked_gradients_are_warned_of_and_only_they(page: str) -> None:
    (told,) = re.findall(r"<p>(A warning: attacks that do not follow[^<]*)</p>", page)
    assert "read-out 2 at 0.1 (73.0" in told.replace("\N{NO-BREAK SPACE}", " ")
    assert told.count(" at 0.") == 1


def test_where_there_is_no_gradient_it_is_told(page: str) -> None:
    (told,) = re.findall(r"<p>(A warning: at some of the images[^<]*)</p>", page)
    assert "no gradient at all to follow: feed-forward (25\N{NO-BREAK SPACE}%). There" in told


def test_attacks_that_have_not_converged_are_warned_of(page: str) -> None:
    (told,) = re.findall(r"<p>(A warning: after all other attacks[^<]*)</p>", page)
    assert told.replace("\N{NO-BREAK SPACE}", " ").endswith(
        "hundredth of the images: fine-tuned at 0.1 of each pixel (1.5 %). There the attacks have not converged."
    )


def test_attacks_that_have_converged_are_told_of(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "report.html"))
    path = tmp_path / "run/robustness/seed-0/stages/attacks_finetuned.json"
    path.write_text(path.read_text("utf-8").replace("0.015", "0.004"), encoding="utf-8")
    page = build_report(tmp_path / "run").read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "A warning: after all other attacks" not in page
    assert "takes no more than 1.0 % of the images of anybody at any strength: the attacks have converged." in page


def test_contestants_that_another_pass_would_change_are_named(page: str) -> None:
    (told,) = re.findall(r"<p>(Looking top-down does not come to rest[^<]*)</p>", page)
    assert told.replace("\N{NO-BREAK SPACE}", " ").endswith(": read-out 2, rebuilt from 2 once 3.1 %.")


def test_classes_have_curves_of_their_own(run: Path, page: str) -> None:
    assert (run / "figures/psychometric-classes-gaussian.png").read_bytes().startswith(b"\x89PNG")
    assert "psychometric-classes-clipped" not in page
    evaluated = load_evaluated(run, load_run(run, []))
    assert evaluated is not None
    (curve,), (points,) = evaluated.fitted_class("gaussian", 2)
    assert curve.low is not None
    assert [curve.y[0], curve.low[0]] == pytest.approx([76, 66])
    assert list(points.x) == [0, 0.3, 0.7]
    assert points.y == pytest.approx([86, 46, 16])
    assert curve.look == points.look
    assert curve.look.name == "feed-forward"
    assert evaluated.fitted_class("clipped_gaussian", 2) == ([], [])


def test_means_are_a_table_whose_best_are_bold(run: Path) -> None:
    evaluated = load_evaluated(run, load_run(run, []))
    assert evaluated is not None
    perturbed, attacked = evaluation.tables(evaluated.results)
    assert perturbed.header == ("contestant", "clean", "gaussian", "clipped gaussian")
    assert attacked.header == ("contestant", "clean", "attacks on pixels")
    assert perturbed.strong == {(5, 1), (5, 2), (5, 3)}
    assert perturbed.rows[5][0] == "read-out 2, rebuilt from 2 once"
    assert perturbed.rows[1][1].startswith("81.0")


def test_attacks_are_a_table_of_fgsm_aware_and_all(page: str) -> None:
    chapter = section(page, "worst_case")
    header = re.findall(r'<th scope="col">([^<]*)</th>', chapter)
    assert header == ["contestant", *(f"{at} {kind}" for at in ("0.05", "0.1") for kind in ("FGSM", "aware", "all"))]


def test_curves_begin_at_the_clean_images_and_those_that_look_top_down_are_dashed(run: Path) -> None:
    evaluated = load_evaluated(run, load_run(run, []))
    assert evaluated is not None
    bare, rebuilt = evaluated.curves("gaussian", ["readout_2", "readout_2_rebuilt_2x1"])
    assert list(bare.x) == [0, 0.3, 0.7]
    assert bare.y == pytest.approx([80.95, 50.95, 10.95])
    assert (bare.dashed, rebuilt.dashed) == (False, True)
    assert bare.look.colour == rebuilt.look.colour
    assert rebuilt.look.name == "read-out 2, rebuilt from 2 once"
    assert evaluated.results.perturbations == ["gaussian", "clipped_gaussian"]
    assert evaluated.results.norms == ["linf"]
    assert evaluated.levels("linf") == ["0.05", "0.1"]


def test_fitted_curves_have_their_bands_and_the_points_of_the_first_seed(run: Path) -> None:
    evaluated = load_evaluated(run, load_run(run, []))
    assert evaluated is not None
    (curve,), (points,) = evaluated.fitted("gaussian", ["ffnn", "readout_2"])
    assert curve.low is not None
    assert curve.high is not None
    assert [curve.y[0], curve.low[0], curve.high[-1]] == pytest.approx([80, 70, 15])
    assert len(curve.x) == 41
    assert list(points.x) == [0, 0.3, 0.7]
    assert points.y == pytest.approx([81, 51, 11])  # of the first seed, not the mean
    assert points.low is None
    assert curve.look == points.look
    assert evaluated.fitted("clipped_gaussian", ["ffnn", "readout_2"]) == ([], [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("readout_12_rebuilt_3x2", "read-out 12, rebuilt from 3 twice"),
        ("robust_readout_rebuilt_1x1_sampled_8", "robust read-out, rebuilt from 1 once, samples"),
        ("mlp_head_rebuilt_0_1_3x2", "MLP head, as it is and rebuilt from 1 and 3 twice"),
        ("ffnn_noisy", "feed-forward, noise"),
        ("finetuned_attacked", "fine-tuned, attacks"),
        ("label_rbm", "label RBM"),
        ("my_network", "my network"),
    ],
)
def test_names_of_contestants_in_words(name: str, words: str) -> None:
    assert contestant_name(name) == words


@pytest.mark.parametrize("what", ["results", "stage", "fields"])
def test_a_damaged_evaluation_is_one_sentence(run: Path, tmp_path: Path, what: str) -> None:
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("figures", "report.html"))
    folder = tmp_path / "run" / "robustness"
    if what == "results":
        (folder / "results.json").write_text("{", encoding="utf-8")
    elif what == "stage":
        (folder / "seed-0/stages/perturbation_gaussian.safetensors").write_bytes(b"torn")
    else:
        written = json.loads((folder / "results.json").read_text("utf-8"))
        written["units"]["fog"] = "visibility"
        (folder / "results.json").write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(DeepBeliefError, match=r"again|is missing") as refused:
        build_report(tmp_path / "run")
    assert "\n" not in str(refused.value)
