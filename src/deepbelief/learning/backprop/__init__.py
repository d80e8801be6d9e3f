"""Gradient descent of a loss: classifiers, read-outs, fine-tuning and autoencoders."""
