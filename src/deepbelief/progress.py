"""The type of the functions that show how far a long computation has come."""

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called now and then with the name of the work, the steps done, and all steps (0 if unknown)."""
