from .attack import fgsm, gradient_sign, pgd
from .defence import Defended
from .noise import gaussian, uniform

__all__ = [
    "Defended",
    "fgsm",
    "gaussian",
    "gradient_sign",
    "pgd",
    "uniform",
]
