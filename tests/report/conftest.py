"""Synthetic runs: every stage of a study, written as the study writes it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.cluster.hierarchy

from deepbelief.report import style
from deepbelief.study.records import Arrays, Metric, Results, StageRecord, write_json, write_stage

STAGES = [
    *("data", "samples", "pretraining", "receptive_fields", "deep_receptive_fields", "features", "readouts"),
    *("mlp_head", "development", "baseline", "finetuning", "random_start"),
    *("psychometric", "clusters", "confusion", "noise_attack"),
    *("gradient_attack", "robustness", "topdown_defence", "encoding", "generation"),
]
OPTIONAL = {"mlp_head", "random_start"}


@dataclass(frozen=True)
class Synthetic:
    """What a made-up run looks like."""

    shape: tuple[int, int] = (6, 9)
    widths: tuple[int, ...] = (54, 12, 8)
    names: tuple[str, ...] = ("<b>&", "$5 sock", "Trouser")
    seeds: tuple[int, ...] = (0,)
    published: dict[str, float] = field(default_factory=dict)
    levels: tuple[float, ...] = tuple(round(0.1 * step, 1) for step in range(14))
    epsilons: tuple[float, ...] = (0, 0.05, 0.1, 0.2)
    optional: bool = True  # validation curves, free-energy gap, views of the strongest units, maps
    aware: float = 0.065  # how wide a ball PGD through the defence needs; wider than others: its gradient is masked
    epochs: int = 20  # that the feed-forward network may take

    @property
    def layers(self) -> range:
        return range(1, len(self.widths))

    @property
    def contestants(self) -> list[str]:
        more = ["robust_readout", "all_layers", "mlp_head", "random_start"] if self.optional else []
        return [*(f"readout_{layer}" for layer in self.layers), *more, "ffnn", "finetuned"]


def write_run(folder: Path, plan: Synthetic, images: np.ndarray | None = None) -> Path:
    """Write a whole run; `images` (classes, n, h, w) may replace the random ones."""
    random = np.random.default_rng(0)
    if images is None:
        images = random.random((len(plan.names), 8, *plan.shape), dtype=np.float32)
    metrics = [_metrics(plan, np.random.default_rng(seed)) for seed in plan.seeds]
    stages = _first_stages(plan, random, images) | _classifier_stages(plan, random)
    stages |= _attack_stages(plan, random, images) | _search_stage(plan, random, images)
    stages |= _generation_stage(plan, images)
    for seed in plan.seeds[:1]:
        for stage, (facts, arrays) in stages.items():
            record = StageRecord(stage=stage, seconds=1.5, facts=facts)
            write_stage(folder / f"seed-{seed}" / "stages", record, arrays)
    results = Results(
        recipe="default",
        title="Made up & tried out",
        settings={
            "recipe": "default",
            "data": {"name": "made up", "limit": None},
            "pretraining": {"rate": 0.1},
            "readouts": {"max_iterations": 150},
            "robust_readout": {"max_iterations": 900},
            "baseline": {"training": {"epochs": plan.epochs, "patience": 3}},
            "finetuning": {"epochs": 20, "patience": 0},
            "random_start": {"epochs": 20, "patience": 0},
            "all_layers": {"mlp_head": {"training": {"epochs": 20, "patience": 0}}},
        },
        published=plan.published,
        seeds=list(plan.seeds),
        stages=[stage for stage in STAGES if plan.optional or stage not in OPTIONAL],
        contestants=plan.contestants,
        metrics={name: Metric.over_seeds([found[name] for found in metrics]) for name in metrics[0]},
        data={"name": "made up", "fingerprint": "0123"},
        versions={"deepbelief": "0.0", "python": "3.11"},
        machine={
            **{"processor": "abacus <i>", "cores": 2, "memory_bytes": 2**34},
            **{"capability": "AVX2", "device": "cpu", "precision": "bf16"},
        },
    )
    write_json(folder / "results.json", results)
    return folder


def _metrics(plan: Synthetic, random: np.random.Generator) -> dict[str, float]:
    found = {f"time/{stage}": float(random.uniform(0.1, 400)) for stage in STAGES}
    found |= {"time/total": sum(found.values()), "memory/peak": 1.7e9, "retrieval_precision/pixels": 0.71}
    for layer in plan.layers:
        found |= _development_metrics(layer, random)
        found |= {f"reconstruction_error/layer_{layer}@{epoch}": 2.2 / epoch + layer for epoch in (1, 2)}
        found |= {f"mean_activation/layer_{layer}": 0.2, f"retrieval_precision/layer_{layer}": 0.7 + 0.03 * layer}
        found[f"loss/readout_{layer}@1"] = 2.3
    for space in ("pixels", *(f"layer_{layer}" for layer in plan.layers)):
        found[f"embedding_variance/{space}"] = 0.43
        found |= {f"embedding_precision/{kind}/{space}": 0.64 for kind in ("full", "pca", "tsne")}
    found |= {"label_units/accuracy": 0.8, "log_z/top": 300.0, "effective_chains/top": 40.0}
    found |= {"of_each_class/taken": 0.83, "of_each_class/least_taken": 0.61, "of_each_class/spread": 0.77}
    found |= {"fantasies/unevenness": 0.12, "gain_of_pretraining/finetuned": 0.0213}
    found |= {"log_likelihood/upper": -100 + float(random.normal()), "log_likelihood/lower": -102.0}
    chance = 1 / len(plan.names)
    for number, name in enumerate(plan.contestants):
        clean = 0.8 + 0.02 * number + float(random.normal(0, 0.004))
        found |= {f"accuracy/{name}": clean, f"accuracy_train/{name}": clean + 0.03}
        for kind, width in (("gaussian", 0.9 - 0.1 * number), ("gaussian_clipped", 1.3 - 0.1 * number)):
            for level in plan.levels:
                found[f"accuracy/{name}/{kind}@{level:g}"] = chance + (clean - chance) * _fall(level, width, random)
        kinds = {"fgsm": 0.08, "pgd": 0.06, "uniform": 0.6}
        if name.startswith("readout"):
            kinds |= {
                "fgsm_defended_1": 0.1,
                "fgsm_adaptive_1": 0.075,
                "fgsm_defended_3": 0.09,
                "fgsm_adaptive_3": 0.07,
                "pgd_defended_1": 0.09,
                "pgd_adaptive_1": plan.aware,
                "pgd_defended_3": 0.08,
                "pgd_adaptive_3": plan.aware,
            }
        for kind, width in kinds.items():
            for level in plan.epsilons:
                found[f"accuracy/{name}/{kind}@{level:g}"] = clean * _fall(level, width - 0.004 * number, random)
    return found


def _development_metrics(layer: int, random: np.random.Generator) -> dict[str, float]:
    found = {}
    for epoch in (0, 1, 50):
        clean = 0.8 + 0.02 * layer - 0.1 / (1 + epoch) + float(random.normal(0, 0.001))
        found |= {f"accuracy/layer_{layer}@{epoch}": clean, f"cka_final/layer_{layer}@{epoch}": 1 - 0.2 / (1 + epoch)}
        curve = f"accuracy/layer_{layer}/epoch_{epoch}/gaussian"
        # In noise layer 1 gets worse again.
        found |= {f"{curve}@0": clean, f"{curve}@0.5": clean - 0.1 - 0.1 * (layer == 1 and epoch == 50)}
        if epoch:
            found |= {f"cka_before/layer_{layer}@{epoch}": 0.9, f"change/layer_{layer}@{epoch}": 0.4}
    return {f"development/{name}": value for name, value in found.items()}


def _fall(level: float, width: float, random: np.random.Generator) -> float:
    return float(np.exp(-((level / width) ** 2)) * np.clip(1 + random.normal(0, 0.01 * (level > 0)), 0, 1.02))


def _first_stages(plan: Synthetic, random: np.random.Generator, images: np.ndarray) -> dict[str, Any]:
    count, names = len(plan.names), {"class_names": list(plan.names)}
    every = images.reshape(-1, *plan.shape)
    labels = np.repeat(np.arange(count), images.shape[1])
    drawn = random.integers(0, len(every), 16)
    counts = np.full(count, 6000)
    facts = {"image_shape": list(plan.shape), "n_train": 55000, "n_validation": 5000, "n_test": 10000}
    facts |= {"name": "Made & up", "pixel_mean": 0.286, "pixel_std": 0.353, "zero_fraction": 0.5}
    grids = {f"{part}_grid": every[drawn] for part in ("train", "test")}
    grids |= {f"{part}_labels": labels[drawn] for part in ("train", "test")}
    error = {f"layer_{x}/reconstruction_error": x + 2 / np.arange(1.0, 51) for x in plan.layers}
    gap = {f"layer_{x}/free_energy_gap": np.linspace(0, x, 50) for x in plan.layers} if plan.optional else {}
    chosen = {"threshold": 0.0, "choice": "strongest", "scale": "each"} if plan.optional else {"threshold": 0.1}
    views = ("layer", "maximised", "top_down") if plan.optional else ("layer",)
    features: Arrays = {}
    for layer in plan.layers:
        features[f"layer_{layer}/examples"] = random.beta(0.2, 0.6, (count, plan.widths[layer]))
        features[f"layer_{layer}/histogram"] = np.histogram(random.beta(0.2, 0.6, 9999), 50, (0, 1))[0] / 9999
    return {
        "data": (
            facts | names,
            {"class_counts_train": counts, "class_counts_test": counts // 6, "class_means": images.mean(axis=1)},
        ),
        "samples": (
            names | {"train_one_label": 1, "test_one_label": 0},
            {"train_one": (255 * images[1, 0]).astype(np.uint8), "test_one": images[0, 0], **grids},
        ),
        "pretraining": (
            {"layers": list(plan.widths), "epochs": [50] * len(plan.layers), "parameters": 123456},
            error | gap,
        ),
        "receptive_fields": (chosen, {"layer_1": every[: plan.widths[1]][:100]}),
        "deep_receptive_fields": (
            chosen,
            {f"{view}_{x}": every[: plan.widths[x]][:100] for view in views for x in plan.layers if x > 1},
        ),
        "features": (names | {"shapes": {f"layer_{x}": [55000, plan.widths[x]] for x in plan.layers}}, features),
    }


def _classifier_stages(plan: Synthetic, random: np.random.Generator) -> dict[str, Any]:
    count, who = len(plan.names), plan.contestants
    step, epoch = np.arange(1, 1501, 10), np.arange(1, 21)
    course = {"loss": 0.5 + 2 * np.exp(-step / 200), "step": step}
    epochs: Arrays = {"loss": 0.3 + 1 / epoch, "step": epoch}
    if plan.optional:
        epochs |= {"epoch": epoch, "validation_accuracy": 0.9 - 0.3 / epoch}
    network = {"layers": [*plan.widths, count], "method": "minibatch", "best_epoch": 17 if plan.optional else None}
    whole = network | {"method": "full-batch", "best_epoch": None}
    read = {f"readout_{x}/{key}": course[key] + 0.1 * x * (key == "loss") for x in plan.layers for key in course}
    if plan.optional:
        read |= {f"{name}/{key}": course[key] for name in ("robust_readout", "all_layers") for key in course}
    more = {"mlp_head": (network, epochs), "random_start": (network, epochs)} if plan.optional else {}
    method = "converged" if plan.optional else "full-batch"
    read_outs = {"robust_readout": False} | {f"readout_{x}": x == 1 for x in plan.layers}
    converged = {"converged": read_outs} if plan.optional else {}
    matrix = 0.8 * np.eye(count) + random.dirichlet(np.ones(count) * 0.3, count) * 0.2
    means = {x: random.random((count, 5)) for x in plan.layers}
    trees = {f"layer_{x}/linkage": scipy.cluster.hierarchy.linkage(mean, "complete") for x, mean in means.items()}
    looks: Arrays = {f"layer_{x}/epochs": np.asarray([0, 1, 50]) for x in plan.layers} | {
        "levels": np.asarray([0, 0.5])
    }
    looked_at = {"images": 5000, "test_images": 5000, "compared": 2000}
    return {
        "development": (looked_at, looks),
        "readouts": ({"method": method, "l2": {f"readout_{x}": 1e-4 for x in plan.layers}, **converged}, read),
        "baseline": (network, epochs) if plan.optional else (whole, course),
        "finetuning": (network, epochs),
        **more,
        "clusters": ({"class_names": list(plan.names)}, trees),
        "confusion": ({"most_confused": {c: [0, 1, 0.12] for c in who}}, dict.fromkeys(who, matrix)),
    }


def _attack_stages(plan: Synthetic, random: np.random.Generator, images: np.ndarray) -> dict[str, Any]:
    who, image, noise = plan.contestants, images[0, 0], random.uniform(-1, 1, plan.shape)
    levels, epsilons = np.asarray(plan.levels), np.asarray(plan.epsilons)
    noisy = image + levels[:, None, None] * random.normal(size=(len(levels), *plan.shape))
    answers = {"label": 0, "before": dict.fromkeys(who, 0), "after": {c: i % 2 for i, c in enumerate(who)}}
    answers["class_names"] = list(plan.names)
    attacked = np.clip(image + 0.2 * np.sign(noise), 0, 1)
    defence = {"contestant": who[0], "epsilon": 0.1, "label": 0}
    pgd = {"pgd": {"images": 350, "steps": 10}}
    defence |= pgd | {"predictions": {"original": 0, "attacked": 1, "reconstructed_1": 0, "reconstructed_3": 1}}
    rebuilt = np.stack([images.mean(axis=1)[0]] * 2)
    return {
        "psychometric": (
            {"example_label": 0},
            {"levels": levels, "examples_unclipped": noisy, "examples_clipped": noisy.clip(0, 1)},
        ),
        "noise_attack": (
            answers | {"epsilon": 0.5},
            {"original": image, "perturbed": np.clip(image + noise / 2, 0, 1)},
        ),
        "gradient_attack": (
            answers | {"epsilon": 0.2},
            {"original": image} | {f"perturbed_{contestant}": attacked for contestant in who},
        ),
        "robustness": (pgd, {"epsilons": epsilons}),
        "topdown_defence": (
            defence,
            {"original": image, "attacked": attacked, "reconstructed": rebuilt, "num_steps": np.asarray([1, 3])},
        ),
    }


def _search_stage(plan: Synthetic, random: np.random.Generator, images: np.ndarray) -> dict[str, Any]:
    count, near = len(plan.names), ["pixels", f"layer_{plan.layers[-1]}"]
    labels, found = np.arange(8) % count, random.integers(0, images.shape[1], (8, 5))
    wrong = (np.arange(8)[:, None] + (random.random((8, 5)) < 0.2)) % count
    arrays = {"queries": images[labels, 1], "query_labels": labels}
    arrays |= {f"neighbours_{key}": images[wrong, found] for key in near} | {f"labels_{key}": wrong for key in near}
    if plan.optional:
        arrays["embedded_labels"] = np.arange(30) % count
        for space in ("pixels", *(f"layer_{layer}" for layer in plan.layers)):
            arrays |= {f"{kind}_{space}": random.normal(size=(30, 2)).astype(np.float32) for kind in ("pca", "tsne")}
    return {"encoding": ({"class_names": list(plan.names)}, arrays)}


def _generation_stage(plan: Synthetic, images: np.ndarray) -> dict[str, Any]:
    facts: dict[str, Any] = {"class_names": list(plan.names), "steps": 1000, "images": 200, "chains": 100}
    facts |= {
        "temperatures": 1000,
        "layers": len(plan.layers),
        "warnings": ["log Z rests on few chains."] * plan.optional,
    }
    facts |= {"upper_interval": [-101.0, -99.0], "lower_interval": [-103.0, -101.0]}
    judged = {"images": 20, "judge": "ffnn", "taken": [0.71] * len(plan.names), "real": [0.9] * len(plan.names)}
    if plan.optional:
        facts |= {"of_each_class": judged, "fantasies": {**judged, "images": 6}}
    every = images.reshape(-1, *plan.shape)
    arrays = {"fantasies": every[:6], "of_each_class": images[:, :2].reshape(-1, *plan.shape)}
    return {"generation": (facts, arrays | {"originals": every[:4], "completed": every[4:8]})}


@pytest.fixture(scope="session", autouse=True)
def coarse_pictures() -> Iterator[None]:
    """Draw with few pixels: the same code in half the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(style, "DPI", 50)
        yield


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Write a synthetic run with the given plan; returns its folder."""

    def make(**plan: Any) -> Path:
        return write_run(tmp_path_factory.mktemp("run"), Synthetic(**plan))

    return make
