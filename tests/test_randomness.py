"""The source of random numbers: right distributions, independent streams, exact continuation."""

import numpy as np
import pytest
import scipy.stats
import torch

from deepbelief import DBN, Pretraining, RBMSettings, fantasies, inpaint
from deepbelief.errors import DeepBeliefError, SettingsError
from deepbelief.randomness import Random


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("probability", [0.001, 0.2, 0.5, 0.93])
def test_bernoulli_has_the_right_mean(probability: float, dtype: torch.dtype) -> None:
    n = 400_001  # not a multiple of four
    wanted = torch.full((n,), probability, dtype=dtype)
    states = Random(1, "mean").bernoulli(wanted)
    probability = float(wanted[0])  # as the type holds it
    assert states.dtype == dtype
    assert set(states.unique().tolist()) <= {0.0, 1.0}
    assert scipy.stats.binomtest(int(states.count_nonzero()), n, probability).pvalue > 0.001


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("steps", [0.01, 0.3, 0.7, 1.4, 2.5, 10.0])
@pytest.mark.parametrize("near_one", [False, True])
def test_bernoulli_is_right_for_rare_states(near_one: bool, steps: float, dtype: torch.dtype) -> None:
    """Probabilities of a few steps of 2^-16 and less, and as far from 1; in all kinds of shapes."""
    random, n, rare = Random(5, "rare"), 0, 0
    wanted = 1 - steps / 65536 if near_one else steps / 65536
    for shape in [(1000, 1000)] * 3 + [(3_000_000,), (2, 3, 500_000), (1_000_000, 3), (3_000_000, 1)]:
        probability = torch.full(shape, wanted, dtype=dtype)
        states = random.bernoulli(probability)
        assert states.shape == shape
        n, rare = n + states.numel(), rare + int((states != float(near_one)).sum())
    exact = float(probability.flatten()[0].double())  # as the type holds it
    assert scipy.stats.binomtest(rare, n, 1 - exact if near_one else exact).pvalue > 0.001


def test_rare_states_are_as_spread_as_independent_ones() -> None:
    """The number of rare states in each of many calls is Poisson, in every row and every column the same."""
    random, rare = Random(6, "rare"), torch.full((250, 200), 2e-5)
    calls = torch.stack([random.bernoulli(rare) for _ in range(400)])
    counts = calls.sum(dim=(1, 2)).numpy()  # of mean and variance 1
    assert scipy.stats.chi2(399).cdf(counts.var(ddof=1) * 399) == pytest.approx(0.5, abs=0.499)
    for dim in (1, 2):
        lines = calls.sum(dim=(0, dim)).numpy()
        assert scipy.stats.chisquare(lines).pvalue > 0.001
    always_rare = torch.full((4_000_000,), 1e-5)
    where = np.concatenate([random.bernoulli(always_rare).nonzero().flatten().numpy() for _ in range(20)])
    assert scipy.stats.kstest(where / len(always_rare), "uniform").pvalue > 0.001


def test_bernoulli_is_certain_at_the_ends() -> None:
    random = Random(0)
    assert random.bernoulli(torch.zeros(200_000)).sum() == 0
    assert random.bernoulli(torch.ones(200_000)).sum() == 200_000


def test_states_are_written_where_they_are_wanted() -> None:
    probability, out = torch.rand(7, 5, generator=torch.Generator().manual_seed(0)), torch.empty(7, 5)
    assert Random(0).bernoulli(probability, out=out) is out
    assert torch.equal(out, Random(0).bernoulli(probability))


@pytest.mark.parametrize("dropout", [0.1, 0.5])
def test_dropout_keeps_the_mean(dropout: float) -> None:
    mask = Random(4).dropout_mask(torch.empty(400_001), dropout)
    assert set(mask.unique().tolist()) == {0.0, float(torch.tensor(1.0) / (1 - dropout))}
    assert scipy.stats.binomtest(int((mask == 0).sum()), len(mask), dropout).pvalue > 0.001
    assert torch.equal(mask[:999], Random(4).dropout_mask(torch.empty(400_001, dtype=torch.bfloat16), dropout)[:999])


def test_bernoulli_states_are_independent() -> None:
    states = Random(2).bernoulli(torch.full((200_000,), 0.5)).numpy()
    for lag in (1, 2, 3, 4, 5, 300):
        pairs = 2 * states[:-lag] + states[lag:]
        assert scipy.stats.chisquare(np.bincount(pairs.astype(int), minlength=4)).pvalue > 0.001


def test_normal_and_uniform_follow_their_distributions() -> None:
    random = Random(3)
    normal, uniform = random.normal((50_000,), 0.1).numpy(), random.uniform((50_000,), -0.5, 0.5).numpy()
    assert scipy.stats.kstest(normal, scipy.stats.norm(0, 0.1).cdf).pvalue > 0.001
    assert scipy.stats.kstest(uniform, scipy.stats.uniform(-0.5, 1).cdf).pvalue > 0.001
    assert uniform.min() >= -0.5
    assert uniform.max() < 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_poisson_numbers_have_their_means(dtype: torch.dtype) -> None:
    means = torch.tensor([0.0, 0.5, 4.0, 30.0], dtype=dtype)
    counts = Random(3).poisson(means.expand(20_000, 4))
    assert (counts.shape, counts.dtype) == ((20_000, 4), dtype)
    assert (counts[:, 0] == 0).all()
    for column in (1, 2, 3):
        seen, expected = counts[:, column].double().numpy(), scipy.stats.poisson(float(means[column]))
        usual = np.arange(int(expected.ppf(1e-3)), int(expected.ppf(1 - 1e-3)) + 1)
        found, rest = np.array([(seen == count).sum() for count in usual]), 1 - expected.pmf(usual).sum()
        frequent = [*expected.pmf(usual), rest]
        assert scipy.stats.chisquare([*found, 20_000 - found.sum()], 20_000 * np.array(frequent)).pvalue > 0.001
    assert Random(3).poisson(torch.tensor(9e18, dtype=dtype)).item() == pytest.approx(9e18, rel=0.01)


def test_streams_differ_and_repeat() -> None:
    first, second, again = (Random(5, name).normal((4,)).tolist() for name in ("a", "b", "a"))
    assert first == again
    assert first != second
    assert first != Random(6, "a").normal((4,)).tolist()


def test_a_restored_stream_goes_on_exactly() -> None:
    random = Random(7, "x")
    random.bernoulli(torch.rand(13))
    random.permutation(5)
    state = random.state()
    expected = [random.normal((3,)), random.bernoulli(torch.full((9,), 0.5)), random.permutation(11)]
    other = Random(0, "y")
    other.restore(state)
    for wanted, got in zip(
        expected, [other.normal((3,)), other.bernoulli(torch.full((9,), 0.5)), other.permutation(11)], strict=True
    ):
        assert torch.equal(wanted, got)


def test_a_state_of_another_kind_of_device_is_refused() -> None:
    random = Random(0)
    before = random.state()
    with pytest.raises(DeepBeliefError, match="saved on another kind of device than cpu: go on where the work began"):
        random.restore({**Random(1).state(), "device": torch.zeros(16, dtype=torch.uint8)})  # as CUDA has it
    assert all(torch.equal(before[name], tensor) for name, tensor in random.state().items())


def test_nothing_global_is_touched() -> None:
    before = torch.get_rng_state()
    Random(0).bernoulli(torch.rand(3, generator=torch.Generator()))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_states_are_drawn_on_the_gpu() -> None:
    random = Random(0, device="cuda")
    state = random.state()
    first = random.bernoulli(torch.full((1000,), 0.3, device="cuda"))
    random.restore(state)
    assert first.is_cuda
    assert torch.equal(first, random.bernoulli(torch.full((1000,), 0.3, device="cuda")))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_states_on_the_gpu_have_the_right_mean_and_survive_a_nan(dtype: torch.dtype) -> None:
    random, n = Random(0, device="cuda"), 400_001
    wanted = torch.full((n,), 0.3, device="cuda", dtype=dtype)
    states = random.bernoulli(wanted)
    assert states.dtype == dtype
    assert scipy.stats.binomtest(int(states.count_nonzero()), n, float(wanted[0])).pvalue > 0.001
    ends = torch.tensor([0.0, 1.0], device="cuda", dtype=dtype)
    assert torch.equal(random.bernoulli(ends.expand(9999, 2)), ends.expand(9999, 2))
    random.bernoulli(torch.full((9,), torch.nan, device="cuda", dtype=dtype))
    torch.cuda.synchronize()


def test_a_whole_number_is_a_seed_wherever_randomness_is_taken() -> None:
    ours, theirs = (DBN.from_sizes([6, 4, 3], given) for given in (3, Random(3)))
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    layers = zip(ours.rbms, DBN.from_sizes([6, 6, 6], 3).rbms, strict=True)
    assert len({float(rbm.weights[0, 0].detach()) for _, rbm in layers}) == 2  # one stream for all layers
    known, images = [True] * 3 + [False] * 3, torch.rand(4, 6)
    for given in (np.int64(5), 5):
        assert torch.equal(fantasies(ours, 4, given, steps=6), fantasies(ours, 4, Random(5), steps=6))
        assert torch.equal(inpaint(ours, images, known, given), inpaint(ours, images, known, Random(5)))
    trained = [DBN.from_sizes([6, 4], 0) for _ in range(2)]
    for dbn, random in zip(trained, (1, Random(1)), strict=True):
        list(Pretraining(dbn, images, RBMSettings(epochs=2), random=random).epochs())
    assert torch.equal(trained[0].layer(1).weights, trained[1].layer(1).weights)
    for wrong, message in ((-1, "seed -1 is below 0"), (0.5, "random is 0.5: give a whole number"), (None, "is None")):
        with pytest.raises(SettingsError, match=message):
            DBN.from_sizes([6, 4], wrong)
