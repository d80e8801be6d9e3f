"""The robustness of a finished study's classifiers: what perturbs them, what attacks them, and who stands it better."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
