"""What is learnt: units, RBMs, DBNs and what becomes of them; and views of data as a model sees them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
