"""A layer's whole training, with every schedule, against a plain loop written out: parameters and records."""

import pytest
import torch
from torch import Tensor

from deepbelief.data import TensorSource
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.rbm import RBM, bernoulli_rbm
from deepbelief.randomness import Random

N, VISIBLE, HIDDEN = 33, 7, 5  # three batches of ten, and one of three
sigmoid = torch.sigmoid

SCHEDULES = {
    "epochs": 4,
    "batch_size": 10,
    "learning_rate": 0.4,
    "learning_rate_decay": 0.3,
    "initial_momentum": 0.3,
    "final_momentum": 0.8,
    "momentum_switch": 2,
    "weight_decay": 0.03,
    "gibbs_steps": 3,
    "growing_gibbs_steps": True,
}
CASES = {
    "samples": {},
    "means": {"visible_samples": False},
    "to zero": {"learning_rate_to_zero": True},
    "in order": {"shuffle": False, "drop_last": True},
    "biases from 0": {"visible_bias_from_data": False},
    "l1": {"l1": 0.01},
    "steps that do not grow": {"growing_gibbs_steps": False},
    "short gradients": {"max_gradient_norm": 0.2},
    "centred": {"centring": True},
    "sparse": {"sparsity_cost": 2.0, "sparsity_target": 0.1},
}


def items() -> Tensor:
    """Grey values, some units darker than others."""
    return Random(0, "items").uniform((N, VISIBLE)).double() * torch.linspace(0.3, 1, VISIBLE).double()


class Written:
    """The loop as a reader of the formulas would write it, for binary units."""

    def __init__(self, rbm: RBM, settings: RBMSettings, random: Random) -> None:
        self.settings, self.random, self.data = settings, random, items()
        self.w, self.b, self.c = (p.detach().clone() for p in (rbm.weights, rbm.visible.bias, rbm.hidden.bias))
        self.velocity = [torch.zeros_like(one) for one in (self.w, self.b, self.c)]
        self.offsets: list[Tensor] = []
        if settings.persistent_chains:
            chains = self.data[torch.arange(settings.persistent_chains) * N // settings.persistent_chains]
            self.chains = random.bernoulli(sigmoid(chains @ self.w + self.c))
        if settings.visible_bias_from_data:
            self.b = torch.logit((self.data.sum(dim=0) + 0.5) / (N + 1))

    def epoch(self, epoch: int) -> float:
        """One epoch; its reconstruction error."""
        s = self.settings
        last = (N // 10) * 10 if s.drop_last else N
        order = self.random.permutation(N) if s.shuffle else torch.arange(N)
        rate = s.learning_rate / (1 + s.learning_rate_decay * (epoch - 1))
        rate *= 1 - (epoch - 1) / s.epochs if s.learning_rate_to_zero else 1
        momentum = s.initial_momentum if epoch <= s.momentum_switch else s.final_momentum
        steps = -(-s.gibbs_steps * epoch // s.epochs) if s.growing_gibbs_steps else s.gibbs_steps
        squared = 0.0
        for start in range(0, last, 10):
            squared += self.batch(self.data[order[start : min(start + 10, last)]], rate, momentum, steps)
        if s.persistent_chains:
            again = sigmoid(sigmoid(self.data @ self.w + self.c) @ self.w.T + self.b)
            return 10 * float((self.data - again).square().mean())
        return 10 * squared / last / VISIBLE

    def batch(self, v: Tensor, rate: float, momentum: float, steps: int) -> float:
        """One update; the squared error of the first reconstruction."""
        s, p = self.settings, sigmoid(v @ self.w + self.c)
        model, q, squared = self.persistent(steps) if s.persistent_chains else self.from_data(v, p, steps)
        share, d_hidden = len(v) / len(model), p
        if s.sparsity_cost:
            d_hidden = p - 2 * s.sparsity_cost * (p.mean(dim=0) - s.sparsity_target) * p * (1 - p)
        dw, db = v.T @ d_hidden - share * model.T @ q, v.sum(dim=0) - share * model.sum(dim=0)
        dc = d_hidden.sum(dim=0) - share * q.sum(dim=0)
        if s.centring:
            dw, db, dc = self.centred(v, p, dw, db, dc)
        slopes = [(dw / len(v) - s.l1 * torch.sign(self.w)), db / len(v), dc / len(v)]
        if s.max_gradient_norm:
            norm = torch.cat([slope.flatten() for slope in slopes]).norm()
            slopes = [slope * min(1.0, s.max_gradient_norm / float(norm)) for slope in slopes]
        slopes[0] = slopes[0] - s.weight_decay * self.w
        self.velocity = [momentum * old + rate * slope for old, slope in zip(self.velocity, slopes, strict=True)]
        dw, db, dc = self.velocity
        self.w, self.b, self.c = self.w + dw, self.b + db, self.c + dc
        return squared

    def from_data(self, v: Tensor, q: Tensor, steps: int) -> tuple[Tensor, Tensor, float]:
        errors = []
        for _ in range(steps):
            means = sigmoid(self.random.bernoulli(q) @ self.w.T + self.b)
            model = self.random.bernoulli(means) if self.settings.visible_samples else means
            q = sigmoid(model @ self.w + self.c)
            errors.append(float((v - means).square().sum()))
        return model, q, errors[0]

    def persistent(self, steps: int) -> tuple[Tensor, Tensor, float]:
        for _ in range(steps):
            model = self.random.bernoulli(sigmoid(self.chains @ self.w.T + self.b))
            q = sigmoid(model @ self.w + self.c)
            self.chains = self.random.bernoulli(q)
        return model, q, 0.0

    def centred(self, v: Tensor, p: Tensor, dw: Tensor, db: Tensor, dc: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        means = [v.mean(dim=0), p.mean(dim=0)]
        old = self.offsets or means
        self.offsets = [one + 0.01 * (mean - one) for one, mean in zip(old, means, strict=True)]
        mu, lam = self.offsets
        dw = dw - torch.outer(mu, dc) - torch.outer(db, lam)
        return dw, db - dw @ lam, dc - dw.T @ mu


@pytest.mark.parametrize("chains", [0, 6])
@pytest.mark.parametrize("case", CASES)
def test_a_whole_training_is_the_loop_written_out(case: str, chains: int) -> None:
    settings = RBMSettings(**{**SCHEDULES, **CASES[case], "persistent_chains": chains})  # type: ignore[arg-type]
    rbm = bernoulli_rbm(VISIBLE, HIDDEN, Random(1), weight_std=0.8).double()
    expected = Written(rbm, settings, Random(2))
    training = RBMTraining(rbm, TensorSource(items()), settings, random=Random(2), layer=1)
    for epoch, record in enumerate(training.epochs(), start=1):
        assert record.epoch == epoch
        assert record.reconstruction_error == pytest.approx(expected.epoch(epoch), rel=1e-10)
        found = rbm.weights, rbm.visible.bias, rbm.hidden.bias
        for ours, theirs in zip(found, (expected.w, expected.b, expected.c), strict=True):
            torch.testing.assert_close(ours.detach(), theirs, rtol=1e-10, atol=1e-12)
