"""The command line: its commands, and how it ends. Heavy modules are imported inside the commands: help is quick."""

import sys
import threading
import warnings

import typer

from deepbelief.cli.classify import classify
from deepbelief.cli.data import data
from deepbelief.cli.encode import encode
from deepbelief.cli.explore import explore
from deepbelief.cli.export import export
from deepbelief.cli.impute import impute
from deepbelief.cli.likelihood import likelihood
from deepbelief.cli.recipe import recipe
from deepbelief.cli.report import report
from deepbelief.cli.robustness import robustness
from deepbelief.cli.sample import sample
from deepbelief.cli.search import search
from deepbelief.cli.share import share
from deepbelief.cli.study import study
from deepbelief.cli.terminal import stop, write_in_any_encoding
from deepbelief.cli.train import train
from deepbelief.errors import CompileWarning, DataWarning, DeepBeliefError, SettingsError

app = typer.Typer(
    help="Deep Belief Networks: train them, look inside them, stress-test what they learnt.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
COMMANDS = (
    *(study, search, robustness, report, explore),
    *(train, encode, classify, impute, sample, likelihood),
    *(export, share, data, recipe),
)
for command in COMMANDS:
    app.command()(command)


def main() -> None:
    """Run the command line; a user's mistake is one sentence and exit code 2, a failure one sentence and 1."""
    write_in_any_encoding()
    threading.excepthook = _pass_over_thread
    try:
        with warnings.catch_warnings():
            for category in (DataWarning, CompileWarning):
                warnings.simplefilter("default", category)
            warnings.showwarning = _show_warning
            app()
    except SettingsError as error:
        stop(error, 2)
    except DeepBeliefError as error:
        stop(error, 1)
    except OSError as error:
        stop(f"{error.filename or 'the system'}: {error.strerror}; nothing that was finished is lost.", 1)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        stop("there is not enough memory for this: ask for less at once.", 1)


def _pass_over_thread(failed: threading.ExceptHookArgs) -> None:
    """Say nothing of a thread that could not write, as TensorBoard's does: whoever waits for it gets its error."""
    if not issubclass(failed.exc_type, OSError):
        threading.__excepthook__(failed)


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: object, **__: object
) -> None:
    """Print a warning of ours as a sentence, as errors are; of others also where it comes from."""
    place = "" if issubclass(category, DataWarning | CompileWarning) else f"{filename}:{lineno}: {category.__name__}: "
    print(f"deepbelief: {place}{message}", file=sys.stderr)
