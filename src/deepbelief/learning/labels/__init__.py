"""Models with labels learn: hybrid RBMs and the up-down algorithm."""
