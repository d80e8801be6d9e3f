"""The page as a whole: complete, self-contained, deterministic, polite to its surroundings."""

import base64
import html
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from deepbelief.errors import DeepBeliefError
from deepbelief.report.page import build_report
from deepbelief.report.story import STORY
from deepbelief.study.records import EXPLORER, Results, read_results, read_stage, write_json, write_stage

MakeRun = Callable[..., Path]
PNG = b"\x89PNG\r\n\x1a\n"
PUBLISHED = {"accuracy/readout_1": 0.7902, "reconstruction_error/layer_1@2": 1.5, "accuracy/unheard_of": 0.5}
BIG = {"shape": (7, 5), "widths": (35, 20, 9, 6), "seeds": (4, 1, 2), "published": PUBLISHED, "optional": False}


def built(folder: Path) -> tuple[Path, str]:
    """The run's folder and its page without the pictures' data."""
    settings = dict(matplotlib.rcParams)
    page = build_report(folder)
    assert dict(matplotlib.rcParams) == settings, "drawing has changed matplotlib's global state"
    assert not list(folder.rglob(".*"))  # what is only written to is named so
    assert page == folder / "report.html"
    return folder, re.sub(r"data:image/png;base64,[A-Za-z0-9+/=]+", "PICTURE", page.read_text("utf-8"))


@pytest.fixture(scope="module")
def one(make_run: MakeRun) -> tuple[Path, str]:
    """A run of one seed, nothing published."""
    return built(make_run())


@pytest.fixture(scope="module")
def several(make_run: MakeRun) -> tuple[Path, str]:
    """A run of three seeds, four layers, published figures, without the optional arrays."""
    return built(make_run(**BIG))


@pytest.fixture(params=["one", "several"])
def report(request: pytest.FixtureRequest) -> tuple[Path, str]:
    """Each of the two."""
    found: tuple[Path, str] = request.getfixturevalue(request.param)
    return found


def test_every_stage_has_its_chapter_and_pictures(report: tuple[Path, str]) -> None:
    asked_for = read_results(report[0]).stages
    for stage, title, _ in STORY:
        chapter = re.search(rf'<section id="{stage}">.*?</section>', report[1], re.DOTALL)
        if stage not in asked_for:
            assert chapter is None and title not in report[1]
            continue
        assert chapter is not None
        assert title in chapter[0]
        assert chapter[0].count("<figure") >= 1
        assert chapter[0].count("<figcaption>") == chapter[0].count('src="PICTURE"') == chapter[0].count("<figure")
        assert "<table>" in chapter[0]
        assert f'href="#{stage}"' in report[1]
    assert "not run yet" not in report[1]


def test_every_picture_is_a_valid_png_and_inlined(report: tuple[Path, str]) -> None:
    folder = report[0]
    inlined = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", (folder / "report.html").read_text("utf-8"))
    contents = {base64.b64decode(text) for text in inlined}
    files = sorted((folder / "figures").iterdir())
    names = re.findall(r'<figure id="figure-([\w-]+)">', report[1])
    assert sorted(f"{name}.png" for name in names) == [file.name for file in files]
    for file in files:
        content = file.read_bytes()
        assert content.startswith(PNG) and content.endswith(b"IEND\xaeB`\x82")
        assert content in contents


def test_every_picture_has_words_and_its_true_size(report: tuple[Path, str]) -> None:
    images = re.findall(
        r'<figure id="figure-([\w-]+)">\s*<img src="PICTURE" alt="([^"]+)" width="(\d+)" height="(\d+)"', report[1]
    )
    assert len(images) == report[1].count("<figure")
    for name, alt, width, height in images:
        header = (report[0] / "figures" / f"{name}.png").read_bytes()[16:24]
        assert len(alt) > 10
        assert abs(int.from_bytes(header[:4]) - int(width)) <= 1
        assert abs(int.from_bytes(header[4:]) - int(height)) <= 1


def test_one_confusion_matrix_for_every_contestant(several: tuple[Path, str]) -> None:
    for contestant in ("readout_1", "readout_3", "ffnn", "finetuned"):
        assert (several[0] / "figures" / f"confusion-{contestant}.png").exists()


def test_what_pretraining_is_worth_is_told_with_its_interval(make_run: MakeRun, one: tuple[Path, str]) -> None:
    assert "less this one's, is 2.1 percentage points, of a single seed." in html.unescape(one[1])
    page = html.unescape(built(make_run(seeds=(0, 1, 2)))[1]).replace("\N{NO-BREAK SPACE}", " ")
    assert "less this one's, is 2.1 ± 0.0 percentage points, the mean over 3 seeds with its 95 % interval." in page


def test_readouts_that_a_recipe_adds_are_drawn_and_told(one: tuple[Path, str]) -> None:
    chapter = re.search(r'<section id="readouts">.*?</section>', one[1], re.DOTALL)
    assert chapter is not None
    seen = r"\d % from layer \d with the strong penalty and [\d.]+ % from all layers side by side\."
    assert re.search(seen, chapter[0].replace("\N{NO-BREAK SPACE}", " "))
    assert ">robust read-out<" in chapter[0]
    assert "The robust read-out sees the top layer as well" in chapter[0]
    assert ">all layers<" in chapter[0]


def test_page_needs_nothing_from_outside(report: tuple[Path, str]) -> None:
    page = report[1]
    for foreign in ("http", "//", "<script", "<link", "@import", "url("):
        assert foreign not in page
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_names_are_escaped(report: tuple[Path, str]) -> None:
    assert "<b>" not in report[1] and "<i>" not in report[1]
    assert "&lt;b&gt;&amp;" in report[1]
    assert "Made &amp; up" in report[1]
    assert "abacus &lt;i&gt;" in report[1]


def test_intervals_are_shown_for_several_seeds_only(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    assert "±" not in one[1]
    assert "single seed" in one[1]
    assert re.search(r"<td[^>]*>\d+\.\d\s±\s\d+\.\d</td>", several[1])
    assert "means over 3 seeds" in several[1]


def test_published_figures_stand_beside_ours(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    assert "published" not in one[1].lower()
    table = re.search(r'<section id="published">.*?</section>', several[1], re.DOTALL)
    assert table is not None
    assert "<td>79.02</td>" in table[0]
    assert "Reconstruction error, mean over the batches of an epoch" in table[0]
    assert "(+40.0 %)" in table[0]
    assert "not measured" in table[0]
    assert "clean, published" in several[1]


def test_the_head_says_in_which_precision_and_on_what(report: tuple[Path, str]) -> None:
    head = report[1].partition("<nav")[0]
    kicker = re.search(r'<p class="kicker">(.*?)</p>', head)
    assert kicker is not None
    assert kicker[1].endswith("bf16 on 2 cores (abacus &lt;i&gt;, AVX2)")
    assert "in per cent; bf16 on 2 cores (abacus &lt;i&gt;, AVX2)" in head


def test_a_read_out_that_was_cut_off_says_so(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    assert "read-out 2 stopped at iteration 150 of 150, not converged" in one[1]
    assert "robust read-out stopped at iteration 150 of 900, not converged" in one[1]
    assert "<td>converged at iteration 150</td>" in one[1]
    assert "converged" not in several[1]
    assert "<td>150 steps</td>" in several[1]


def test_what_early_stopping_did_is_told(one: tuple[Path, str], make_run: MakeRun) -> None:
    assert "All 20 epochs were run; epoch 17, the best of them on held-out images, is kept." in one[1]
    assert "All 20 epochs were run, and the last is kept." in one[1]  # fine-tuning has no patience
    stopped = built(keep(make_run(epochs=30), "baseline"))[1]
    assert "Training ended after 20 of 30 epochs, as 3 in a row had brought nothing better" in stopped


def test_an_attack_that_should_do_more_and_does_less_is_warned_of(one: tuple[Path, str], make_run: MakeRun) -> None:
    assert "A warning" not in one[1]
    masked = built(keep(make_run(aware=0.2), "data", "topdown_defence"))[1]
    assert "A warning: " in masked
    for less in ("FGSM that ignores the defence", "FGSM through the defence", "PGD that ignores the defence"):
        assert (
            f"{less} does more than PGD through the defence (at epsilon 0.05, 0.1 and 0.2, once up and down)" in masked
        )


def test_records_from_before_pgd_still_give_a_page(make_run: MakeRun) -> None:
    folder = keep(make_run(), "robustness", "topdown_defence")
    text = (folder / "results.json").read_text()
    results = Results.model_validate_json(text)
    older = {name: metric for name, metric in results.metrics.items() if "pgd" not in name}
    write_json(folder / "results.json", results.model_copy(update={"metrics": older}))
    for stage in ("robustness", "topdown_defence"):
        record, arrays = read_stage(folder / "seed-0" / "stages", stage)
        facts = {name: fact for name, fact in record.facts.items() if name != "pgd"}
        write_stage(folder / "seed-0" / "stages", record.model_copy(update={"facts": facts}), arrays)
    page = built(folder)[1]
    assert "PGD" not in page
    assert "Under FGSM at epsilon 0.1, going up and down once" in page


def test_units_are_told_of_as_they_were_chosen_and_drawn(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    first, deep = chapter(one[1], "receptive_fields"), chapter(one[1], "deep_receptive_fields")
    assert "The 12 strongest units of layer 1, the strongest first." in first
    assert "scaled by itself" in first and "zero weights" not in first
    names = re.findall(r'id="figure-([\w-]+)"', deep)
    assert names == ["receptive-fields-2", "maximised-2", "top-down-2"]
    assert "activation maximisation" in deep and "the mean difference" in deep and "at the same place" in deep
    first, deep = chapter(several[1], "receptive_fields"), chapter(several[1], "deep_receptive_fields")
    assert "The first 20 units of layer 1." in first
    assert "weak weights are set to zero first" in first and "zero weights" in first
    assert re.findall(r'id="figure-([\w-]+)"', deep) == ["receptive-fields-2", "receptive-fields-3"]
    assert "maximisation" not in deep and "same place" not in deep


def test_maps_are_shown_where_there_are_some(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    shown = chapter(one[1], "encoding")
    assert "Maps of 30 test images by their pixels and by 2 layers" in shown and "t-SNE gives up" in shown
    assert "<td>43.0</td><td>64.0</td>" in shown
    assert 'id="figure-maps"' not in several[1] and "t-SNE" not in several[1]


def test_what_one_sees_of_the_development_is_told(one: tuple[Path, str], several: tuple[Path, str]) -> None:
    told = chapter(one[1], "development")
    share = r"\d\d\.\d\s%"
    assert "Epoch 0 is before it began" in told and "It learns from 5,000 training images" in told
    assert re.search(rf"read-outs go from {share} to {share} in layer 1 and from {share} to {share} in layer 2", told)
    assert re.search(
        rf"In noise of standard deviation 0.5 the read-outs do best of layer 1 after epoch 1 \({share}, and {share} in "
        rf"the end\) and of layer 2 in the end \({share}\)",
        told,
    )
    assert "±" not in told and "Bands" not in told
    told = chapter(several[1], "development")
    assert re.search(r"from \d\d\.\d\s±\s\d\.\d\s% to", told)
    assert "Bands are 95 % confidence intervals over seeds" in told


def test_a_development_without_the_control_or_of_layers_that_learn_together(make_run: MakeRun) -> None:
    folder = keep(make_run(), "development")
    stages, results = folder / "seed-0" / "stages", folder / "results.json"
    record, arrays = read_stage(stages, "development")
    write_stage(stages, record, {**arrays, "layer_1/epochs": arrays["layer_1/epochs"][1:], "levels": np.zeros(1)})
    found = Results.model_validate_json(results.read_text())
    write_json(results, found.model_copy(update={"settings": {"dbn": {"training": "joint"}}}))
    told = chapter(built(folder)[1], "development")
    assert "Epoch 0" not in told and "In noise of" not in told
    assert "All layers learnt together" in told


def chapter(page: str, stage: str) -> str:
    """The part of a page about a stage, in one line."""
    found = re.search(rf'<section id="{stage}">.*?</section>', page, re.DOTALL)
    assert found is not None
    return re.sub(r"[ \n]+", " ", found[0])


def test_circumstances_are_told(report: tuple[Path, str]) -> None:
    for told in ("# limit is not set", "[pretraining]\nrate = 0.1", "1.6 GiB", "16.0 GiB", "all together", "3.11"):
        assert told in report[1]


def keep(folder: Path, *kept: str) -> Path:
    """The run's folder as it was when only some stages had finished."""
    for stage, _, _ in STORY:
        if stage not in kept:
            (folder / "seed-0" / "stages" / f"{stage}.json").unlink()
    return folder


def test_rebuilding_from_records_alone_gives_the_same_bytes(make_run: MakeRun) -> None:
    folder = keep(make_run(), "data", "psychometric", "confusion", "encoding")
    build_report(folder)
    before = {path: path.read_bytes() for path in [folder / "report.html", *(folder / "figures").iterdir()]}
    for path in before:
        path.unlink()
    build_report(folder)
    assert {path: path.read_bytes() for path in before} == before


def test_unfinished_run_says_what_is_missing(make_run: MakeRun) -> None:
    folder, page = built(keep(make_run(), "pretraining", "robustness"))
    assert '<section id="pretraining">' in page
    assert '<section id="robustness">' in page
    assert page.count("not run yet.") == len(STORY) - 2
    assert 'href="#baseline"' not in page
    assert not (folder / "figures" / "ffnn.png").exists()


def test_run_without_any_stage_gives_a_page(make_run: MakeRun) -> None:
    assert "not run yet" in built(keep(make_run()))[1]


def test_the_page_that_plays_is_linked_to_where_it_lies_beside_the_report(make_run: MakeRun) -> None:
    folder, without = built(keep(make_run()))
    (folder / EXPLORER).touch()
    link = f'<a href="{EXPLORER}">Play with these networks</a>'
    assert link not in without and link in built(folder)[1]


def test_no_run_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DeepBeliefError, match=r"results\.json is missing"):
        build_report(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_damaged_records_are_said_in_a_sentence(make_run: MakeRun) -> None:
    folder = make_run()
    (folder / "seed-0" / "stages" / "clusters.safetensors").write_bytes(b"torn")
    with pytest.raises(DeepBeliefError, match="clusters"):
        build_report(folder)


def test_missing_array_is_said_in_a_sentence(make_run: MakeRun) -> None:
    folder = make_run()
    stages = folder / "seed-0" / "stages"
    (stages / "data.safetensors").write_bytes((stages / "robustness.safetensors").read_bytes())
    with pytest.raises(DeepBeliefError, match="stage data lacks the array class_means"):
        build_report(folder)
    assert not (folder / "report.html").exists()


def test_report_imports_neither_torch_nor_pyplot() -> None:
    # The packages above are stubbed: what they choose to import is not the report's doing.
    code = """
import importlib.util, sys, types
root = importlib.util.find_spec("deepbelief").submodule_search_locations[0]
for name, path in (("deepbelief", root), ("deepbelief.study", root + "/study")):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [path]
import deepbelief.report.page
assert "torch" not in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
