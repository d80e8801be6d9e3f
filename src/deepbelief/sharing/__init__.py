"""Models leave the house and come back: ONNX files, and folders as the Hugging Face Hub keeps them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
