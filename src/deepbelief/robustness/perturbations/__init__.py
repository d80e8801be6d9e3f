"""Perturbations of images, graded by a level: noise, blur, lost contrast, rotation and others.

Kinds and levels follow the benchmarks of Hendrycks & Dietterich (2019) and Mu & Gilmer (2019), fitted to small images;
levels in pixels suit images of about 28 x 28.
"""

from collections.abc import Mapping
from typing import Final

from deepbelief.robustness.perturbations.base import Perturbation
from deepbelief.robustness.perturbations.blur import BLUR
from deepbelief.robustness.perturbations.motion import ROTATION, TRANSLATION
from deepbelief.robustness.perturbations.occlusion import OCCLUSION
from deepbelief.robustness.perturbations.pixel_noise import CLIPPED_GAUSSIAN, GAUSSIAN, SALT_AND_PEPPER, SHOT, UNIFORM
from deepbelief.robustness.perturbations.tone import BRIGHTNESS, CONTRAST, INVERSION

__all__ = [
    "BLUR",
    "BRIGHTNESS",
    "CLIPPED_GAUSSIAN",
    "CONTRAST",
    "GAUSSIAN",
    "INVERSION",
    "OCCLUSION",
    "PERTURBATIONS",
    "ROTATION",
    "SALT_AND_PEPPER",
    "SHOT",
    "TRANSLATION",
    "UNIFORM",
    "Perturbation",
]

_ALL: Final = (
    *(GAUSSIAN, CLIPPED_GAUSSIAN, UNIFORM, SALT_AND_PEPPER, SHOT),
    *(BLUR, CONTRAST, BRIGHTNESS, OCCLUSION, ROTATION, TRANSLATION, INVERSION),
)

PERTURBATIONS: Final[Mapping[str, Perturbation]] = {one.name: one for one in _ALL}
"""All of them by their names."""
