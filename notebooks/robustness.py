# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # How robust is it?
#
# How far may an image be changed until a classifier errs? This notebook takes a Deep Belief Network that comes with the
# package, so there is nothing to train, and a classifier of scikit-learn. It measures both under chance (noise, blur,
# rotation) and under attack, and tells whether a difference is sure.

# %%
# %pip install -q deepbelief

# %%
import os

import matplotlib.pyplot as plt
import torch
from sklearn.linear_model import LogisticRegression

from deepbelief import Defended, load_dataset, load_pretrained
from deepbelief.robustness import (
    APGD,
    BLUR,
    CLIPPED_GAUSSIAN,
    GAUSSIAN,
    PGD,
    ROTATION,
    LInf,
    RayS,
    Square,
    compare,
    fit_psychometric,
    holm,
    worst_case,
)

PACE = os.environ.get("DEEPBELIEF_PACE", "lesson")
MANY, FEW, STEPS = {"lesson": (2000, 200, 50), "seconds": (100, 20, 5)}[PACE]

# %% [markdown]
# ## The classifiers
#
# A classifier is any function from images (n, pixels) to a score for each class (n, classes). The DBN learnt without
# labels, and its read-out is linear. *Looking top-down* sends an image up the DBN and down again before it is
# classified. The other classifier is a logistic regression on pixels.

# %%
model = load_pretrained("fashion-mnist")
shape = model.image_shape
if PACE == "seconds":  # only a rehearsal may learn from the images that it tests with
    known, test = model.images, model.images
else:
    data = load_dataset("fashion-mnist")
    known, test = data.train.subset(torch.arange(10_000)), data.test.subset(torch.arange(MANY))
images, labels = test.batch(slice(None)), test.required_labels()

regression = LogisticRegression(C=0.01, max_iter=200)
regression.fit(known.batch(slice(None)).numpy(), known.required_labels().numpy())
weights, bias = (torch.from_numpy(one).float() for one in (regression.coef_, regression.intercept_))


def logistic(pixels):
    """The scores of the logistic regression, as PyTorch can differentiate them."""
    return pixels @ weights.T + bias


readout = model.classifier()
classifiers = {
    "DBN": readout,
    "DBN, looking top-down": Defended(readout, model.dbn.reconstruct, steps=1),
    "logistic regression": logistic,
}


def right(classifier, pixels, wanted=labels):
    """Which images are recognised, (n,) of True and False."""
    with torch.no_grad():
        return classifier(pixels).argmax(dim=1) == wanted


for name, classifier in classifiers.items():
    print(f"{name}: accuracy {float(right(classifier, images).double().mean()):.3f}")

# %% [markdown]
# ## Chance: accuracy against the level of a perturbation
#
# Every classifier sees the same perturbed images.

# %%
sweeps = {
    "noise": (GAUSSIAN, [0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
    "clipped noise": (CLIPPED_GAUSSIAN, [0, 0.1, 0.2, 0.3, 0.5, 0.7]),
    "blur": (BLUR, [0, 0.5, 1.0, 1.5, 2.0, 3.0]),
    "rotation": (ROTATION, [0, 10, 20, 30, 45]),
}
scores = {}
figure, axes = plt.subplots(1, len(sweeps), figsize=(15, 3.5), layout="constrained", sharey=True)
for axis, (kind, (perturbation, levels)) in zip(axes, sweeps.items(), strict=True):
    for name, classifier in classifiers.items():
        found = [right(classifier, perturbation(images, level, 0, shape=shape)) for level in levels]
        scores[kind, name] = torch.stack(found).double()  # (levels, images)
        axis.plot(levels, scores[kind, name].mean(dim=1), marker="o", label=name)
    axis.set_title(kind)
axes[0].set_ylabel("accuracy")
axes[0].legend(fontsize=8)
plt.show()

# %% [markdown]
# Three things are worth a thought. A linear classifier with a strong penalty on its weights stands noise well, too:
# *robust* always means compared with whom. Looking top-down helps against noise that is not clipped, at some cost on
# clean images. Clipped noise, as a camera's, makes black backgrounds grey, and what learnt from black ones takes that
# for light: `AutoLevels` of `deepbelief.robustness` puts each image's own levels back.

# %% [markdown]
# ## One number for a curve: the threshold
#
# The level at which half of the way from the accuracy without noise down to chance is gone, with its 95 % interval.

# %%
for name in classifiers:
    fit = fit_psychometric(sweeps["noise"][1], scores["noise", name].sum(dim=1), len(labels), classes=10)
    print(f"{name}: threshold {fit.threshold.value:.2f}, from {fit.threshold.low:.2f} to {fit.threshold.high:.2f}")
    for sentence in fit.warnings:
        print("  ", sentence)

# %% [markdown]
# ## Is the difference sure?
#
# The classifiers saw the same images, so they are compared image by image. Whoever asks several questions corrects for
# that (Holm 1979).

# %%
mean = {name: scores["noise", name].mean(dim=0, keepdim=True).numpy() for name in classifiers}
pairs = [("DBN, looking top-down", "DBN"), ("DBN", "logistic regression")]
differences = [compare(mean[one], mean[other]) for one, other in pairs]
for (one, other), found, p in zip(pairs, differences, holm([found.p for found in differences]), strict=True):
    low, high = found.ci95
    print(f"{one} minus {other}: {found.mean:+.3f}, from {low:+.3f} to {high:+.3f}, p {p:.2g}")

# %% [markdown]
# ## On purpose: attacks
#
# An attack looks for the change within bounds, here at most 0.05 a pixel, that makes the classifier err. Several
# attacks are tried one after the other, each on what those before it left: some follow the gradient, others only ask
# for answers. Attacks on the defended classifier go through the defence. What is left is the accuracy under the worst
# of these attacks, and a stronger attack may leave less.

# %%
attacks = {
    "PGD": PGD(steps=STEPS),
    "APGD": APGD(STEPS),
    "square": Square(shape, 4 * STEPS),
    "RayS": RayS(4 * STEPS),
}
for name, classifier in classifiers.items():
    worst = worst_case(classifier, images[:FEW], labels[:FEW], LInf(0.05), attacks, random=0)
    print(f"{name}: {worst.accuracy:.3f} left; taken by {worst.taken}")

# %% [markdown]
# ## What an attack looks like

# %%
attacked = PGD(steps=STEPS)(readout, images[:8], labels[:8], LInf(0.1), 0)
figure, axes = plt.subplots(3, 8, figsize=(12, 5))
rows = (images[:8], attacked, model.dbn.reconstruct(attacked, 1))
for axis_row, pictures, title in zip(axes, rows, ("original", "attacked", "up and down"), strict=True):
    for axis, picture in zip(axis_row, pictures, strict=True):
        taken = model.class_names[int(readout(picture[None]).argmax())]
        axis.imshow(picture.reshape(shape).numpy(), cmap="gray", vmin=0, vmax=1)
        axis.set_title(taken, fontsize=8)
        axis.axis("off")
    axis_row[0].text(-0.1, 0.5, title, rotation=90, ha="right", va="center", transform=axis_row[0].transAxes)
plt.show()

# %% [markdown]
# ## Where to go on
#
# `deepbelief robustness RUN` does all of this for every classifier of a study, with several trainings. The page
# *Robustness* says what can be believed of such figures, and what cannot.
