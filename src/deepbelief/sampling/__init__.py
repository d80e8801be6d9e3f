"""Sampling: fantasies, images completed from a part of them, and interpolation between two images."""

from deepbelief.sampling.chains import Step, annealing, clamped_chain
from deepbelief.sampling.fantasies import Clamp, chain, fantasies, fantasy_frames
from deepbelief.sampling.imputation import impute, impute_by_mean_field
from deepbelief.sampling.inpainting import inpaint, inpainting_frames
from deepbelief.sampling.interpolation import interpolate
from deepbelief.sampling.labelled import labelled_fantasies, labelled_frames
from deepbelief.sampling.reconstruction import sampled_reconstruction

__all__ = [
    "Clamp",
    "Step",
    "annealing",
    "chain",
    "clamped_chain",
    "fantasies",
    "fantasy_frames",
    "impute",
    "impute_by_mean_field",
    "inpaint",
    "inpainting_frames",
    "interpolate",
    "labelled_fantasies",
    "labelled_frames",
    "sampled_reconstruction",
]
