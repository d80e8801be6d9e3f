"""A whole evaluation: figures worked out a second time, resumption, and what is refused."""

import re
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock
from numpy.typing import NDArray

from deepbelief.checkpoint import load_labelled_dbn, save_model
from deepbelief.data import load_dataset
from deepbelief.data.split import choose_rows
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.evaluation import Evaluated, Evaluation
from deepbelief.evaluation.perturbed import unpacked
from deepbelief.evaluation.plan import parse_plan
from deepbelief.learning import MinibatchSettings, MinibatchTraining
from deepbelief.learning.backprop.finetuning import network_to_finetune
from deepbelief.models.feedforward import FeedForward
from deepbelief.randomness import Random
from deepbelief.robustness import (
    APGD,
    FGSM,
    L2,
    PERTURBATIONS,
    PGD,
    Adversarial,
    AutoLevels,
    Defended,
    FreeGuess,
    LInf,
    NoisyLevels,
    PsychometricSettings,
    RayS,
    Square,
    TargetedAPGD,
    Together,
    Transfer,
    compare,
    cross_entropy,
    fit_psychometric,
    holm,
    logits_ratio,
    worst_case,
)
from deepbelief.study import load_run
from deepbelief.study.loading import load_network
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import parse_recipe
from deepbelief.study.records import read_stage
from deepbelief.study.run import Study
from tests.evaluation.conftest import PLAN

BARE = ["readout_1", "readout_2", "ffnn", "finetuned", "label_rbm", "pixels", "ffnn_noisy", "finetuned_attacked"]
REBUILT = ["readout_2_rebuilt_2x1", "readout_1_rebuilt_1x2_sampled_2", "ffnn_rebuilt_0_2x1"]
EVERYONE = [*BARE, *REBUILT]


def classifiers(run: Path, seed: int) -> dict[str, Any]:
    """Of the evaluation, but for the one that draws."""
    study, made = load_run(run, seed), run / "robustness" / f"seed-{seed}" / "models"
    found = dict(study.classifiers) | {"label_rbm": load_labelled_dbn(run / f"seed-{seed}/models/labelled.safetensors")}
    found |= {name: load_network(made / f"{name}.safetensors") for name in BARE[5:]}
    from_the_top = {name: Defended(found[name], study.dbn.reconstruct) for name in ("readout_2", "ffnn")}
    both = Together([found["ffnn"], from_the_top["ffnn"]])
    return found | {REBUILT[0]: from_the_top["readout_2"], REBUILT[2]: both}


def right(run: Path, seed: int, stage: str, name: str) -> NDArray[np.bool_]:
    record, arrays = read_stage(run / "robustness" / f"seed-{seed}" / "stages", stage)
    return unpacked(arrays[name], record.facts["images"])


def test_everyone_is_measured(evaluated: Evaluated) -> None:
    assert evaluated.contestants == EVERYONE
    assert list(evaluated.units) == ["gaussian", "gaussian_levelled", "rotation", "linf", "l2"]
    assert evaluated.units["gaussian_levelled"] == evaluated.units["gaussian"] == "standard deviation / range"
    assert evaluated.units["rotation"] == "degrees"
    assert evaluated.images == len(load_dataset("digits").test)
    assert not [name for name in evaluated.metrics if name.endswith(("/gaussian@0", "/rotation@0"))]
    conditions = ["", "/gaussian@0.2", "/gaussian@0.7", "/gaussian@1.5", "/rotation@20"]
    conditions += [f"/{kind}@{at}" for kind in ("linf", "linf_fgsm", "linf_aware") for at in ("0.05", "0.2")]
    conditions += [f"/{kind}@0.5" for kind in ("l2", "l2_fgsm", "l2_aware")]
    for name in EVERYONE:
        assert all(len(evaluated.metrics[f"accuracy/{name}{at}"].values) == 2 for at in conditions)


def test_every_metric_is_documented_and_every_documented_name_has_a_metric(evaluated: Evaluated) -> None:
    text = (Path(__file__).parents[2] / "docs" / "records.md").read_text("utf-8")
    of_a_study, _, own = text.partition("## Metrics of an evaluation")
    tables = [
        re.findall(r"`(\w+/[^`]+)`", "".join(re.findall(r"^\| `.*?\|", part, re.M))) for part in (of_a_study, own)
    ]
    found = [[re.compile(re.sub(r"<[\w-]+>", r"[\\w.-]+", name)) for name in names] for names in tables]
    assert not [name for name in evaluated.metrics if not any(p.fullmatch(name) for part in found for p in part)]
    assert not [p.pattern for p in found[1] if not any(p.fullmatch(name) for name in evaluated.metrics)]


@pytest.mark.parametrize("seed", [0, 3])
def test_accuracies_are_those_of_images_perturbed_a_second_time(
    finished: Path, evaluated: Evaluated, seed: int
) -> None:
    test, place = load_dataset("digits").test, evaluated.seeds.index(seed)
    images, labels = test.batch(slice(None)).float(), test.required_labels()
    random, levels = Random(seed, "gaussian"), {}
    for level in (0.2, 0.7, 1.5):
        levels[f"gaussian@{level}"] = images + level * random.normal(images.shape)
    clean = load_dataset("digits").split(200, seed)[0].batch(slice(None)).float()
    help_all = AutoLevels.of(clean, (8, 8))
    levels["gaussian_levelled@0"] = help_all(images)
    random = Random(seed, "gaussian")
    for level in (0.2, 0.7, 1.5):
        levels[f"gaussian_levelled@{level}"] = help_all(images + level * random.normal(images.shape))
    levels["rotation@20"] = PERTURBATIONS["rotation"](images, 20.0, Random(seed, "rotation"), shape=(8, 8))
    for name, classifier in classifiers(finished, seed).items():
        hits = classifier(images).argmax(dim=1) == labels
        assert evaluated.metrics[f"accuracy/{name}"].values[place] == pytest.approx(hits.double().mean().item())
        assert np.array_equal(right(finished, seed, "clean", f"right/{name}"), hits.numpy()[None])
        for at, changed in levels.items():
            hits = classifier(changed).argmax(dim=1) == labels
            assert evaluated.metrics[f"accuracy/{name}/{at}"].values[place] == pytest.approx(
                hits.double().mean().item()
            )
        assert len(right(finished, seed, "perturbation_gaussian_levelled", f"right/{name}")) == 3
        kind = right(finished, seed, "perturbation_gaussian", f"right/{name}")
        assert np.array_equal(kind[1], (classifier(levels["gaussian@0.7"]).argmax(dim=1) == labels).numpy())


@pytest.mark.parametrize("kind", ["gaussian", "gaussian_levelled"])
def test_psychometric_curves_are_fitted_from_the_clean_images_on(
    finished: Path, evaluated: Evaluated, kind: str
) -> None:
    clean = f"accuracy/finetuned/{kind}@0" if kind == "gaussian_levelled" else "accuracy/finetuned"
    names = [clean, *(f"accuracy/finetuned/{kind}@{level}" for level in (0.2, 0.7, 1.5))]
    n, thresholds = evaluated.images, []
    for place, seed in enumerate(evaluated.seeds):
        counts = [round(evaluated.metrics[name].values[place] * n) for name in names]
        fit = fit_psychometric([0, 0.2, 0.7, 1.5], counts, n, 10)
        record, arrays = read_stage(finished / f"robustness/seed-{seed}/stages", f"perturbation_{kind}")
        kept = record.facts["fits"]["finetuned"]
        assert kept["threshold"] == pytest.approx(list(fit.threshold))
        assert (kept["beyond"], kept["warnings"]) == (fit.beyond, list(fit.warnings))
        assert arrays["fitted_levels"][[0, -1]] == pytest.approx([0, 1.5])
        assert arrays["fitted/finetuned"][0] == pytest.approx(fit.band(arrays["fitted_levels"]).accuracy.numpy())
        thresholds += [fit.threshold.value] if fit.beyond == "no" else []
    metric = evaluated.metrics.get(f"threshold/finetuned/{kind}")
    assert (metric is None) == (len(thresholds) < 2)
    assert metric is None or metric.values == pytest.approx(thresholds)
    assert "fits" not in read_stage(finished / "robustness/seed-0/stages", "perturbation_rotation")[0].facts


def test_each_class_has_its_own_curve_where_the_plan_asks(finished: Path, evaluated: Evaluated) -> None:
    labels = load_dataset("digits").test.required_labels().numpy()
    hits = np.concatenate([right(finished, 3, stage, "right/ffnn") for stage in ("clean", "perturbation_gaussian")])
    stages = finished / "robustness/seed-3/stages"
    arrays, settings = read_stage(stages, "perturbation_gaussian")[1], PsychometricSettings(guess=FreeGuess(strength=2))
    for number in range(10):
        counts, n = hits[:, labels == number].sum(axis=1), int((labels == number).sum())
        fit = fit_psychometric([0, 0.2, 0.7, 1.5], counts, n, 10, settings)
        assert arrays["of_classes/ffnn"][number] == pytest.approx(counts / n)
        assert arrays["fitted_classes/ffnn"][number, 2] == pytest.approx(fit.band(arrays["fitted_levels"]).high.numpy())
        metric = evaluated.metrics.get(f"threshold/ffnn/gaussian/{number}")
        assert metric is None or metric.values[1] == pytest.approx(fit.threshold.value)
    assert any(f"threshold/ffnn/gaussian/{number}" in evaluated.metrics for number in range(10))
    assert "of_classes/finetuned" not in arrays
    for other in ("perturbation_rotation", "perturbation_gaussian_levelled"):  # too few levels; not asked for
        assert "of_classes/ffnn" not in read_stage(stages, other)[1]


def test_on_some_of_the_test_images(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("robustness"))
    text = 'images = 52\ncontestants = ["readout_1"]\n[perturbations]\ngaussian = [0.2]\n[attacks]\nimages = 20'
    evaluation = Evaluation(tmp_path / "run", parse_plan(text, "mine"), load_dataset("digits"))
    found, test, whole = evaluation.run(), evaluation.dataset.test, load_dataset("digits").test
    assert found.images == len(test) == 52
    rows = choose_rows(whole.required_labels(), 52, Random(0, "shown images"))
    assert torch.equal(test.pixels, whole.pixels[rows])
    assert test.required_labels().bincount().tolist() == pytest.approx([5.2] * 10, abs=1)
    images, labels = test.batch(slice(None)).float(), test.required_labels()
    for place, seed in enumerate(found.seeds):
        noisy = images + 0.2 * Random(seed, "gaussian").normal(images.shape)
        share = (load_run(finished, seed).classifiers["readout_1"](noisy).argmax(dim=1) == labels).double().mean()
        assert found.metrics["accuracy/readout_1/gaussian@0.2"].values[place] == pytest.approx(float(share))
    attacked = read_stage(tmp_path / "run/robustness/seed-0/stages", "attacks_readout_1")[0].facts["rows"]
    assert len({*attacked}) == 20
    assert max(attacked) < 52


@pytest.mark.parametrize("name", ["ffnn", "readout_2_rebuilt_2x1"])
def test_the_worst_case_is_worked_out_a_second_time(finished: Path, evaluated: Evaluated, name: str) -> None:
    seed = 3
    test, everyone = load_dataset("digits").test, classifiers(finished, seed)
    rows = choose_rows(test.required_labels(), 30, Random(0, "attacked images"))
    images, labels, classifier = test.batch(rows).float(), test.required_labels()[rows], everyone[name]
    for norm, ball, strengths in (("linf", LInf, (0.05, 0.2)), ("l2", L2, (0.5,))):
        aware = worst = classifier(images).argmax(dim=1) == labels
        for number, strength in enumerate(strengths):
            random, within = Random(seed, f"attacks/{name}/{norm}@{strength:g}"), ball(strength)
            stepped = classifier(FGSM()(classifier, images, labels, within)).argmax(dim=1) == labels
            informed = {"fgsm": FGSM(), "pgd": PGD(3), "apgd": APGD(4, loss=cross_entropy)}
            informed |= {"ratio": APGD(4, loss=logits_ratio), "targeted": TargetedAPGD(4, 3), "long": APGD(6)}
            others: dict[str, Any] = {}
            if name != "ffnn":
                others |= {
                    "unaware": Transfer(everyone["readout_2"], PGD(3)),
                    "ffnn": Transfer(everyone["ffnn"], PGD(3)),
                }
            others |= {"square": Square((8, 8), 20)} if norm == "linf" else {}
            others |= {"rays": RayS(20)}
            for attacks in (informed, others):
                left = aware if attacks is informed else worst & aware
                at = left.nonzero().squeeze(1)
                after = torch.zeros_like(left)
                if len(at):
                    after[at] = worst_case(classifier, images[at], labels[at], within, attacks, random).right
                aware, worst = (after, worst) if attacks is informed else (aware, after)
            for kind, hits in (("fgsm", stepped), ("aware", aware), ("worst", worst)):
                found = right(finished, seed, f"attacks_{name}", f"{kind}/{norm}")[number]
                assert np.array_equal(found, hits.numpy()), (kind, norm, strength)
                words = norm if kind == "worst" else f"{norm}_{kind}"
                metric = evaluated.metrics[f"accuracy/{name}/{words}@{strength:g}"]
                assert metric.values[1] == pytest.approx(hits.double().mean().item())


@pytest.mark.parametrize("name", ["ffnn", "readout_1", "readout_2_rebuilt_2x1"])
def test_what_each_attack_took_adds_up_to_what_is_lost(finished: Path, evaluated: Evaluated, name: str) -> None:
    record, _ = read_stage(finished / "robustness/seed-0/stages", f"attacks_{name}")
    clean = right(finished, 0, "clean", f"right/{name}")[0][record.facts["rows"]].mean()
    aware, worst = (right(finished, 0, f"attacks_{name}", f"{kind}/l2")[0].mean() for kind in ("aware", "worst"))
    taken = record.facts["taken"]["l2@0.5"]
    informed = sum(taken.pop(attack) for attack in ("fgsm", "pgd", "apgd", "apgd_ratio", "apgd_targeted", "apgd_long"))
    assert informed == pytest.approx(clean - aware)
    assert sum(taken.values()) == pytest.approx(aware - worst)


def test_answers_that_another_pass_would_change_are_counted(finished: Path, evaluated: Evaluated) -> None:
    test, everyone, study = load_dataset("digits").test, classifiers(finished, 3), load_run(finished, 3)
    facts = {
        name: read_stage(finished / "robustness/seed-3/stages", f"attacks_{name}")[0].facts
        for name in ("readout_2", *REBUILT)
    }
    images = test.batch(torch.tensor(facts[REBUILT[0]]["rows"])).float()
    once, twice = (everyone["readout_2"](study.dbn.reconstruct(images, n)).argmax(dim=1) for n in (1, 2))
    assert facts[REBUILT[0]]["unsettled"] == pytest.approx((once != twice).double().mean().item())
    assert facts[REBUILT[0]]["unsettled"] > 0
    assert facts["readout_2"]["unsettled"] is facts[REBUILT[1]]["unsettled"] is None


def test_images_without_a_gradient_are_counted(finished: Path, evaluated: Evaluated, tmp_path: Path) -> None:
    stages = finished / "robustness/seed-0/stages"
    assert read_stage(stages, "attacks_ffnn")[0].facts["without_gradient"] == 0
    # A network so sure of itself that its softmax is 1 in float32.
    run = tmp_path / "run"
    shutil.copytree(finished, run, ignore=shutil.ignore_patterns("robustness"))
    path = run / "seed-0/models/ffnn.safetensors"
    network = load_network(path)
    with torch.no_grad():
        network.linear(-1).weight *= 1e4
    save_model(path, network)
    plan = parse_plan('contestants = ["ffnn"]\n[attacks]\nimages = 30\nepsilons = [0.1]', "mine")
    Evaluation(run, plan, load_dataset("digits")).run()
    record, _ = read_stage(run / "robustness/seed-0/stages", "attacks_ffnn")
    rows = torch.tensor(record.facts["rows"])
    images = load_dataset("digits").test.batch(rows).float()
    sure = network(images).softmax(dim=1).amax(dim=1) == 1
    right = network(images).argmax(dim=1) == load_dataset("digits").test.required_labels()[rows]
    assert record.facts["without_gradient"] == pytest.approx((sure & right).double().mean().item())
    assert record.facts["without_gradient"] > 0.3


def test_an_attack_that_knows_more_or_may_do_more_leaves_less(finished: Path, evaluated: Evaluated) -> None:
    for name in EVERYONE:
        for norm in ("linf", "l2"):
            fgsm, aware, worst = (
                right(finished, 0, f"attacks_{name}", f"{kind}/{norm}") for kind in ("fgsm", "aware", "worst")
            )
            assert (worst <= aware).all()
            assert (worst[1:] <= worst[:-1]).all()
            if "sampled" not in name:  # what draws need not fall twice to the same image
                assert (aware <= fgsm).all()


def test_networks_learn_as_the_plan_says(finished: Path, tiny: str) -> None:
    recipe, dataset, study = parse_recipe(tiny, "tiny"), load_dataset("digits"), load_run(finished, 3)
    training, _ = dataset.split(recipe.data.validation, 3)
    dbn, top = study.dbn, load_network(finished / "seed-3/models/readout_2.safetensors")
    precision = study.results.machine["precision"]
    products = torch.bfloat16 if precision == "bf16" else None
    settings = MinibatchSettings(epochs=1, batch_size=200, learning_rate=0.01, patience=0)
    noisy = FeedForward([64, 16, 10], torch.relu, Random(3, "ffnn_noisy"))
    attacked = network_to_finetune(dbn, 10, Random(3, "finetuned_attacked"), top).requires_grad_(True)

    def seen(values: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=products, enabled=products is not None):
            return attacked(values).to(values.dtype)

    for name, network, augment in (
        ("ffnn_noisy", noisy, NoisyLevels(0.5)),
        ("finetuned_attacked", attacked, Adversarial(seen, PGD(2), LInf(0.2))),
    ):
        random = Random(3, f"{name}/training")
        list(MinibatchTraining(network, training, settings, random=random, augment=augment, products=products).epochs())
        kept = load_network(finished / f"robustness/seed-3/models/{name}.safetensors")
        for found, expected in zip(kept.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(found, expected.detach())


def test_comparisons_are_those_of_the_images(finished: Path, evaluated: Evaluated) -> None:
    pairs = [(one, "ffnn") for one in EVERYONE if one != "ffnn"]
    pairs += [("readout_2_rebuilt_2x1", "readout_2"), (REBUILT[1], "readout_1"), ("finetuned", "finetuned_attacked")]
    asked = {(one.first, one.second, one.kind): one for one in evaluated.comparisons}
    assert {*asked} == {(*pair, kind) for pair in pairs for kind in evaluated.units}

    def scores(name: str, kind: str) -> NDArray[np.float64]:
        stage, array = ("perturbation_" + kind, f"right/{name}")
        if kind in ("linf", "l2"):
            stage, array = f"attacks_{name}", f"worst/{kind}"
        return np.stack([right(finished, seed, stage, array).mean(axis=0) for seed in (0, 3)])

    expected = [compare(scores(one.first, one.kind), scores(one.second, one.kind)) for one in evaluated.comparisons]
    for one, difference, p in zip(evaluated.comparisons, expected, holm([one.p for one in expected]), strict=True):
        assert one.mean == pytest.approx(difference.mean)
        assert one.ci95 == pytest.approx(difference.ci95)
        assert one.p == pytest.approx(p)
    for name in EVERYONE:
        for kind in evaluated.units:
            mean = evaluated.metrics[f"mean/{name}/{kind}"]
            assert mean.values == pytest.approx(list(scores(name, kind).mean(axis=1)))


class Stops(Silent):
    """Interrupts when a stage begins."""

    def __init__(self, at: str) -> None:
        self._at = at

    def stage(self, name: str, number: int, total: int, seed: int) -> None:
        if name == self._at and seed == 3:
            raise KeyboardInterrupt


def without_times(results: Evaluated) -> dict[str, Any]:
    metrics = {name: one for name, one in results.metrics.items() if not name.startswith(("time/", "memory/"))}
    return results.model_copy(update={"metrics": metrics}).model_dump()


@pytest.mark.parametrize("at", ["network_ffnn_noisy", "attacks_pixels"])
def test_an_interrupted_evaluation_ends_as_if_it_had_not_been(
    tmp_path: Path, finished: Path, evaluated: Evaluated, at: str
) -> None:
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("robustness"))
    again = partial(Evaluation, tmp_path / "run", parse_plan(PLAN, "plan"), load_dataset("digits"))
    with pytest.raises(KeyboardInterrupt):
        again().run(Stops(at))
    first = tmp_path / "run/robustness/seed-0/stages/clean.json"
    written = first.stat().st_mtime_ns
    assert without_times(again().run()) == without_times(evaluated)
    assert first.stat().st_mtime_ns == written
    assert not [*(tmp_path / "run").rglob("checkpoints")]


def test_a_study_that_has_got_more_seeds_is_gone_on_with(tmp_path: Path, tiny: str) -> None:
    recipe, dataset = parse_recipe(tiny, "tiny.toml"), load_dataset("digits")
    plan = parse_plan("[perturbations]\nblur = [1.0]", "mine")
    for seeds in ([0], [0, 1]):
        Study("tiny", recipe, dataset, tmp_path, seeds=seeds).run()
        found = Evaluation(tmp_path, plan, dataset).run()
        assert found.seeds == seeds
        assert len(found.metrics["accuracy/ffnn/blur@1"].values) == len(seeds)


def test_a_network_that_is_only_attacked_for_others_is_trained(tmp_path: Path, finished: Path) -> None:
    shutil.copytree(finished, tmp_path / "run", ignore=shutil.ignore_patterns("robustness"))
    text = PLAN[PLAN.index("[[networks]]") : PLAN.index("[[top_down]]")]
    text = 'contestants = ["ffnn"]\n' + text + '[attacks]\nimages = 5\nepsilons = [0.1]\nstranger = "pixels"'
    found = Evaluation(tmp_path / "run", parse_plan(text, "mine"), load_dataset("digits")).run()
    assert found.contestants == ["ffnn"]
    assert [path.stem for path in (tmp_path / "run/robustness/seed-0/models").iterdir()] == ["pixels"]
    taken = read_stage(tmp_path / "run/robustness/seed-0/stages", "attacks_ffnn")[0].facts["taken"]
    assert "transfer" in taken["linf@0.1"]


def test_another_plan_is_refused_and_leaves_everything(finished: Path, evaluated: Evaluated) -> None:
    before = (finished / "robustness" / "plan.json").read_bytes()
    with pytest.raises(SettingsError, match="holds the results of another plan"):
        Evaluation(finished, parse_plan("", "mine"), load_dataset("digits")).run()
    assert (finished / "robustness" / "plan.json").read_bytes() == before


def test_two_processes_at_once_are_refused(finished: Path, evaluated: Evaluated) -> None:
    held = FileLock(finished / "robustness" / ".lock")
    with held, pytest.raises(DeepBeliefError, match=r"at work in .*: wait for it\.$"):
        Evaluation(finished, parse_plan(PLAN, "plan"), load_dataset("digits")).run()


def test_damaged_records_are_named(tmp_path: Path, finished: Path, evaluated: Evaluated) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    again = partial(Evaluation, run, parse_plan(PLAN, "plan"), load_dataset("digits"))
    record = run / "robustness/seed-3/stages/clean.json"
    whole = record.read_text("utf-8")
    record.write_text("{", encoding="utf-8")
    with pytest.raises(DeepBeliefError, match=r"clean.json is damaged.*delete"):
        again().run()
    record.write_text(whole, encoding="utf-8")
    (run / "robustness/plan.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DeepBeliefError, match=r"plan.json is damaged"):
        again().run()


def test_a_damaged_network_is_one_sentence(tmp_path: Path, finished: Path, evaluated: Evaluated) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "robustness/seed-0/models/pixels.safetensors").write_bytes(b"torn")
    (run / "robustness/seed-0/stages/clean.json").unlink()
    with pytest.raises(DeepBeliefError, match=r"robustness/seed-0/stages/network_pixels.json and give the same"):
        Evaluation(run, parse_plan(PLAN, "plan"), load_dataset("digits")).run()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('contestants = ["readout_3"]', "contestants names readout_3, which this study and plan do not have"),
        ('contestants = ["robust_readout"]', "contestants names robust_readout, which"),
        ('rivals = ["fnn"]', "rivals names fnn"),
        (
            '[by_class]\ncontestants = ["fnn"]\nperturbations = ["blur"]\n[perturbations]\nblur = []',
            "by_class.contestants names fnn",
        ),
        ('pairs = [["ffnn", "mine"]]', "pairs names mine"),
        ("[[top_down]]\nlayer = 3", "top_down asks for layer 3, and the DBN has 2 layers"),
        ("[[top_down]]\nlayers = [0, 5]", "top_down asks for layer 5, and the DBN has 2 layers"),
        ('[[top_down]]\ncontestants = ["readout_1_rebuilt_1x1"]', "top_down.contestants names readout_1_rebuilt_1x1"),
        ("[[top_down]]\n[[top_down]]", "top_down asks for readout_2_rebuilt_2x1 twice"),
        ('[attacks]\nstranger = "nobody"', "attacks.stranger names nobody"),
        ('[[networks]]\nname = "ffnn"\n[networks.training]', "the name ffnn is taken"),
        ('[[networks]]\nname = "readout_9"\n[networks.training]', "the name readout_9 is taken"),
    ],
)
def test_plans_that_do_not_fit_the_study_are_refused(finished: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Evaluation(finished, parse_plan(text, "mine"), load_dataset("digits"))
    assert message in str(refused.value)


def test_other_data_and_no_study_are_refused(finished: Path, tmp_path: Path) -> None:
    other = load_dataset("digits")
    other.test.required_labels()[0] = 3 if other.test.required_labels()[0] != 3 else 4
    with pytest.raises(SettingsError, match="the data are not those of the study"):
        Evaluation(finished, parse_plan("", "mine"), other)
    with pytest.raises(DeepBeliefError, match="is this the folder of a finished run"):
        Evaluation(tmp_path, parse_plan("", "mine"), load_dataset("digits"))


def test_real_values_are_augmented_on_their_own_scale(tmp_path: Path, tiny: str) -> None:
    """A DBN of Gaussian units standardises: what learns from noise or attacks sees standardised changed pixels."""
    parts = {"train": load_dataset("digits").train, "test": load_dataset("digits").test}
    pixels = {f"x_{name}": 16 * part.batch(slice(None)).view(-1, 8, 8).numpy() for name, part in parts.items()}
    np.savez(tmp_path / "grey.npz", **pixels, **{f"y_{name}": part.required_labels() for name, part in parts.items()})
    text = tiny.replace("[dbn]", '[dbn]\nvisible = "gaussian"').replace("epochs = [3, 2]", "epochs = 1")
    dataset = load_dataset(str(tmp_path / "grey.npz"), real=True)
    assert dataset.bounds == (0, 16)
    Study("real", parse_recipe(text, "real"), dataset, tmp_path / "run").run()
    plan = PLAN[PLAN.index('[[networks]]\nname = "ffnn_noisy"') : PLAN.index("[[top_down]]")]
    plan += plan.replace("ffnn_noisy", "ffnn_attacked").partition("augmentation")[0]
    plan += 'augmentation = { kind = "attack", epsilon = 0.2, steps = 2 }'
    Evaluation(tmp_path / "run", parse_plan(plan, "mine"), dataset).run()
    study = load_run(tmp_path / "run")
    scaling, training = study.dbn.standardisation, dataset.split(study.recipe.data.validation, 0)[0]
    assert scaling is not None
    products = torch.bfloat16 if study.results.machine["precision"] == "bf16" else None
    seen = scaling(training.batch(slice(None)).float()), training.required_labels()
    attacked = FeedForward([64, 16, 10], torch.relu, Random(0, "ffnn_attacked"))

    def logits(images: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=products, enabled=products is not None):
            return attacked(scaling(images)).to(images.dtype)

    for name, network, change in (
        ("ffnn_noisy", FeedForward([64, 16, 10], torch.relu, Random(0, "ffnn_noisy")), NoisyLevels(8)),
        ("ffnn_attacked", attacked, Adversarial(logits, PGD(2), LInf(3.2, (0, 16)))),
    ):

        def changed(values: torch.Tensor, labels: torch.Tensor, random: Random, change: Any = change) -> torch.Tensor:
            return scaling(change(scaling.undo(values), labels, random))

        settings = MinibatchSettings(epochs=1, batch_size=200, learning_rate=0.01, patience=0)
        random = Random(0, f"{name}/training")
        list(MinibatchTraining(network, seen, settings, random=random, augment=changed, products=products).epochs())
        kept = load_network(tmp_path / f"run/robustness/seed-0/models/{name}.safetensors")
        for found, expected in zip(kept.parameters(), network.parameters(), strict=True):
            torch.testing.assert_close(found, expected.detach(), rtol=1e-4, atol=1e-5)
