"""The command line: a file for each command, which parses, calls the library and prints."""

from deepbelief.cli.app import main

__all__ = ["main"]
