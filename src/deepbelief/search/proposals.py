"""Which values to try next: Optuna's samplers, asked anew each time from the trials that are kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deepbelief.errors import SettingsError
from deepbelief.search.plan import Range, SearchPlan
from deepbelief.search.trials import TrialRecord


def propose(plan: SearchPlan, number: int, trials: list[TrialRecord]) -> dict[str, Any]:
    """The values of the trial with this number.

    They depend on the plan, the number and the trials so far, and on nothing else: a search that was stopped goes on
    as it would have.

    Raises:
        SettingsError: Optuna is not installed.
    """
    optuna = load_optuna()
    spaces = {name: _space(optuna, varied) for name, varied in plan.settings.items()}
    start = (plan.seed * 1_000_003 + number) % 2**32
    if plan.sampler == "random":
        sampler = optuna.samplers.RandomSampler(seed=start)
    else:
        sampler = optuna.samplers.TPESampler(seed=start)
    with _quiet(optuna):
        study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        study.add_trial(
            optuna.trial.create_trial(
                params={name: _position(plan, name, value) for name, value in trial.values.items()},
                distributions=spaces,
                value=trial.score,
                state=_state(optuna, trial),
            )
        )
    asked = study.ask(spaces).params
    return {name: _value(plan, name, asked[name]) for name in plan.settings}


@contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Within, Optuna tells of errors alone."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def load_optuna() -> Any:
    """The package, which is an extra."""
    try:
        import optuna
    except ModuleNotFoundError:
        raise SettingsError('a search needs the package optuna: pip install "deepbelief[search]".') from None
    return optuna


def _space(optuna: Any, varied: Any) -> Any:
    """What a setting varies between, as Optuna has it; choices by their positions, since they may be lists."""
    if not isinstance(varied, Range):
        return optuna.distributions.CategoricalDistribution(tuple(range(len(varied.choices))))
    whole = isinstance(varied.low, int) and isinstance(varied.high, int)
    kind = optuna.distributions.IntDistribution if whole else optuna.distributions.FloatDistribution
    return kind(varied.low, varied.high, log=varied.log)


def _position(plan: SearchPlan, name: str, value: Any) -> Any:
    varied = plan.settings[name]
    return value if isinstance(varied, Range) else list(varied.choices).index(value)


def _value(plan: SearchPlan, name: str, position: Any) -> Any:
    varied = plan.settings[name]
    return position if isinstance(varied, Range) else varied.choices[position]


def _state(optuna: Any, trial: TrialRecord) -> Any:
    states = optuna.trial.TrialState
    if not trial.is_over:
        return states.RUNNING
    return states.FAIL if trial.score is None else states.COMPLETE
