"""CD's statistics and update against the formulas of the reference, written out once more, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from deepbelief.data import Images, Rows, Source
from deepbelief.learning.rbm.momentum import Momentum
from deepbelief.learning.rbm.negative_phases.contrastive_divergence import ContrastiveDivergence
from deepbelief.learning.rbm.negative_phases.persistent import PersistentContrastiveDivergence
from deepbelief.learning.rbm.settings import RBMSettings
from deepbelief.learning.rbm.statistics import Regularisation
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import bernoulli_rbm
from deepbelief.models.views import Encoded
from deepbelief.randomness import Random


@pytest.mark.parametrize("samples", [True, False])
@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(0, 99))
def test_statistics_are_the_formula(samples: bool, visible: int, hidden: int, batch: int, k: int, seed: int) -> None:
    rbm = bernoulli_rbm(visible, hidden, Random(seed), weight_std=1.0).double()
    v = Random(seed, "data").uniform((batch, visible)).double()
    found = ContrastiveDivergence(rbm, batch, k, visible_samples=samples).statistics(v, Random(seed, "states"))

    states = Random(seed, "states")
    with torch.no_grad():
        w, b, c = rbm.weights, rbm.visible.bias, rbm.hidden.bias
        p = torch.sigmoid(v @ w + c)
        q, first_error = p, None
        for _ in range(k):
            h = states.bernoulli(q)
            v_mean = torch.sigmoid(h @ w.T + b)
            v_model = states.bernoulli(v_mean) if samples else v_mean
            q = torch.sigmoid(v_model @ w + c)
            first_error = ((v - v_mean) ** 2).sum() if first_error is None else first_error
    torch.testing.assert_close(found.weights, v.T @ p - v_model.T @ q)
    torch.testing.assert_close(found.visible, (v - v_model).sum(dim=0))
    torch.testing.assert_close(found.hidden, (p - q).sum(dim=0))
    torch.testing.assert_close(found.squared_error, first_error)
    assert found.batch_size == batch


@given(st.integers(1, 6), st.integers(1, 7), st.integers(1, 5), st.integers(1, 3), st.integers(0, 99))
def test_persistent_statistics_are_the_formula(visible: int, batch: int, chains: int, k: int, seed: int) -> None:
    rbm = bernoulli_rbm(visible, 3, Random(seed), weight_std=1.0).double()
    v = Random(seed, "data").uniform((batch, visible)).double()
    fantasies = Random(seed, "chains").bernoulli(torch.full((chains, 3), 0.5, dtype=torch.float64))
    h = fantasies.clone()
    phase = PersistentContrastiveDivergence(rbm, batch, fantasies, k)
    ours, theirs = Random(seed, "states"), Random(seed, "states")
    for _ in range(2):  # the second batch finds the chains where the first left them
        found = phase.statistics(v, ours)
        with torch.no_grad():
            w, b, c = rbm.weights, rbm.visible.bias, rbm.hidden.bias
            p = torch.sigmoid(v @ w + c)
            for _ in range(k):
                v_model = theirs.bernoulli(torch.sigmoid(h @ w.T + b))
                p_model = torch.sigmoid(v_model @ w + c)
                h = theirs.bernoulli(p_model)
        assert torch.equal(fantasies, h)
        share = batch / chains  # both phases count as many items as the batch has
        torch.testing.assert_close(found.weights, v.T @ p - share * v_model.T @ p_model)
        torch.testing.assert_close(found.visible, v.sum(dim=0) - share * v_model.sum(dim=0))
        torch.testing.assert_close(found.hidden, p.sum(dim=0) - share * p_model.sum(dim=0))


def test_products_in_bfloat16_stay_near_and_leave_the_parameters_alone() -> None:
    rbm = bernoulli_rbm(40, 30, Random(0), weight_std=0.3)
    v = Random(1).uniform((64, 40))
    exact = ContrastiveDivergence(rbm, 64).statistics(v, Random(2))
    narrow = ContrastiveDivergence(rbm, 64, products=torch.bfloat16).statistics(v, Random(2))
    assert rbm.weights.dtype == narrow.weights.dtype == narrow.visible.dtype == narrow.hidden.dtype == torch.float32
    for ours, theirs in ((narrow.weights, exact.weights), (narrow.visible, exact.visible)):
        assert (ours - theirs).norm() < 0.05 * theirs.norm()
    assert not torch.equal(narrow.weights, exact.weights)


def test_products_in_bfloat16_see_the_parameters_as_they_become() -> None:
    rbm = bernoulli_rbm(6, 4, Random(0), weight_std=0.3)
    phase, v = ContrastiveDivergence(rbm, 8, products=torch.bfloat16), Random(1).uniform((8, 6))
    phase.statistics(v, Random(2))
    with torch.no_grad():
        rbm.weights.mul_(-1)
    again = ContrastiveDivergence(rbm, 8, products=torch.bfloat16).statistics(v, Random(3))
    assert torch.equal(phase.statistics(v, Random(3)).weights, again.weights)


def test_persistent_chains_lose_dropped_units_for_one_step_only() -> None:
    """Hidden units that are always on, each of which turns one visible unit on: a share of them drops out, no more."""
    n, kept = 200, 0.4
    rbm = bernoulli_rbm(n, n, Random(0)).requires_grad_(False).double()
    rbm.weights.copy_(40 * torch.eye(n))
    rbm.visible.bias.fill_(-20)
    rbm.hidden.bias.fill_(20)
    regularisation = Regularisation(dropout=1 - kept)
    phase = PersistentContrastiveDivergence(rbm, 100, torch.ones(100, n).double(), 1, regularisation=regularisation)
    random = Random(1)
    for _ in range(3):
        on = -phase.statistics(torch.zeros(100, n).double(), random).visible.sum() / (100 * n)
        assert float(on) == pytest.approx(kept, abs=0.02)
        assert float(phase.chains.mean()) == 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("phase", ["means", "samples", "persistent"])
def test_a_step_makes_no_tensors(phase: str, dtype: torch.dtype) -> None:
    random = Random(0)
    rbm = bernoulli_rbm(50, 40, random).to(dtype)
    images = Images(random.uniform((300, 50), 0, 255).to(torch.uint8), 255)
    read, chains = images.reader(64, dtype), torch.zeros(30, 40, dtype=dtype)
    if phase == "persistent":
        negative = PersistentContrastiveDivergence(rbm, 64, chains, 2)
    else:
        negative = ContrastiveDivergence(rbm, 64, 2, visible_samples=phase == "samples")
    momentum = Momentum(rbm)
    order = random.permutation(300)

    def step(start: int) -> None:
        momentum.update(negative.statistics(read(order[start : start + 64]), random), 0.1, 0.9, 0.001)

    step(0)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        step(64)
        step(128)
    taken = [event.self_cpu_memory_usage for event in profiled.events() if event.self_cpu_memory_usage > 0]
    assert max(taken, default=0) <= 8 * len(chains)  # nothing but scalars, and one number a chain


@pytest.mark.parametrize("persistent", [False, True])
def test_a_step_reads_nothing_back_to_the_host(persistent: bool) -> None:
    """On the meta device tensors have shapes and no values: whatever needs a value there would keep CUDA waiting."""
    below, rbm = DBN.from_sizes([7, 6], Random(0)).to("meta"), bernoulli_rbm(6, 4, Random(0)).to("meta")

    class Whole(Source):
        """Items that nothing is missing of, which could not be looked up here."""

        width, missing = 7, 0.0

        def __len__(self) -> int:
            return 20

        def batch(self, rows: Rows) -> Tensor:
            return torch.zeros(20, 7, device="meta")[rows]

    items = Encoded(below, Whole(), 1)
    chains = torch.zeros(3, 4, device="meta")
    phase = PersistentContrastiveDivergence(rbm, 8, chains, 2) if persistent else ContrastiveDivergence(rbm, 8, 2)
    read, momentum = items.reader(8, torch.float32), Momentum(rbm)
    rows = torch.zeros(8, dtype=torch.int64, device="meta")
    momentum.update(phase.statistics(read(rows), Random(0)), 0.1, 0.5, 0.01)
    assert rbm.weights.is_meta


def test_cd1_training_is_the_reference_update_step_by_step() -> None:
    rbm = bernoulli_rbm(6, 4, Random(0), weight_std=0.1).double()
    w, b, c = (p.detach().clone() for p in (rbm.weights, rbm.visible.bias, rbm.hidden.bias))
    dw, db, dc = torch.zeros_like(w), torch.zeros_like(b), torch.zeros_like(c)
    data = Random(1).uniform((40, 6)).double()
    phases = ContrastiveDivergence(rbm, 10, visible_samples=False)
    momentum, ours, theirs = Momentum(rbm), Random(2), Random(2)
    for step in range(12):
        v = data[step % 4 * 10 : step % 4 * 10 + 10]
        m, lr, decay = (0.5, 0.1, 0.01) if step < 5 else (0.95, 0.03, 0.01)
        momentum.update(phases.statistics(v, ours), lr, m, decay)

        p = torch.sigmoid(v @ w + c)
        h = theirs.bernoulli(p)
        v_model = torch.sigmoid(h @ w.T + b)
        p_model = torch.sigmoid(v_model @ w + c)
        dw = m * dw + lr * ((v.T @ p - v_model.T @ p_model) / len(v) - decay * w)
        db = m * db + lr * (v - v_model).sum(dim=0) / len(v)
        dc = m * dc + lr * (p - p_model).sum(dim=0) / len(v)
        w, b, c = w + dw, b + db, c + dc
    torch.testing.assert_close(rbm.weights.detach(), w, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rbm.visible.bias.detach(), b, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(rbm.hidden.bias.detach(), c, rtol=1e-12, atol=1e-12)


def test_long_cd_gives_the_gradient_of_the_log_likelihood() -> None:
    """With many Gibbs steps all statistics, averaged over many chains, are the exact gradient (autograd)."""
    rbm = bernoulli_rbm(4, 3, Random(3), weight_std=2.0).double()
    data = Random(4).bernoulli(torch.full((1, 4), 0.5)).double().expand(20_000, -1)
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    exact = -rbm.free_energy(data[:1]).mean() - torch.logsumexp(-rbm.free_energy(states), dim=0)
    exact.backward()  # type: ignore[no-untyped-call]
    found = ContrastiveDivergence(rbm, len(data), 60).statistics(data, Random(5))
    for name, sums in found.by_parameter().items():
        torch.testing.assert_close(sums / len(data), rbm.get_parameter(name).grad, atol=0.015, rtol=0)


def test_schedules() -> None:
    some = RBMSettings(epochs=10, gibbs_steps=5, growing_gibbs_steps=True, learning_rate_decay=1.0, momentum_switch=3)
    assert [some.gibbs_steps_at(epoch) for epoch in (1, 2, 3, 4, 9, 10)] == [1, 1, 2, 2, 5, 5]
    assert [some.learning_rate_at(epoch) for epoch in (1, 2, 4)] == pytest.approx([0.1, 0.05, 0.025])
    assert [some.momentum_at(epoch) for epoch in (1, 3, 4)] == [0.5, 0.5, 0.95]
    assert RBMSettings(gibbs_steps=5).gibbs_steps_at(1) == 5


@settings(max_examples=20)
@given(
    st.sampled_from(["epochs", "batch_size", "gibbs_steps", "learning_rate", "initial_momentum", "weight_decay"]),
    st.sampled_from([-1, float("nan")]),
)
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        RBMSettings(**{name: value})  # type: ignore[arg-type]
