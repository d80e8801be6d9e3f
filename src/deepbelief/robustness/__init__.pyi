from .attack import fgsm as fgsm
from .attack import gradient_sign as gradient_sign
from .attack import pgd as pgd
from .defence import Defended as Defended
from .noise import gaussian as gaussian
from .noise import uniform as uniform
