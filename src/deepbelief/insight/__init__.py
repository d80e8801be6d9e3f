"""Analyses of what a layer has learnt, as arrays."""
