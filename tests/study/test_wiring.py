"""What a study gives to which of its parts: nothing is learnt or chosen from test images, choices are held-out ones."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor
from torch.nn.functional import cross_entropy

from deepbelief.checkpoint import save_dbn
from deepbelief.data import Dataset, Images
from deepbelief.likelihood import AISSettings, ais, layer_path
from deepbelief.models.annealed_path import base_rate_bias
from deepbelief.models.dbn import DBN
from deepbelief.randomness import Random
from deepbelief.robustness.defence import Defended
from deepbelief.study import robustness, training
from deepbelief.study.context import Context
from deepbelief.study.progress import Silent
from deepbelief.study.recipe import Recipe, parse_recipe
from deepbelief.study.records import Arrays, StageRecord, read_results, read_stage
from deepbelief.study.run import Study
from deepbelief.system.precision import FP32

CLASSES, WIDTH = 3, 12
RECIPE = """
title = "Everything is chosen on held-out images"
precision = "fp32"
data.validation = 36
dbn = { hidden = [10, 8], weight_std = 0.1 }
pretraining = { epochs = [8, 4], batch_size = 12, patience = 2 }
readouts = { method = "converged", l2 = [1000.0, 0.001], max_iterations = 30 }
baseline = { hidden = [10], training = { method = "minibatch", epochs = 8, batch_size = 12, learning_rate = 0.02 } }
finetuning = { epochs = 8, batch_size = 12, learning_rate = 0.02 }
random_start = { epochs = 20, batch_size = 12, learning_rate = 0.1, patience = 15 }
robust_readout = { l2 = [0.3], max_iterations = 30 }
all_layers.mlp_head = { hidden = [9], training = { epochs = 8, batch_size = 12, learning_rate = 0.02 } }
development = { epochs = [0, 2], images = 40, levels = [0.5] }
noise.levels = [0.0, 0.5]
attack = { epsilons = [0.0, 0.1, 0.3] }
defence.steps = [1, 2]
[generation]
fantasies = 2
steps = 6
inpainted = 2
temperatures = 20
chains = 10
images = 10
labels = { hidden = 6, training = { epochs = 1, batch_size = 12 } }
"""
READOUTS = ["readout_1", "readout_2", "robust_readout", "all_layers"]
LEARNT = ["dbn", *READOUTS, "mlp_head", "ffnn", "random_start", "finetuned", "labelled"]
# The stages that train a network with early stopping -> what they train.
TRAINED = {"mlp_head": "mlp_head", "baseline": "ffnn", "random_start": "random_start", "finetuning": "finetuned"}


def images(n: int, seed: int, contrast: float) -> Images:
    """Grey pictures of three classes, each with a third of the pixels bright, and noise."""
    random, labels = Random(seed, "images"), torch.arange(n) % CLASSES
    clear = torch.nn.functional.one_hot(labels, CLASSES).repeat_interleave(WIDTH // CLASSES, dim=1)
    return Images((contrast * clear + (1 - contrast) * random.uniform((n, WIDTH))).clamp(0, 1), 1.0, labels)


def dataset(poison: Callable[[Dataset], Dataset] = lambda one: one, contrast: float = 0.4) -> Dataset:
    parts = images(144, 0, contrast), images(60, 1, contrast)
    return poison(Dataset("made up", *parts, (3, 4), ("a", "b", "c")))


def other_test_images(one: Dataset) -> Dataset:
    wrong = Images(1 - one.test.pixels.flip(0), 1.0, one.test.required_labels().roll(7))
    return replace(one, test=wrong)


def other_held_out_images(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Dataset], Dataset]:
    """The images that seed 0 sets aside become change(their pixels, their labels)."""

    def poison(one: Dataset) -> Dataset:
        numbered = Images(torch.arange(len(one.train)).float()[:, None] / 1000, 1.0, one.train.labels)
        aside = Dataset("numbers", numbered, numbered, (1,), one.class_names).split(36, 0)[1]
        rows = (aside.pixels[:, 0] * 1000).round().long()
        pixels = one.train.pixels.clone()
        pixels[rows] = change(pixels[rows], one.train.required_labels()[rows])
        return replace(one, train=Images(pixels, 1.0, one.train.labels))

    return poison


def recipe(*changes: tuple[str, str]) -> Recipe:
    text = RECIPE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_recipe(text, "wiring.toml")


def run(folder: Path, data: Dataset, settings: Recipe | None = None) -> Path:
    Study("wiring", settings or recipe(), data, folder).run()
    return folder / "seed-0"


def context(folder: Path, data: Dataset | None = None, settings: Recipe | None = None, seed: int = 0) -> Context:
    """A look at what a study of this seed has trained in this folder."""
    return Context(settings or recipe(), data or dataset(), seed, torch.device("cpu"), FP32, folder, Silent())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run(tmp_path_factory.mktemp("wiring") / "run", dataset())


def stage(folder: Path, name: str) -> tuple[StageRecord, Arrays]:
    return read_stage(folder / "stages", name)


def models(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    return {name: load_file(folder / "models" / f"{name}.safetensors") for name in LEARNT}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def test_with_other_test_images_all_that_is_learnt_is_the_same(finished: Path, tmp_path: Path) -> None:
    poisoned = run(tmp_path / "run", dataset(other_test_images))
    ours, theirs = models(finished), models(poisoned)
    assert all(same(ours[name], theirs[name]) for name in LEARNT)
    noticed = False
    for name in ("pretraining", "readouts", *TRAINED, "features", "clusters", "generation"):
        (one, arrays), (other, others) = stage(finished, name), stage(poisoned, name)
        assert one.metrics.keys() == other.metrics.keys()
        learnt = {key for key in one.metrics if key.startswith(("loss/", "reconstruction", "accuracy_train/", "mean_"))}
        for key in learnt | {"log_z/top", "effective_chains/top"} & set(one.metrics):
            assert one.metrics[key] == other.metrics[key], key
        noticed |= any(one.metrics[key] != other.metrics[key] for key in one.metrics if key.startswith("accuracy/"))
        if name != "generation":
            assert one.facts == other.facts
            assert same(arrays, others)
    assert noticed  # that the test images are others


def mistaken(pixels: Tensor, labels: Tensor) -> Tensor:
    """Each image shows the next class: who has learnt most is wrong most often."""
    return pixels.roll(WIDTH // CLASSES, dims=1)


def test_classifiers_stop_and_choose_by_held_out_images(finished: Path, tmp_path: Path) -> None:
    settings = recipe((", patience = 2 }", " }"))
    clean, poisoned = (
        run(tmp_path / name, dataset(change), settings)
        for name, change in (("clean", lambda one: one), ("poisoned", other_held_out_images(mistaken)))
    )
    assert same(models(clean)["dbn"], models(poisoned)["dbn"])  # which does not stop early here
    for name in TRAINED:
        (one, arrays), (other, others) = stage(clean, name), stage(poisoned, name)
        both = min(len(arrays["loss"]), len(others["loss"]))
        if name != "finetuning":  # which starts from the read-out that was chosen
            assert np.array_equal(arrays["loss"][:both], others["loss"][:both])
        assert arrays["validation_accuracy"].max() > 0.8
        assert others["validation_accuracy"][-1] < 0.5
        assert one.facts["best_epoch"] > other.facts["best_epoch"]
    for folder, chosen in ((clean, 0.001), (poisoned, 1000.0)):
        penalties = stage(folder, "readouts")[0].facts["l2"]
        assert penalties == {name: 0.3 if name == "robust_readout" else chosen for name in READOUTS}


def test_what_is_told_of_held_out_images_is_what_the_kept_network_gives(finished: Path) -> None:
    one = context(finished)
    for name, network in TRAINED.items():
        record, arrays = stage(finished, name)
        guessed = one.contestants[network](one.held_out.batch(slice(0, 36))).argmax(dim=1)
        right = guessed == one.held_out.required_labels()
        best = arrays["validation_accuracy"].max()
        assert best == pytest.approx(float(right.double().mean()))
        assert arrays["epoch"][arrays["validation_accuracy"].argmax()] == record.facts["best_epoch"]


def unrelated(pixels: Tensor, labels: Tensor) -> Tensor:
    """The same pixels, each from another image: what a layer learns of their relations makes it worse."""
    random = Random(9)
    return torch.stack([column[random.permutation(len(column))] for column in pixels.T], dim=1)


def test_layers_stop_by_held_out_images(tmp_path: Path) -> None:
    settings = recipe(("patience = 2 }", "patience = 2, learning_rate = 0.3 }"))
    found = []
    for name, change in (("clean", lambda one: one), ("poisoned", other_held_out_images(unrelated))):
        found.append(training.pretraining(context(tmp_path / name, dataset(change, 0.75), settings)))
    one, other = (each.arrays["layer_1/reconstruction_error"] for each in found)
    assert len(other) < len(one)
    assert np.array_equal(one[: len(other)], other)
    assert [each.facts["epochs"][0] for each in found] == [len(one), len(other)]
    for each in found:
        watched = each.arrays["layer_1/pseudo_likelihood_unit"]
        assert len(watched) in (8, watched.argmax() + 1 + 2)


def test_training_images_are_those_that_are_not_held_out() -> None:
    one, whole = context(Path()), dataset()
    assert (len(one.training), len(one.held_out), len(one.test)) == (108, 36, 60)
    both = torch.cat([one.training.pixels, one.held_out.pixels])
    assert len(torch.cat([both, whole.train.pixels]).unique(dim=0)) == len(both.unique(dim=0)) == 144
    few = context(Path(), settings=recipe(("validation = 36", "validation = 36\ndata.train_images = 50")))
    assert len(few.training) == 50
    assert len(torch.cat([few.training.pixels, one.training.pixels]).unique(dim=0)) == 108
    assert torch.equal(few.held_out.pixels, one.held_out.pixels)
    assert not torch.equal(context(Path(), seed=1).held_out.pixels, one.held_out.pixels)


def test_a_network_from_a_random_start_has_the_shape_of_the_finetuned_one_and_none_of_its_weights(
    finished: Path, tmp_path: Path
) -> None:
    one = context(finished)
    made, tuned = one.network("random_start"), one.network("finetuned")
    assert made.sizes == tuned.sizes == [WIDTH, 10, 8, CLASSES]
    assert made.activation is tuned.activation is torch.sigmoid
    (tmp_path / "models").mkdir()
    for name in ("dbn", "finetuned"):
        shutil.copy(finished / "models" / f"{name}.safetensors", tmp_path / "models")
    still = recipe(("random_start = { epochs = 20, batch_size = 12, learning_rate = 0.1, patience = 15 }",
                    "random_start = { epochs = 1, batch_size = 12, learning_rate = 1e-30, patience = 0 }"))  # fmt: skip
    untrained = context(tmp_path, settings=still)
    found = training.random_start(untrained).metrics
    assert found["gain_of_pretraining/finetuned"] > 0.3
    assert found["gain_of_pretraining/finetuned"] + found["accuracy/random_start"] == pytest.approx(
        stage(finished, "finetuning")[0].metrics["accuracy/finetuned"]
    )
    weights = untrained.network("random_start").linear(1).weight
    assert float(weights.abs().max()) <= WIDTH**-0.5  # as a layer begins
    assert not torch.isclose(weights, one.dbn.layer(1).weights.T, rtol=0.01).any()


@pytest.mark.parametrize(("name", "layers"), [("robust_readout", [2]), ("all_layers", [1, 2]), ("mlp_head", [1, 2])])
def test_classifiers_see_the_features_of_their_layers_side_by_side(
    finished: Path, name: str, layers: list[int]
) -> None:
    one = context(finished)
    features = torch.cat([one.dbn.encode(one.test_pixels, layer) for layer in layers], dim=1)
    logits = one.network(name)(features)
    torch.testing.assert_close(one.contestants[name](one.test_pixels), logits)
    right = float((logits.argmax(dim=1) == one.test.required_labels()).double().mean())
    in_stage = "readouts" if name in READOUTS else name
    assert stage(finished, in_stage)[0].metrics[f"accuracy/{name}"] == pytest.approx(right)
    assert torch.equal(one.clean_predictions[name], logits.argmax(dim=1))


def test_what_a_recipe_does_not_ask_for_is_left_out(tmp_path: Path) -> None:
    lines = [line for line in RECIPE.splitlines() if not line.startswith(("random_start", "robust", "all_layers"))]
    folder = run(tmp_path / "run", dataset(), parse_recipe("\n".join(lines), "wiring.toml"))
    left_out = {"robust_readout", "all_layers", "mlp_head", "random_start"}
    assert not {path.stem for kind in ("stages", "models") for path in (folder / kind).iterdir()} & left_out
    assert read_results(tmp_path / "run").contestants == ["readout_1", "readout_2", "ffnn", "finetuned"]


def test_finetuning_starts_from_the_readout(finished: Path, tmp_path: Path) -> None:
    still = recipe(("finetuning = { epochs = 8, batch_size = 12, learning_rate = 0.02 }",
                    "finetuning = { epochs = 1, batch_size = 12, learning_rate = 1e-30, patience = 0 }"))  # fmt: skip
    shutil.copytree(finished / "models", tmp_path / "models")
    one = context(tmp_path, settings=still)
    readout, labels = one.contestants["readout_2"], one.training.required_labels()
    found = training.finetuning(one)
    loss = cross_entropy(readout(one.training.batch(slice(0, 108))), labels)
    assert found.metrics["loss/finetuned@1"] == pytest.approx(float(loss.detach()), rel=1e-4)
    assert found.metrics["accuracy/finetuned"] == stage(finished, "readouts")[0].metrics["accuracy/readout_2"]
    logits = one.network("finetuned")(one.test_pixels), readout(one.test_pixels).detach()
    torch.testing.assert_close(*logits, rtol=1e-3, atol=1e-2)


def moved(classifier: Callable[[Tensor], Tensor], one: Context, epsilon: float) -> Tensor:
    """The test images, each pixel moved by epsilon along the sign of its gradient of a classifier's loss."""
    inputs, labels = one.test_pixels.clone().requires_grad_(), one.test.required_labels()
    (slope,) = torch.autograd.grad(cross_entropy(classifier(inputs), labels, reduction="sum"), inputs)
    return (one.test_pixels + epsilon * slope.sign()).clamp(0, 1)


def test_attacks_go_through_what_they_attack(finished: Path, tmp_path: Path) -> None:
    """Plain ones through each contestant, adaptive ones through the defence: here a DBN that changes a lot."""
    shutil.copytree(finished / "models", tmp_path / "models")
    save_dbn(tmp_path / "models" / "dbn.safetensors", DBN.from_sizes([WIDTH, 10, 8], Random(5), weight_std=4.0))
    one = context(tmp_path)
    training.readouts(one)
    plain, defence = robustness.robustness(one).metrics, robustness.topdown_defence(one).metrics

    def right(classifier: Callable[[Tensor], Tensor], attacked: Tensor) -> float:
        return float((classifier(attacked).argmax(dim=1) == one.test.required_labels()).double().mean())

    differences = set()  # in accuracy
    for name, classifier in one.contestants.items():
        for epsilon in (0.1, 0.3):
            attacked = moved(classifier, one, epsilon)
            assert plain[f"accuracy/{name}/fgsm@{epsilon:g}"] == right(classifier, attacked)
            for steps in (1, 2) if name.startswith("readout") else ():
                defended = Defended(classifier, one.dbn.reconstruct, steps)
                unaware, adaptive = right(defended, attacked), right(defended, moved(defended, one, epsilon))
                assert defence[f"accuracy/{name}/fgsm_defended_{steps}@{epsilon:g}"] == unaware
                assert defence[f"accuracy/{name}/fgsm_adaptive_{steps}@{epsilon:g}"] == adaptive
                assert defence[f"accuracy/{name}/fgsm_defended_{steps}@0"] == right(defended, one.test_pixels)
                differences.add(unaware - adaptive)
    assert differences != {0.0}  # the two attacks are not the same


def test_unattacked_images_behind_the_defence_count_as_the_classifier_takes_them(finished: Path) -> None:
    """Also those that it hardly gets wrong."""
    one, labels = context(finished), context(finished).test.required_labels()
    defence, hardly_wrong = robustness.topdown_defence(one).metrics, 0
    for layer in (1, 2):
        name = f"readout_{layer}"
        for steps in (1, 2):
            logits = Defended(one.contestants[name], one.dbn.reconstruct, steps)(one.test_pixels).detach()
            measured = float((logits.argmax(dim=1) == labels).double().mean())
            for kind in ("defended", "adaptive"):
                assert defence[f"accuracy/{name}/fgsm_{kind}_{steps}@0"] == measured
            short = logits.amax(dim=1) - logits.gather(1, labels[:, None]).squeeze(1)
            hardly_wrong += int(((short > 0) & (short < 1)).sum())
    assert hardly_wrong > 0


def test_the_base_rates_are_those_of_the_training_images(finished: Path) -> None:
    one = context(finished)
    random, settings = one.random("likelihood"), AISSettings.of(20, 10)
    rows = random.permutation(60)[:10]
    random.bernoulli(one.test_pixels[rows])  # test images are made binary before the chains start
    z = ais(layer_path(one.dbn, 2, one.training), random, settings)
    assert stage(finished, "generation")[0].metrics["log_z/top"] == z.log_z
    path = layer_path(one.dbn, 1, one.training)
    assert torch.equal(path.base_bias, base_rate_bias(one.dbn.layer(1).visible, [one.training.batch(slice(0, 108))]))
