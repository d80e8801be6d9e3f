"""A search for settings of a recipe that measures on held-out training images alone."""
