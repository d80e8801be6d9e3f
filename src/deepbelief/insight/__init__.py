"""What a layer learnt, as arrays that can be drawn or measured."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
