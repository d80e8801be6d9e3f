"""The errors a user can cause and fix: each message is one sentence that says what is wrong, where, and what to do."""

from collections.abc import Collection


class DeepBeliefError(Exception):
    """Something failed that the user can fix (a damaged file, a full disk, a foreign run folder).

    Its message is one line, whatever the names in it are: what cannot be printed is written as Python would.

    >>> print(DeepBeliefError("there is no plan 'a\\nb': give one of those that there are."))
    there is no plan 'a\\nb': give one of those that there are.
    """

    def __str__(self) -> str:
        text = super().__str__()
        return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


class SettingsError(DeepBeliefError, ValueError):
    """A setting, argument or recipe that is unknown or impossible; the command line exits with 2."""


class DataError(DeepBeliefError):
    """A data set that cannot be found, downloaded or read."""


def check_name(what: str, given: object, known: Collection[str]) -> None:
    """Raise a `SettingsError` if what is given is none of the known names.

    >>> check_name("head", "readout", ["finetuned", "readout"])
    """
    if given not in known:
        raise SettingsError(f"{what} is {given!r}: give one of {', '.join(known)}.")


class DataWarning(UserWarning):
    """Data that can be used but may not be what was meant; the command line prints it as one sentence."""


class CompileWarning(UserWarning):
    """Work that was to be compiled and is done uncompiled, only slower; the command line prints it as one sentence.

    >>> import warnings
    >>> warnings.simplefilter("ignore", CompileWarning)  # for a program that does not mind
    """


def one_line(text: str) -> str:
    """Text from a file or an unexpected error as a part of a sentence: on one line, cut if it is long."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return f"{' '.join(printable.split()):.200}"
