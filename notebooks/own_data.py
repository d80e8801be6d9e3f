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
# # Your own data
#
# Two examples: a table with numbers, text and missing cells, and images of your own. Both are learnt from without
# labels, and then used: to classify, to fill in what is missing, and to make features.
#
# The data here are made up so that the notebook runs anywhere. Put your own file in their place.

# %%
# %pip install -q deepbelief

# %%
import os
import subprocess
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch

from deepbelief import (
    DBN,
    Bernoulli,
    FeedForward,
    Gaussian,
    Pretraining,
    Random,
    RBMSettings,
    accuracy,
    encode_source,
    inpaint,
    load_dataset,
    standardise,
)
from deepbelief.checkpoint import load_dbn, save_dbn
from deepbelief.data import load_images
from deepbelief.learning import ConvergedSettings, ConvergedTraining, ReadoutClassifier

PACE = os.environ.get("DEEPBELIEF_PACE", "lesson")
EPOCHS = {"lesson": 20, "seconds": 3}[PACE]
random = Random(0)

# %% [markdown]
# ## A table on the command line
#
# A table is a `.csv` file with a line of column names. Missing cells are empty. This one has two numbers, a text and
# the column `ill` that we want to predict.

# %%
rng = np.random.default_rng(0)
lines = ["age,pressure,town,ill"]
for _ in range(600):
    ill = rng.random() < 0.4
    age, pressure = rng.normal(60 if ill else 45, 8), rng.normal(150 if ill else 125, 10)
    town = rng.choice(["Ulm", "Bonn", "Kiel"], p=[0.6, 0.2, 0.2] if ill else [0.2, 0.4, 0.4])
    told = "" if rng.random() < 0.1 else f"{pressure:.0f}"
    lines.append(f"{age:.0f},{told},{town},{'yes' if ill else 'no'}")
Path("patients.csv").write_text("\n".join(lines[:501]) + "\n")
Path("new-patients.csv").write_text("\n".join([lines[0], *lines[501:]]) + "\n")
print("\n".join(lines[:5]))

# %% [markdown]
# `deepbelief train` recognises what the columns are, trains a DBN of fitting units without labels, and then a
# classifier. The lines below run the commands as you would type them in a terminal.


# %%
def run(*words):
    """Run a command of deepbelief and print what it says."""
    done = subprocess.run([sys.executable, "-m", "deepbelief", *map(str, words)], capture_output=True, text=True)
    print(done.stdout, done.stderr)


run("train", "patients.csv", "--label", "ill", "--epochs", EPOCHS, "--out", "patients-model")

# %% [markdown]
# With new rows it tells the class and its probability, and fills in missing cells. `deepbelief encode` makes features
# in the same way.

# %%
run("classify", "patients-model", "new-patients.csv", "--out", "outcomes.csv")
run("impute", "patients-model", "new-patients.csv", "--out", "complete.csv")
print("\n".join(Path("outcomes.csv").read_text().splitlines()[:4]))

# %% [markdown]
# ## Images in Python
#
# Images are an array (images, height, width) in a `.npy` file, or a folder of image files. White is 255 in uint8 and 1
# in floats. Here we save scikit-learn's digits as a file and load that, as you would load yours.

# %%
digits = load_dataset("digits")
np.save("images.npy", digits.train.batch(slice(None)).numpy().reshape(-1, 8, 8))
images = load_images("images.npy")
print(len(images), "images of", images.width, "pixels")

# %%
dbn = DBN.from_sizes([images.width, 200], random)
settings = RBMSettings(epochs=2 * EPOCHS, batch_size=20, learning_rate=0.05, final_momentum=0.5)
for record in Pretraining(dbn, images, settings, random=random).epochs():
    last = record
print(f"reconstruction error {last.reconstruction_error:.3f} after {last.epoch} epochs")
dbn.requires_grad_(False)
save_dbn("dbn.safetensors", dbn, image_shape=[8, 8])
features = encode_source(load_dbn("dbn.safetensors"), images)
print("features", tuple(features.shape))

# %% [markdown]
# Is the class in the features? A linear classifier tells, where there are labels.

# %%
readout = FeedForward([features.shape[1], 10], torch.relu, random)
labels = digits.train.required_labels()
list(ConvergedTraining(readout, (features, labels), ConvergedSettings(l2=(1e-3,))).epochs())
classifier = ReadoutClassifier(dbn, 1, readout)
print(f"accuracy on test images: {accuracy(classifier, digits.test, digits.test.required_labels()):.3f}")

# %% [markdown]
# The model knows what images look like: it completes the lower half of test images from their upper half. The picture
# shows the probability of each pixel, which is blurred where several digits would fit.

# %%
originals = digits.test.batch(slice(0, 8))
known = torch.arange(64) < 32
completed = inpaint(dbn, originals, known, random, steps=100)
figure, axes = plt.subplots(2, 8, figsize=(9, 2.5))
for column in range(8):
    for axis, picture in zip(axes[:, column], (originals[column], completed[column]), strict=True):
        axis.imshow(picture.reshape(8, 8).numpy(), cmap="gray", vmin=0, vmax=1)
        axis.axis("off")
axes[0, 0].set_title("original", loc="left", fontsize=9)
axes[1, 0].set_title("lower half made up", loc="left", fontsize=9)
plt.show()

# %% [markdown]
# ## Real-valued data
#
# Numbers of any size, such as measurements, need real-valued visible units. `standardise` keeps mean and scale of each
# column in the model, so that you always give it the numbers as they are.

# %%
measured = rng.normal([10.0, 200.0, -3.0], [1.0, 30.0, 0.2], size=(2000, 3)).astype(np.float32)
measured[:, 1] += 20 * measured[:, 0]
real = DBN.from_units([Gaussian(3), Bernoulli(20)], random)
standardise(real, measured)
gentle = RBMSettings(epochs=EPOCHS, batch_size=20, learning_rate=0.01, final_momentum=0.5)
for record in Pretraining(real, measured, gentle, random=random).epochs():
    last = record
print(f"mean squared error {last.monitors['reconstruction_error_unit']:.3f}, where the variance of each column is 1")
print("features", tuple(real.encode(measured).shape))

# %% [markdown]
# ## Where to go on
#
# The page *Your own data* has all kinds of files and columns. *Data larger than memory* is for what does not fit, and
# *scikit-learn* for pipelines.
