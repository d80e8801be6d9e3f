"""Perturbations, attacks and defence; a model is only a function from images, in [0, 1] or other bounds, to logits."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
