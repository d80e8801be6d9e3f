"""How models learn: RBMs by contrastive divergence, models with labels, and networks by backpropagation."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
