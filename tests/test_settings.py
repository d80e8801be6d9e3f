"""Settings that are impossible are refused by a sentence that names them, by hand as in a recipe."""

import pickle
from typing import Any

import pytest

from deepbelief import HybridSettings, MinibatchSettings, RBMSettings, UpDownSettings
from deepbelief.errors import SettingsError
from deepbelief.learning import AutoencoderSettings, ConvergedSettings, FullBatchSettings, Tempering

KINDS = [AutoencoderSettings, RBMSettings, ConvergedSettings, FullBatchSettings, HybridSettings, MinibatchSettings]
KINDS += [UpDownSettings]
NUMBERS = {ConvergedSettings: "max_iterations", FullBatchSettings: "steps"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (-1, "input should be greater than or equal to 1"),
        (2.5, "input should be a valid integer"),
        ("many", "input should be a valid integer"),
        (None, "input should be a valid integer"),
    ],
)
def test_what_is_impossible_is_one_sentence(kind: Any, value: Any, why: str) -> None:
    name = NUMBERS.get(kind, "epochs")
    with pytest.raises(SettingsError) as fault:
        kind(**{name: value})
    assert str(fault.value).startswith(f"{kind.__name__}: {name} = {value!r} is impossible: {why}")
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("kind", KINDS)
def test_names_that_there_are_not_are_guessed(kind: Any) -> None:
    name = NUMBERS.get(kind, "epochs")
    with pytest.raises(SettingsError, match=f"{kind.__name__}: {name}x is not a setting: did you mean {name}"):
        kind(**{f"{name}x": 3})


def test_settings_that_do_not_fit_together_are_one_sentence() -> None:
    with pytest.raises(SettingsError) as fault:
        RBMSettings(tempering=Tempering(temperatures=2))
    assert str(fault.value) == "RBMSettings: tempering needs chains: set persistent_chains above 0."


@pytest.mark.parametrize("kind", KINDS)
def test_settings_are_values(kind: Any) -> None:
    settings = kind()
    assert settings == kind() == pickle.loads(pickle.dumps(settings))
    assert hash(settings) == hash(kind())
    with pytest.raises(AttributeError):
        setattr(settings, NUMBERS.get(kind, "epochs"), 3)
