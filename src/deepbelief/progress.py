"""How a long piece of work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is at work, how much of it is done, and how much there is in all, 0 if that is unknown."""
