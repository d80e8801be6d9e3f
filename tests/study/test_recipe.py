"""Recipes: what comes with the package is valid, what is unknown or impossible is refused by name."""

from pathlib import Path

import pytest

from deepbelief.errors import SettingsError
from deepbelief.learning.backprop.classifier import FullBatchSettings
from deepbelief.learning.backprop.readout import ConvergedSettings
from deepbelief.study.recipe import load_recipe, parse_recipe
from deepbelief.study.recipes import RECIPES, recipe_text


@pytest.mark.parametrize("name", RECIPES)
def test_what_comes_with_the_package_is_valid(name: str) -> None:
    found, recipe = load_recipe(name)
    assert found == name
    assert len(recipe.pretraining) == len(recipe.dbn.hidden) == 3
    of_features, others = ["readout_1", "readout_2", "readout_3"], ["ffnn", "finetuned"]
    if name == "thorough":
        of_features, others = (
            [*of_features, "robust_readout", "all_layers", "mlp_head"],
            ["ffnn", "random_start", "finetuned"],
        )
    assert recipe.contestants == [*of_features, *others]


def test_the_reference_is_the_published_study() -> None:
    recipe = load_recipe("reference")[1]
    assert recipe.dbn.hidden == (300, 300, 700)
    assert recipe.dbn.weight_std == 0.1
    assert recipe.precision == "fp32"
    for settings in recipe.pretraining:
        assert (settings.epochs, settings.batch_size, settings.learning_rate) == (50, 128, 0.1)
        assert [settings.momentum_at(epoch) for epoch in (5, 6)] == [0.5, 0.95]
        assert (settings.weight_decay, settings.gibbs_steps, settings.growing_gibbs_steps) == (0.0001, 1, False)
        assert not settings.visible_samples
        assert not settings.visible_bias_from_data
        assert settings.batch_statistics
        assert not settings.shuffle
        assert settings.drop_last
    assert (
        recipe.readouts == recipe.baseline.training == FullBatchSettings(steps=1500, learning_rate=0.001, momentum=0.9)
    )
    assert recipe.baseline.hidden == (200, 200, 400)
    assert recipe.noise.levels == tuple(step / 10 for step in range(14))
    assert recipe.data.validation == 0


def test_lists_give_each_layer_its_own_value(tiny: str) -> None:
    recipe = parse_recipe(tiny, "tiny.toml")
    assert [settings.epochs for settings in recipe.pretraining] == [3, 2]
    assert [settings.batch_size for settings in recipe.pretraining] == [10, 10]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "batch_size = 10\nlearning_rate",
            "batchsize = 10\nlearning_rate",
            "pretraining.batchsize is not a setting: did you mean batch_size?",
        ),
        ("[noise]", "[nois]", "nois is not a setting: did you mean noise?"),
        ("steps = 150", "steps = 0", "readouts.steps = 0 is impossible: input should be greater than or equal to 1."),
        ("hidden = [16]", "hidden = [0]", "baseline.hidden = 0 is impossible"),
        ("epochs = [3, 2]", "epochs = [3, 2, 1]", "pretraining.epochs lists 3 values for 2 layers: give one for each"),
        ("epochs = [3, 2]", "epochs = [3, -2]", "pretraining.epochs = -2 is impossible"),
        ('method = "full-batch"', 'method = "magic"', "readouts"),
        ('method = "full-batch"\n', "", "readouts is missing"),
        ("[finetuning]", "[finetuning", "is not valid TOML"),
        ('title = "A tiny study"', "", "title is missing: copy it from a recipe"),
        (
            "validation = 200",
            "validation = 0",
            "baseline.training.patience makes a choice on held-out images: set data.validation above 0",
        ),
        ("weight_std = 0.3", 'weight_std = "big"', "dbn.weight_std = 'big' is impossible"),
        ("hidden = [20, 12]", "hidden = []", "dbn.hidden = [] is impossible"),
        ("hidden = [20, 12]", "hidden = 20", "dbn.hidden = 20 is impossible"),
        ("levels = [0.0, 0.3]", "levels = [0.0, nan]", "noise.levels = nan is impossible"),
        ("learning_rate = 3.0", "learning_rate = inf", "readouts.learning_rate = inf is impossible"),
        ("levels = [0.0, 0.3]", "levels = [0.0, 1e39]", "noise.levels = 1e+39 is impossible"),
        ("levels = [0.0, 0.3]", "levels = [0.3, 0.3000001]", "noise.levels holds 0.3 twice: give each level once"),
        ("epsilons = [0.0, 0.1]", "epsilons = [0.1, 0.1]", "attack.epsilons holds 0.1 twice"),
        ("levels = [0.4]", "levels = [0.4, 0.4]", "development.levels holds 0.4 twice"),
        ("epochs = [0, 1]", "epochs = [-1]", "development.epochs = -1 is impossible"),
        ("example_epsilon = 0.2", "example_epsilon = inf", "attack.example_epsilon = inf is impossible"),
        ("[defence]", '[published]\n"accuracy/.." = 1.0\n[defence]', "published.accuracy/.."),
    ],
)
def test_faults_are_one_sentence_that_names_the_setting(tiny: str, old: str, new: str, message: str) -> None:
    assert old in tiny
    with pytest.raises(SettingsError) as fault:
        parse_recipe(tiny.replace(old, new, 1), "my.toml")
    assert str(fault.value).startswith("my.toml")
    assert message in str(fault.value)
    assert "\n" not in str(fault.value)


PER_LAYER = "[[pretraining]]\nepochs = 3\n"


def with_tables(tiny: str, tables: int) -> str:
    """The recipe with so many [[pretraining]] tables for its two layers."""
    start, end = tiny.index("[pretraining]"), tiny.index("[readouts]")
    return tiny[:start] + PER_LAYER * tables + tiny[end:]


def test_one_table_for_each_layer(tiny: str) -> None:
    assert [one.epochs for one in parse_recipe(with_tables(tiny, 2), "my.toml").pretraining] == [3, 3]
    for tables in (1, 3):
        message = (
            rf"my.toml: pretraining has {tables} tables for the 2 layers of dbn.hidden: give one \[\[pretraining\]\]"
        )
        with pytest.raises(SettingsError, match=message):
            parse_recipe(with_tables(tiny, tables), "my.toml")


def test_patience_of_the_rbm_with_labels_needs_held_out_images(tiny: str) -> None:
    patient = tiny.replace("persistent_chains = 20", "persistent_chains = 20\npatience = 1")
    parse_recipe(patient, "my.toml")
    alone = patient.replace("validation = 200", "validation = 0").replace("patience = 2", "patience = 0")
    with pytest.raises(
        SettingsError, match=r"generation\.labels\.training\.patience makes a choice on held-out images"
    ):
        parse_recipe(alone, "my.toml")


def test_a_choice_of_the_robust_readouts_penalty_needs_held_out_images(tiny: str) -> None:
    alone = tiny.replace("validation = 200", "validation = 0").replace("patience = 2", "patience = 0")
    for penalties, chooses in (("[0.1]", False), ("[0.1, 0.01]", True)):
        text = alone.replace("[noise]", f"[robust_readout]\nl2 = {penalties}\n[noise]")
        if chooses:
            with pytest.raises(SettingsError, match=r"robust_readout\.l2 makes a choice on held-out images"):
                parse_recipe(text, "my.toml")
        else:
            assert "robust_readout" in parse_recipe(text, "my.toml").contestants


def test_nests_that_never_end(tiny: str) -> None:
    with pytest.raises(SettingsError, match=r"my\.toml is not valid TOML"):
        parse_recipe(tiny + "x = " + "[" * 100_000, "my.toml")


def test_files(tmp_path: Path, tiny: str) -> None:
    path = tmp_path / "my study.toml"
    path.write_text(recipe_text("default"), encoding="utf-8")
    name, recipe = load_recipe(str(path))
    assert name == "my study"
    assert isinstance(recipe.readouts, ConvergedSettings)
    with pytest.raises(
        SettingsError, match="there is no recipe 'defautl': give one of default, reference, smoke, thorough"
    ):
        load_recipe("defautl")
    with pytest.raises(SettingsError, match="there is no recipe"):
        load_recipe(str(tmp_path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="cannot be read as text"):
        load_recipe(str(path))


def test_layers_that_learn_together_and_labels_in_the_wrong_place_are_refused() -> None:
    text = recipe_text("smoke")
    together = text.replace("[dbn]", '[dbn]\ntraining = "joint"')
    assert together != text
    for setting, message in (
        ("epochs = [2, 1, 1]", "give them the same epochs"),
        ("patience = 2", "set patience to 0"),
    ):
        name = setting.split(" ")[0]
        start = together.index("[pretraining]")
        end = together.index("\n[", start)
        lines = [line for line in together[start:end].splitlines()[1:] if not line.startswith(name)]
        changed = together[:start] + "\n".join(["[pretraining]", setting, *lines]) + together[end:]
        with pytest.raises(SettingsError, match=f"pretraining: .*{message}"):
            parse_recipe(changed, "mine.toml")
    with pytest.raises(SettingsError, match="pre-training sees no labels, leave it out"):
        parse_recipe(
            text.replace("[pretraining]", "[pretraining]\npersistent_chains = 5\nclamp_labels = true"), "mine.toml"
        )
