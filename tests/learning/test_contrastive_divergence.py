"""CD's statistics and update against the formulas of the reference, written out once more, step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from deepbelief.learning.contrastive_divergence import ContrastiveDivergence, Momentum
from deepbelief.learning.settings import CDSettings
from deepbelief.randomness import Random
from deepbelief.rbm import bernoulli_rbm


@given(st.integers(1, 6), st.integers(1, 5), st.integers(1, 7), st.integers(1, 3), st.integers(0, 99))
def test_statistics_are_the_formula(visible: int, hidden: int, batch: int, k: int, seed: int) -> None:
    rbm = bernoulli_rbm(visible, hidden, Random(seed), weight_std=1.0).double()
    v = Random(seed, "data").uniform((batch, visible)).double()
    found = ContrastiveDivergence(rbm, batch, k).statistics(v, Random(seed, "states"))

    states = Random(seed, "states")
    with torch.no_grad():
        w, b, c = rbm.weights, rbm.visible.bias, rbm.hidden.bias
        p = torch.sigmoid(v @ w + c)
        q, first_error = p, None
        for _ in range(k):
            h = states.bernoulli(q)
            v_model = torch.sigmoid(h @ w.T + b)
            q = torch.sigmoid(v_model @ w + c)
            first_error = ((v - v_model) ** 2).sum() if first_error is None else first_error
    torch.testing.assert_close(found.weights, v.T @ p - v_model.T @ q)
    torch.testing.assert_close(found.visible, (v - v_model).sum(dim=0))
    torch.testing.assert_close(found.hidden, (p - q).sum(dim=0))
    torch.testing.assert_close(found.squared_error, first_error)
    assert found.batch_size == batch


def test_cd1_training_is_the_reference_update_step_by_step() -> None:
    rbm = bernoulli_rbm(6, 4, Random(0), weight_std=0.1).double()
    w, b, c = (p.detach().clone() for p in (rbm.weights, rbm.visible.bias, rbm.hidden.bias))
    dw, db, dc = torch.zeros_like(w), torch.zeros_like(b), torch.zeros_like(c)
    data = Random(1).uniform((40, 6)).double()
    phases = ContrastiveDivergence(rbm, 10)
    momentum, ours, theirs = Momentum(rbm), Random(2), Random(2)
    for step in range(12):
        v = data[step % 4 * 10 : step % 4 * 10 + 10]
        m, lr, decay = (0.5, 0.1, 0.01) if step < 5 else (0.95, 0.05, 0.01)
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
    """With many Gibbs steps the visible statistics, averaged over many states, are the exact gradient (autograd)."""
    rbm = bernoulli_rbm(4, 3, Random(3), weight_std=0.3).double()
    data = Random(4).bernoulli(torch.full((1, 4), 0.5)).double().expand(20_000, -1)
    states = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * 4)
    exact = -rbm.free_energy(data[:1]).mean() - torch.logsumexp(-rbm.free_energy(states), dim=0)
    exact.backward()  # type: ignore[no-untyped-call]
    found = ContrastiveDivergence(rbm, len(data), 60).statistics(data, Random(5))
    # The last visible values are means given sampled hidden units, which leaves the gradient of their biases unbiased.
    torch.testing.assert_close(found.visible / len(data), rbm.visible.bias.grad, atol=0.02, rtol=0)


def test_schedules() -> None:
    some = CDSettings(epochs=10, gibbs_steps=5, growing_gibbs_steps=True, learning_rate_decay=1.0, momentum_switch=3)
    assert [some.gibbs_steps_at(epoch) for epoch in (1, 2, 3, 4, 9, 10)] == [1, 1, 2, 2, 5, 5]
    assert [some.learning_rate_at(epoch) for epoch in (1, 2, 4)] == pytest.approx([0.1, 0.05, 0.025])
    assert [some.momentum_at(epoch) for epoch in (1, 3, 4)] == [0.5, 0.5, 0.95]
    assert CDSettings(gibbs_steps=5).gibbs_steps_at(1) == 5


@settings(max_examples=20)
@given(
    st.sampled_from(["epochs", "batch_size", "gibbs_steps", "learning_rate", "initial_momentum", "weight_decay"]),
    st.sampled_from([-1, float("nan")]),
)
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        CDSettings(**{name: value})  # type: ignore[arg-type]
