"""One contender of the speed benchmark, in a process of its own; `speed.py` starts it and gives it its turns.

    python benchmarks/contenders.py textbook '{"visible": 784, "hidden": 300, "batch": 128, "images": 12800}'

sets the contender up, says so, and then does one round of work for each line that it reads: one pass over the images.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from deepbelief import DBN, Pretraining, Random, RBMSettings, encode_source, load_dataset
from deepbelief.data import Images
from deepbelief.errors import DeepBeliefError
from deepbelief.learning.rbm.cuda_graph import cuda_graph
from deepbelief.system.compilation import Compiler
from deepbelief.system.machine import peak_memory
from deepbelief.system.products import product

Work = Callable[[], None]
TOP = [784, 300, 300, 700]  # the network whose encoding is timed


@dataclass(frozen=True)
class Task:
    """An RBM's size, its batches, its Gibbs steps (persistent or not), and how many images make a round."""

    visible: int
    hidden: int
    batch: int
    steps: int = 1
    persistent: bool = False
    images: int = 12800
    device: str = "cpu"

    @property
    def settings(self) -> RBMSettings:
        """The same for everyone, as far as they have them."""
        return RBMSettings(
            epochs=10**6,
            batch_size=self.batch,
            learning_rate=0.01,
            gibbs_steps=self.steps,
            persistent_chains=self.batch if self.persistent else 0,
        )


def pixels(task: Task) -> Tensor:
    """Fashion-MNIST where it is and fits, else noise: (images, visible) uint8."""
    try:
        train = load_dataset("fashion-mnist").train.pixels
    except DeepBeliefError:
        train = torch.empty(0, 0)
    if train.shape[1] == task.visible and len(train) >= task.images:
        return train[: task.images].clone()
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (task.images, task.visible), np.uint8))


def deepbelief(task: Task, products: torch.dtype | None = None, compiler: Compiler | None = None) -> Work:
    """An epoch of `Pretraining`; with a compiler its steps are compiled, which is no part of the time."""
    random = Random(0, device=task.device)
    dbn = DBN.from_sizes([task.visible, task.hidden], random, weight_std=0.1)
    images = Images(pixels(task), 255).to(task.device)
    epochs = Pretraining(dbn, images, [task.settings], random=random, products=products, compiler=compiler).epochs()
    return lambda: print(next(epochs).reconstruction_error, file=sys.stderr)


def products(task: Task, dtype: torch.dtype = torch.float32, multiply: Callable[..., Tensor] = torch.mm) -> Work:
    """The matrix products of the same epoch and nothing else: the floor."""
    device, n = torch.device(task.device), task.batch
    random = Random(0, device=device)
    visible, hidden = (random.uniform((n, size)).to(dtype) for size in (task.visible, task.hidden))
    weights = random.normal((task.visible, task.hidden)).to(dtype)
    out_hidden, out_visible, out_weights = map(torch.empty_like, (hidden, visible, weights))

    def step() -> None:
        multiply(visible, weights, out=out_hidden)  # p
        for _ in range(task.steps):
            multiply(hidden, weights.T, out=out_visible)  # v'
            multiply(visible, weights, out=out_hidden)  # p'
        multiply(visible.T, hidden, out=out_weights)  # v^T p
        multiply(visible.T, hidden, out=out_weights)  # v'^T p'

    if device.type == "cuda":  # a floor for steps that are replayed
        step()
        step = cuda_graph(step, random)
    return lambda: [step() for _ in range(task.images // n)] and None


def textbook(task: Task) -> Work:
    """The formulas in PyTorch as a textbook would write them down, images as float32."""
    data = pixels(task).float() / 255
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(task.visible, task.hidden, generator=generator) * 0.1
    b, c = torch.zeros(task.visible), torch.zeros(task.hidden)
    dw, db, dc = torch.zeros_like(weights), torch.zeros_like(b), torch.zeros_like(c)
    chains = torch.bernoulli(torch.full((task.batch, task.hidden), 0.5), generator=generator)
    rate, momentum, decay = 0.01, 0.9, 0.0001

    def epoch() -> None:
        nonlocal weights, b, c, dw, db, dc, chains
        error = 0.0
        for rows in torch.randperm(len(data), generator=generator).split(task.batch):
            v = data[rows]
            p = torch.sigmoid(v @ weights + c)
            h = chains if task.persistent else torch.bernoulli(p, generator=generator)
            for _ in range(task.steps):
                v_model = torch.sigmoid(h @ weights.T + b)
                if task.persistent:
                    v_model = torch.bernoulli(v_model, generator=generator)
                p_model = torch.sigmoid(v_model @ weights + c)
                if task.persistent or task.steps > 1:
                    h = torch.bernoulli(p_model, generator=generator)
            chains = h
            dw = momentum * dw + rate * ((v.T @ p - v_model.T @ p_model) / len(v) - decay * weights)
            db = momentum * db + rate * (v - v_model).mean(dim=0)
            dc = momentum * dc + rate * (p - p_model).mean(dim=0)
            weights, b, c = weights + dw, b + db, c + dc
            error += float(((v - v_model) ** 2).sum())
        print(error, file=sys.stderr)

    return epoch


def scikit_learn(task: Task) -> Work:
    """An epoch of `sklearn.neural_network.BernoulliRBM`, which does PCD-1."""
    from sklearn.neural_network import BernoulliRBM

    data = (pixels(task).float() / 255).numpy()
    rbm = BernoulliRBM(task.hidden, learning_rate=0.01, batch_size=task.batch, n_iter=1, random_state=0)
    return lambda: rbm.fit(data) and None


def learnergy(task: Task) -> Work:
    """An epoch of learnergy's RBM."""
    from learnergy.models.bernoulli import RBM
    from torch.utils.data import TensorDataset

    data = pixels(task).float() / 255
    rbm = RBM(task.visible, task.hidden, steps=task.steps, learning_rate=0.01, momentum=0.9, decay=0.0001)
    dataset = TensorDataset(data, torch.zeros(len(data)))
    return lambda: rbm.fit(dataset, batch_size=task.batch, epochs=1) and None


def rbms(task: Task) -> Work:
    """An epoch of updates by rbms's own step of persistent CD."""
    from rbms.bernoulli_bernoulli.classes import BBRBM
    from rbms.training.pcd import fit_batch_pcd

    data, weight = pixels(task).float() / 255, torch.ones(task.batch)
    generator = torch.Generator().manual_seed(0)
    rbm = BBRBM(
        torch.randn(task.visible, task.hidden, generator=generator) * 0.1,
        torch.zeros(task.visible),
        torch.zeros(task.hidden),
    )
    rbm.init_grad()
    optimizer = torch.optim.SGD(rbm.parameters(), lr=0.01, maximize=True)
    chains = rbm.init_chains(task.batch)

    @torch.no_grad()
    def epoch() -> None:
        nonlocal chains
        for rows in torch.randperm(len(data), generator=generator).split(task.batch):
            optimizer.zero_grad(set_to_none=False)
            chains, _ = fit_batch_pcd((data[rows], weight[: len(rows)]), chains, rbm, task.steps, 1.0, centered=False)
            optimizer.step()

    return epoch


def encoding(task: Task) -> Work:
    """All images to the top layer of a DBN."""
    dbn, images = DBN.from_sizes(TOP, Random(0)), Images(pixels(task), 255)
    return lambda: print(encode_source(dbn, images).shape, file=sys.stderr)


def encoding_products(task: Task, multiply: Callable[..., Tensor] = torch.mm) -> Work:
    """The products of the same, on batches of the same size."""
    batch, random = 2048, Random(0)
    layers = [random.uniform((batch, size)) for size in TOP]
    weights = [random.normal((low, high)) for low, high in pairwise(TOP)]

    def work() -> None:
        for start in range(0, task.images, batch):
            n = min(batch, task.images - start)
            for below, weight, above in zip(layers, weights, layers[1:], strict=False):
                multiply(below[:n], weight, out=above[:n])

    return work


CONTENDERS: dict[str, Callable[[Task], Work]] = {
    "deepbelief": deepbelief,
    "deepbelief compiled": lambda task: deepbelief(task, compiler=Compiler()),
    "deepbelief bf16": lambda task: deepbelief(task, torch.bfloat16),
    "deepbelief compiled bf16": lambda task: deepbelief(task, torch.bfloat16, Compiler()),
    "products": products,
    "products oneDNN": lambda task: products(task, multiply=product),
    "products bf16": lambda task: products(task, torch.bfloat16),
    "textbook": textbook,
    "scikit-learn": scikit_learn,
    "learnergy": learnergy,
    "rbms": rbms,
    "encoding": encoding,
    "encoding products": encoding_products,
    "encoding products oneDNN": lambda task: encoding_products(task, product),
}


def wait(task: Task) -> None:
    """Until a GPU has done what it was told."""
    if task.device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Set up, then one round for each line on standard input."""
    task = Task(**json.loads(sys.argv[2]))
    work = CONTENDERS[sys.argv[1]](task)
    answers, sys.stdout = sys.stdout, sys.stderr  # some contenders print while they learn
    work()  # warm-up
    wait(task)
    print("ready", file=answers, flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        work()
        wait(task)
        seconds = time.perf_counter() - started
        print(json.dumps({"seconds": seconds, "peak_bytes": peak_memory()}), file=answers, flush=True)


if __name__ == "__main__":
    main()
