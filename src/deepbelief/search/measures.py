"""By which figures settings can be judged, and which stages of a study it takes to know them."""

import re

from deepbelief.errors import SettingsError
from deepbelief.study.recipe import Recipe

_DBN = frozenset({"pretraining"})
_TRAINED = {
    "mlp_head": _DBN | {"mlp_head"},
    "ffnn": _DBN | {"baseline"},  # it sees values as the DBN standardises them
    "finetuned": _DBN | {"readouts", "finetuning"},
    "random_start": _DBN | {"readouts", "finetuning", "random_start"},
}
_PERTURBED = {
    "gaussian": "psychometric",
    "gaussian_clipped": "psychometric",
    "uniform": "robustness",
    "fgsm": "robustness",
    "pgd": "robustness",
}


def stages_for(measure: str, recipe: Recipe) -> frozenset[str]:
    """The stages that have to run for a metric of a study to be known.

    It is the accuracy of a classifier, such as "accuracy/finetuned", clean or at a level that the recipe names, as in
    "accuracy/readout_3/gaussian@0.5"; or "log_likelihood/lower", the lower bound.

    Raises:
        SettingsError: it is none of these, or the recipe has no such classifier or level.
    """
    if measure == "log_likelihood/lower":
        return _DBN | {"baseline", "generation"}
    found = re.fullmatch(r"accuracy/(\w+)(?:/(\w+)@([\d.e+-]+))?", measure)
    contestants = recipe.contestants
    if found is None or found[1] not in contestants or (found[2] and found[2] not in _PERTURBED):
        names = ", ".join(contestants)
        raise SettingsError(
            f"measure = {measure!r} is not known: give accuracy/NAME, NAME one of {names}, or one at a level such as "
            f"accuracy/{contestants[0]}/gaussian@0.5 ({', '.join(_PERTURBED)}), or log_likelihood/lower."
        )
    if not found[2]:
        return _TRAINED.get(found[1], _DBN | {"readouts"})
    levels = {"psychometric": recipe.noise.levels, "robustness": recipe.attack.epsilons}[_PERTURBED[found[2]]]
    levels = recipe.attack.pgd.epsilons if found[2] == "pgd" else levels
    if found[3] not in [f"{level:g}" for level in levels]:
        told = ", ".join(f"{level:g}" for level in levels)
        raise SettingsError(f"measure = {measure!r} is at no level of the recipe: give one of {told}.")
    every = [_TRAINED.get(name, _DBN | {"readouts"}) for name in contestants]  # all of them see the same images
    return frozenset[str]().union(*every) | {_PERTURBED[found[2]]}
