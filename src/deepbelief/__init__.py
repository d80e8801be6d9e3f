"""Deep Belief Networks: train them, look inside them, stress-test what they learnt.

The public names stand in `__init__.pyi`; each is loaded when it is first used, so that the command answers at once.
"""

import lazy_loader

__version__ = "0.2.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
