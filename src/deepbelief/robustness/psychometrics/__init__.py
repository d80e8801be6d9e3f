"""Psychometric curves: accuracy as a function of the level of a perturbation, fitted with credible intervals.

psi(x) = guess + (1 - guess - lapse) S(x; threshold, width), with a sigmoid S that falls from 1 to 0.

Beside psignifit (Schuett, Harmeling, Macke & Wichmann 2016), which fits the same curves to the answers of humans and
animals: threshold (where S is 1/2), width (from where S is 0.95 to where it is 0.05, in natural logarithms for
sigmoids of log x), lapse, guess and the overdispersion eta mean the same, but its curves rise where ours fall. The
priors differ: here they are log-normal for threshold and width, where it has flat ranges with soft flanks; Beta(1, 5)
for lapse / (1 - guess), where it has Beta(1, 10) for lapse; and for eta 1/5 on none at all and the rest evenly over
log eta, where it has Beta(1, 10). Values are medians of the posterior, where it gives its mode or mean. Its default
sigmoid is the cumulative Gaussian; here it is Weibull's, which fits classifiers under noise better and has only lapses
left at level 0.
"""

from deepbelief.robustness.psychometrics.curve import PsychometricCurve
from deepbelief.robustness.psychometrics.fit import Band, Estimate, PsychometricFit, fit_psychometric
from deepbelief.robustness.psychometrics.goodness import Goodness
from deepbelief.robustness.psychometrics.settings import FreeGuess, PsychometricSettings
from deepbelief.robustness.psychometrics.sigmoids import CumulativeGaussian, Logistic, Sigmoid, Weibull

__all__ = [
    "Band",
    "CumulativeGaussian",
    "Estimate",
    "FreeGuess",
    "Goodness",
    "Logistic",
    "PsychometricCurve",
    "PsychometricFit",
    "PsychometricSettings",
    "Sigmoid",
    "Weibull",
    "fit_psychometric",
]
