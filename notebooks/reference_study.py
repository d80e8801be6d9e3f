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
# # The reference study: a Deep Belief Network of Fashion-MNIST
#
# A Deep Belief Network (DBN) learns from images without being told what they show. This notebook trains one, looks at
# what it has learnt, and asks how well it recognises images that were changed by chance or on purpose. It follows a
# published course notebook, heading by heading.
#
# `PACE` says how long you want to wait. `"published"` has exactly the published settings and takes about half an hour
# on two cores. `"lesson"` takes some minutes: it trains for fewer epochs, and the classifiers with larger steps.
# `"seconds"` is a rehearsal on small images of digits.

# %%
# %pip install -q deepbelief

# %%
import os

import matplotlib.pyplot as plt
import torch
from scipy.cluster.hierarchy import dendrogram

from deepbelief import (
    DBN,
    Defended,
    FeedForward,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    accuracy,
    encode_source,
    fgsm,
    load_dataset,
    network_to_finetune,
    receptive_fields,
)
from deepbelief.data import TensorSource
from deepbelief.insight import class_means, class_tree, confusion
from deepbelief.learning import FullBatchSettings, FullBatchTraining, ReadoutClassifier
from deepbelief.robustness import gaussian, uniform

PACE = os.environ.get("DEEPBELIEF_PACE", "lesson")
NAME, HIDDEN, NETWORK, EPOCHS, STEPS, RATE = {
    "published": ("fashion-mnist", [300, 300, 700], [200, 200, 400], 50, 1500, 0.001),
    "lesson": ("fashion-mnist", [300, 300, 700], [200, 200, 400], 5, 200, 0.02),
    "seconds": ("digits", [100, 100, 100], [60, 60], 15, 200, 0.2),
}[PACE]
random = Random(0)

# %% [markdown]
# ## The data
#
# Fashion-MNIST has 60,000 images to learn from and 10,000 to test with, each of 28 x 28 pixels from 0 (black) to 1
# (white), in ten classes.

# %%
data = load_dataset(NAME)
height, width = data.image_shape
labels, test_labels = data.train.required_labels(), data.test.required_labels()
test_images = data.test.batch(slice(None))
print(len(data.train), len(data.test), data.image_shape, data.class_names)

# %% [markdown]
# ## A look at the data


# %%
def show(images, titles=None, columns=4, size=1.6):
    """Draw images (n, pixels) in rows of so many columns."""
    rows = -(-len(images) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(size * columns, size * rows), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, image in enumerate(images):
        axes.flat[number].imshow(image.reshape(height, width).numpy(), cmap="gray")
        if titles is not None:
            axes.flat[number].set_title(titles[number], fontsize=9)
    plt.show()


for images, names in ((data.train, labels), (data.test, test_labels)):
    chosen = random.permutation(len(images))[:16]
    show(images.batch(chosen), [data.class_names[label] for label in names[chosen]])

# %% [markdown]
# ## Pre-training the DBN
#
# A DBN is a stack of Restricted Boltzmann Machines (RBMs). Each learns by one step of contrastive divergence (CD-1)
# from the hidden probabilities of the layer below, and no label is used. The reconstruction error tells how well an
# image comes back from its hidden units. It falls quickly, then slowly.

# %%
dbn = DBN.from_sizes([data.train.width, *HIDDEN], random, weight_std=0.1)
settings = RBMSettings(
    epochs=EPOCHS,
    batch_size=128,
    learning_rate=0.1,
    initial_momentum=0.5,
    final_momentum=0.95,
    momentum_switch=5,
    weight_decay=0.0001,
    shuffle=False,
    drop_last=True,
)
pretraining = Pretraining(dbn, data.train, [settings] * len(HIDDEN), random=random)
for record in pretraining.epochs():
    if record.epoch in (1, EPOCHS):
        print(f"layer {record.layer}, epoch {record.epoch}: reconstruction error {record.reconstruction_error:.4f}")
dbn.requires_grad_(False)

figure, axis = plt.subplots(figsize=(6, 3))
for layer in range(1, len(HIDDEN) + 1):
    errors = [record.reconstruction_error for record in pretraining.records if record.layer == layer]
    axis.plot(range(1, EPOCHS + 1), errors, label=f"layer {layer}")
axis.set(xlabel="epoch", ylabel="reconstruction error")
axis.legend()
plt.show()

# %% [markdown]
# ## Receptive fields of the first layer
#
# The weights from the pixels to one hidden unit are an image themselves. It shows which pixels excite the unit (white)
# and which inhibit it (black).

# %%
show(receptive_fields(dbn, 1, threshold=0.1)[:100], columns=10, size=0.7)

# %% [markdown]
# ## Receptive fields of deeper layers
#
# A unit of layer 2 sees layer 1, not pixels. The product of both layers' weights shows roughly what it sees.

# %%
show(receptive_fields(dbn, 2, threshold=0.1)[:100], columns=10, size=0.7)

# %%
show(receptive_fields(dbn, 3, threshold=0.1)[:100], columns=10, size=0.7)

# %% [markdown]
# ## Hidden representations
#
# The probabilities of the hidden units are features: what the network makes of an image. You can use them for a
# classifier of your own.

# %%
features = [encode_source(dbn, data.train, layer) for layer in (1, 2, 3)]
print([tuple(one.shape) for one in features])

# %% [markdown]
# ## Linear read-outs
#
# How much of the class can a linear classifier read from each layer? The layers stay as they are.

# %%
classes = len(data.class_names)
steps = FullBatchSettings(steps=STEPS, learning_rate=RATE, momentum=0.9)
classifiers = {}
for layer, seen in enumerate(features, start=1):
    readout = FeedForward([seen.shape[1], classes], torch.relu, random)
    losses = [record.loss for record in FullBatchTraining(readout, (seen, labels), steps).epochs()]
    classifiers[f"read-out {layer}"] = ReadoutClassifier(dbn, layer, readout)
    found = accuracy(classifiers[f"read-out {layer}"], data.test, test_labels)
    print(f"read-out {layer}: loss {losses[0]:.3f} to {losses[-1]:.3f}, test accuracy {found:.3f}")

# %% [markdown]
# ## A feed-forward network
#
# For comparison, a network of ReLU units that learns from pixels and labels by backpropagation, with the same steps.
# At the published pace neither it nor the read-outs are trained to the end. `deepbelief study default` trains both
# well, and tells who then is better.

# %%
network = FeedForward([data.train.width, *NETWORK, classes], torch.relu, random)
losses = [record.loss for record in FullBatchTraining(network, (data.train, labels), steps).epochs()]
classifiers["feed-forward"] = network.requires_grad_(False)
print(f"loss {losses[0]:.3f} to {losses[-1]:.3f}, test accuracy {accuracy(network, data.test, test_labels):.3f}")

# %% [markdown]
# ## Psychometric curves
#
# Psychologists measure how recognition fades while a stimulus becomes harder to see. Here it is Gaussian noise that
# grows. A curve that falls later belongs to a classifier that stands more noise.

# %%
levels = [number / 10 for number in range(14)]
noisy = [gaussian(test_images, level, Random(1)) for level in levels]
show([images[0] for images in noisy], [f"noise {level}" for level in levels], columns=7)
figure, axis = plt.subplots(figsize=(6, 4))
for name, classifier in classifiers.items():
    shares = [accuracy(classifier, TensorSource(images), test_labels) for images in noisy]
    axis.plot(levels, shares, label=name)
    print(f"{name}: {shares[0]:.3f} without noise, {shares[3]:.3f} at 0.3, {shares[7]:.3f} at 0.7")
axis.axhline(1 / classes, color="gray", linestyle=":", label="chance")
axis.set(xlabel="standard deviation of the noise", ylabel="accuracy")
axis.legend()
plt.show()

# %% [markdown]
# ## Clusters of classes
#
# The mean features of each class, joined from the most alike to the most different. Are clothes that look alike close
# together?

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for layer, (axis, seen) in enumerate(zip(axes, features, strict=True), start=1):
    tree = class_tree(class_means(seen, labels, classes))
    dendrogram(tree, labels=data.class_names, orientation="right", ax=axis)
    axis.set_title(f"layer {layer}")
plt.show()

# %% [markdown]
# ## Confusion matrices
#
# Each row is a class as it is, each column a class as it is taken for. The diagonal is what is right.

# %%
figure, axes = plt.subplots(1, 3, figsize=(15, 5), layout="constrained")
for axis, name in zip(axes, ("feed-forward", "read-out 1", "read-out 2"), strict=True):
    matrix = confusion(test_labels, classifiers[name](test_images).argmax(dim=1), classes)
    axis.imshow(matrix, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in [((r, c), matrix[r, c]) for r in range(classes) for c in range(classes)]:
        axis.text(column, row, f"{share:.2f}", ha="center", va="center", fontsize=6)
    axis.set_xticks(range(classes), data.class_names, rotation=90)
    axis.set_yticks(range(classes), data.class_names)
    axis.set_title(name)
plt.show()

# %% [markdown]
# ## Random noise on one image
#
# Uniform noise of at most 0.5 a pixel. The published study calls it an attack, but it aims at nothing.

# %%
image, label = test_images[1:2], test_labels[1:2]
shaken = uniform(image, 0.5, Random(2))


def says(name, picture):
    """What a classifier takes an image for."""
    return data.class_names[int(classifiers[name](picture).argmax())]


show(torch.cat([image, shaken]), [f"it is {data.class_names[int(label)]}", says("feed-forward", shaken)])

# %% [markdown]
# ## An attack by the gradient
#
# The fast gradient sign method (FGSM) changes every pixel by the same small amount, in the direction that makes the
# classifier's loss grow. DBN and read-out together are one differentiable function, so the gradient reaches the pixels.

# %%
attacked = fgsm(classifiers["read-out 3"], image, label, epsilon=0.2)
show(torch.cat([image, attacked]), [says("read-out 3", image), says("read-out 3", attacked)])

# %% [markdown]
# ## Robustness under attack

# %%
epsilons = [0.0, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3]
figure, axis = plt.subplots(figsize=(6, 4))
for name, classifier in classifiers.items():
    shares = []
    for epsilon in epsilons:
        changed = fgsm(classifier, test_images, test_labels, epsilon)
        shares.append(accuracy(classifier, TensorSource(changed), test_labels))
    axis.plot(epsilons, shares, label=name)
axis.set(xlabel="epsilon", ylabel="accuracy")
axis.legend()
plt.show()

# %% [markdown]
# ## The top-down defence
#
# The attacked image goes up the DBN and down again before it is classified. What comes back down looks more like what
# the network knows. An attack that knows of the defence follows the gradient through it: only that comparison is fair.

# %%
defended = Defended(classifiers["read-out 3"], dbn.reconstruct, steps=1)
show(torch.cat([image, attacked, dbn.reconstruct(attacked, 1)]), ["original", "attacked", "up and down"])
for epsilon in (0.05, 0.1, 0.2):
    unaware = TensorSource(fgsm(classifiers["read-out 3"], test_images, test_labels, epsilon))
    aware = TensorSource(fgsm(defended, test_images, test_labels, epsilon))
    print(
        f"epsilon {epsilon}: undefended {accuracy(classifiers['read-out 3'], unaware, test_labels):.3f}, "
        f"defended {accuracy(defended, unaware, test_labels):.3f}, "
        f"defended, and the attack knows it, {accuracy(defended, aware, test_labels):.3f}"
    )

# %% [markdown]
# ## Fine-tuning
#
# The published study announces this step and leaves it out. The DBN and its top read-out become one network, and
# backpropagation trains all of it for a few epochs.

# %%
finetuned = network_to_finetune(dbn, classes, random, classifiers["read-out 3"].readout).requires_grad_(True)
short = MinibatchSettings(epochs=3, batch_size=128, learning_rate=0.001, dropout=0.1, patience=0)
for record in MinibatchTraining(finetuned, data.train, short, random=random).epochs():
    print(f"epoch {record.epoch}: loss {record.loss:.3f}")
print(f"fine-tuned: test accuracy {accuracy(finetuned, data.test, test_labels):.3f}")

# %% [markdown]
# ## Where to go on
#
# `deepbelief study default` runs all of this with both sides trained well, several seeds and confidence intervals, and
# writes a report. `deepbelief explore` makes a page on which you can draw, disturb and attack images yourself.
