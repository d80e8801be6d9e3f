"""Plans: what comes with the package, what is refused, and what the command line replaces."""

from pathlib import Path

import pytest

from deepbelief.errors import SettingsError
from deepbelief.evaluation import Plan, load_plan
from deepbelief.evaluation.plan import chosen, parse_plan, plan_of
from deepbelief.evaluation.plans import PLANS, plan_text
from deepbelief.robustness import PERTURBATIONS
from deepbelief.study.recipes import RECIPES

NETWORK = '[[networks]]\nname = "mine"\n[networks.training]\n'


@pytest.mark.parametrize("name", PLANS)
def test_plans_come_with_the_package_each_for_a_recipe(name: str) -> None:
    assert load_plan(name) == parse_plan(plan_text(name), name)
    assert name in RECIPES
    assert plan_of(name) == name


def test_other_recipes_get_the_default_plan() -> None:
    assert plan_of("reference") == plan_of("mine") == "default"


def test_thorough_has_every_perturbation() -> None:
    assert {*load_plan("thorough").perturbations} == {*PERTURBATIONS}


def test_levels_are_those_of_the_plan_or_the_perturbations_own() -> None:
    plan = parse_plan("[perturbations]\nblur = []\ngaussian = [0.7, 0.3]", "mine")
    assert plan.levels("blur") == PERTURBATIONS["blur"].levels
    assert plan.levels("gaussian") == (0.3, 0.7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[perturbations]\nblurr = []", "perturbations.blurr is none: take some of gaussian"),
        ("[perturbations]\nblur = [0.0]", "give each once, above 0"),
        ("[perturbations]\ninversion = [1.5]", "above 0 and at most 1"),
        ("[perturbations]\nblur = [1.0, 1.0]", "give each once"),
        ('levelled = ["blur"]', "levelled names blur, which is not among the perturbations of the plan"),
        (
            '[by_class]\ncontestants = ["ffnn"]\nperturbations = ["blur"]',
            "by_class.perturbations names blur, which is not among the perturbations of the plan",
        ),
        ("[by_class]\ncontestants = []\nperturbations = []", "by_class.contestants"),
        ("images = 0", "images = 0 is impossible"),
        ("attack = 3", "attack is not a setting: did you mean attacks?"),
        ("[attacks]\nepsilons = [0.0]", "attacks.epsilons"),
        ("[attacks]\nimages = 0", "attacks.images = 0 is impossible"),
        ("[[top_down]]\nlayer = 0", "top_down.layer = 0 is impossible"),
        ("[[top_down]]\nlayers = [0]", "give each layer once, and at least one above 0"),
        ("[[top_down]]\nlayers = [1, 1]", "give each layer once"),
        ("[[top_down]]\nlayers = [-1]", "top_down.layers = -1 is impossible"),
        ("[[top_down]]\nlayer = 1\nlayers = [2]", "top_down has both layer and layers"),
        (NETWORK + NETWORK, "two networks are called mine"),
        (NETWORK.replace("mine", "../mine"), "networks.name"),
        (NETWORK + "epochs = 0", "networks.training.epochs = 0 is impossible"),
        (NETWORK + '[networks.augmentation]\nkind = "blur"', "augmentation"),
        ("[attacks", "mine is not valid TOML"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_plan(text, "mine")
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no plan 'nowhere\.toml': give one of default"):
        load_plan("nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read as text"):
        load_plan(str(tmp_path / "binary.toml"))
    (tmp_path / "mine.toml").write_text("[attacks]\nimages = 7", encoding="utf-8")
    plan = load_plan(str(tmp_path / "mine.toml"))
    assert plan.attacks is not None
    assert plan.attacks.images == 7


def test_the_command_line_replaces_perturbations_contestants_and_attacks() -> None:
    plan = load_plan("smoke")
    assert chosen(plan) == plan
    changed = chosen(plan, ["blur", "gaussian=0.5,0.1"], ["ffnn"], attacks=False)
    assert changed.perturbations == {"blur": (), "gaussian": (0.5, 0.1)}
    assert changed.contestants == ("ffnn",)
    assert changed.attacks is None
    assert changed.networks == plan.networks


def test_what_is_levelled_stays_so_if_it_is_still_there() -> None:
    plan = Plan(perturbations={"blur": (), "shot": ()}, levelled=("blur", "shot"))
    assert chosen(plan, ["shot", "gaussian"]).levelled == ("shot",)


def test_what_is_asked_by_class_stays_so_if_it_is_still_there() -> None:
    plan = load_plan("smoke")
    kept = chosen(plan, ["gaussian=0.1,0.2,0.3", "blur"]).by_class
    assert kept == plan.by_class
    assert kept is not None
    assert kept.perturbations == ("gaussian",)
    assert chosen(plan, ["blur"]).by_class is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("blur=high", "levels 'high' of blur are no numbers"),
        ("blurr", "perturbations.blurr is none"),
        ("blur=-1", "greater than or equal to 0"),
    ],
)
def test_perturbations_that_are_none_are_refused(given: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        chosen(Plan(), [given])
