"""Maps of many-dimensional items in two dimensions: principal components, and t-SNE."""

from typing import Final

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor

_PERPLEXITY: Final = 30.0  # how many neighbours of an item count, about
_START: Final = 1e-4  # the standard deviation of where t-SNE starts


def principal_components(values: Tensor) -> tuple[Tensor, float]:
    """Items (n, d), n at least 2, along the two directions in which they vary most; and these directions' share of it.

    Returns:
        (n, 2), each coordinate 0 on average, the second one 0 where d is 1; and a share of the variance from 0 to 1.
    """
    from sklearn.decomposition import PCA  # imported here: it takes a while, and nothing else needs it

    if not (values.var(dim=0) > 0).any():
        return torch.zeros(len(values), 2), 1.0  # nothing varies, and nothing is lost
    model = PCA(min(2, *values.shape), svd_solver="full")
    points = torch.from_numpy(model.fit_transform(values.cpu().numpy())).float()
    return torch.nn.functional.pad(points, (0, 2 - points.shape[1])), float(model.explained_variance_ratio_.sum())


def tsne(values: Tensor, start: Tensor) -> Tensor:
    """t-SNE (van der Maaten & Hinton 2008): items (n, d), n at least 2, placed so that neighbours stay neighbours.

    It minimises the Kullback-Leibler divergence between who is near to whom there and who is near to whom here, by
    gradient descent from `start`, (n, 2), made small. From principal components the map keeps what it can of the large
    distances, too (Kobak & Berens 2019). Nothing is random: the same values give the same map.

    Returns:
        (n, 2). Only who is near to whom means something: distances between groups, and their sizes, do not.
    """
    from sklearn.manifold import TSNE  # imported here: it takes a while, and nothing else needs it

    scale = float(start[:, 0].std(correction=0)) or 1.0
    model = TSNE(
        perplexity=min(_PERPLEXITY, (len(values) - 1) / 3),
        init=(start / scale * _START).numpy().astype(np.float32),
        random_state=0,  # draws nothing, as the start is given
        n_jobs=1,
    )
    # Several threads add up in any order, and a thousand steps of t-SNE make a large difference of a small one.
    with threadpool_limits(1):
        return torch.from_numpy(model.fit_transform(values.cpu().numpy().astype(np.float32)))
