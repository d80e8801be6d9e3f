"""Studies: recipes, stages and records of one experiment, from data to results."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
