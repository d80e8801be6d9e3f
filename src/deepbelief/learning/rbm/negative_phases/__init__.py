"""Negative phases: ways to get the statistics of the model. A new one goes here and has what `NegativePhase` has."""
