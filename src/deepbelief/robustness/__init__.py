"""Noise, attacks and defence; a model is only a function from images, in [0, 1] or other bounds, to logits."""
