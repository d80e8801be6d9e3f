"""Noise, attacks and defence; any function from images, within bounds such as [0, 1], to logits can be tested."""
