"""Attacks on a classifier that is only a function from images to logits: each looks for wrong answers in a ball."""
