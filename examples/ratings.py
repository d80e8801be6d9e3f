"""Films that people have rated, most of them not: an RBM predicts the missing ratings from the others.

Salakhutdinov, Mnih & Hinton (2007) did so with the films of Netflix. Here there are people of two tastes, four films,
and ratings from 0 to 4, of which 60 % are missing; so the best possible prediction is known, that from the true tastes.

Run it with `python examples/ratings.py` (seconds).
"""

import sys

import torch

from deepbelief import RBM, Bernoulli, Categorical, Random, RBMSettings
from deepbelief.learning import RBMTraining
from deepbelief.models import DBN
from deepbelief.sampling import impute_by_mean_field

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 60
people, films, stars, random = 4000, 4, 5, Random(0)

# One taste likes every film, the other none of them.
chances = torch.tensor([[0.02, 0.03, 0.10, 0.35, 0.50], [0.50, 0.35, 0.10, 0.03, 0.02]])
taste = (random.uniform((people,)) < 0.5).long()
thresholds = chances.cumsum(dim=1)[taste][:, None, :-1]  # (people, 1, stars - 1)
ratings = (random.uniform((people, films, 1)) > thresholds).sum(dim=2)
missing = random.uniform((people, films)) < 0.6

# Each rating is a group of five units, one for each number of stars; NaN in all of them says that it is missing.
items = torch.nn.functional.one_hot(ratings, stars).float()
items[missing] = torch.nan
items = items.flatten(1)

rbm = RBM(Categorical(films, stars), Bernoulli(5), random, weight_std=0.1)
settings = RBMSettings(epochs=epochs, batch_size=32, gibbs_steps=5, weight_decay=0, learning_rate_to_zero=True)
for record in RBMTraining(rbm, items, settings, random=random).epochs():
    if record.epoch % 20 == 0:
        error = record.monitors["reconstruction_error_unit"]
        print(f"epoch {record.epoch}: squared error of a known unit {error:.4f}")

filled = impute_by_mean_field(DBN([rbm]), items).detach().view(people, films, stars)
scale = torch.arange(stars).float()
predicted = filled @ scale

# The best possible prediction knows the chances of both tastes, and sees the same ratings.
likelihood = torch.where(missing[..., None], 1.0, chances.T[ratings]).prod(dim=1)  # (people, tastes)
best = (likelihood / likelihood.sum(dim=1, keepdim=True) @ chances @ scale)[:, None].expand(people, films)
constant = ratings[~missing].float().mean().expand(people, films)

use = missing & ~missing.all(dim=1, keepdim=True)  # nothing can be known of people without any rating
for name, guess in (("the mean of all ratings", constant), ("the RBM", predicted), ("the best possible", best)):
    rmse = (guess - ratings)[use].square().mean().sqrt()
    print(f"root mean squared error of {name}: {rmse:.3f}")
