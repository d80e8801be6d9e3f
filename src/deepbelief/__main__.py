"""`python -m deepbelief` is the command `deepbelief`."""

from deepbelief.cli import main

main()
