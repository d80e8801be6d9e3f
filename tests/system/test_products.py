"""Products by oneDNN beside PyTorch's own: the same numbers and slopes, and only where they are wanted."""

import copy
import math
import warnings
from collections.abc import Callable, Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import linear

from deepbelief import FeedForward, Random
from deepbelief.system import products
from deepbelief.system.products import affine, product

LAYOUTS: dict[str, Callable[[int, int, Random], Tensor]] = {
    "rows": lambda n, m, random: random.normal((n, m)),
    "transposed": lambda n, m, random: random.normal((m, n)).T,
    "some rows": lambda n, m, random: random.normal((n + 3, m))[1 : n + 1],
    "some columns": lambda n, m, random: random.normal((n, m + 3))[:, 1 : m + 1],
    "every other": lambda n, m, random: random.normal((2 * n, 2 * m))[::2, ::2],
    "one row again and again": lambda n, m, random: random.normal((1, m)).expand(n, m),
    "one number again and again": lambda n, m, random: random.normal((1, 1)).expand(n, m),
}
SIZES = st.integers(1, 40)
FEWEST = products.fewest_for_onednn


@pytest.fixture(scope="module", autouse=True)
def all_by_onednn() -> Iterator[None]:
    """oneDNN does what it can, on every processor and of every size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(products, "fewest_for_onednn", lambda: 0)
        yield


@pytest.fixture
def multiplied(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of what oneDNN multiplies, as far as it gets something to do."""
    shapes, own = list[tuple[int, ...]](), products._raw

    def raw(left: Tensor, right: Tensor, bias: Tensor | None) -> Tensor:
        shapes.append((*left.shape, right.shape[1]))
        return own(left, right, bias)

    monkeypatch.setattr(products, "_raw", raw)
    return shapes


@given(SIZES, SIZES, SIZES, st.sampled_from(sorted(LAYOUTS)), st.sampled_from(sorted(LAYOUTS)), st.booleans())
def test_a_product_is_that_of_double_precision(n: int, k: int, m: int, left: str, right: str, given_out: bool) -> None:
    random = Random(n + 50 * k + 2500 * m)
    a, b = LAYOUTS[left](n, k, random), LAYOUTS[right](k, m, random)
    out = torch.full((n + 1, m + 2), 7.0)
    found = product(a, b, out=out[1:, 2:] if given_out else None)
    torch.testing.assert_close(found.double(), a.double() @ b.double(), rtol=1e-5, atol=1e-5)
    if given_out:
        assert found.data_ptr() == out[1:, 2:].data_ptr()
        assert (out[0] == 7).all() and (out[:, :2] == 7).all()


@pytest.mark.parametrize("multiply", [product, lambda a, b: affine(a, b.T, torch.arange(float(b.shape[1])))])
def test_slopes_and_their_slopes_are_pytorchs(
    multiply: Callable[[Tensor, Tensor], Tensor], multiplied: list[tuple[int, ...]]
) -> None:
    def both(of: Callable[[Tensor, Tensor], Tensor]) -> list[Tensor]:
        random = Random(1)
        a, b = random.normal((5, 7)).requires_grad_(), random.normal((7, 3)).requires_grad_()
        first = torch.autograd.grad(of(a, b).tanh().sum(), [a, b], create_graph=True)
        second = torch.autograd.grad(sum((one * one).sum() for one in first), [a, b])  # type: ignore[arg-type]
        return [*first, *second]

    found = both(multiply)
    assert {(5, 7, 3), (5, 3, 7), (7, 5, 3)} <= set(multiplied)
    biases = torch.arange(3.0) if multiply is not product else torch.zeros(3)
    for one, wanted in zip(found, both(lambda a, b: a @ b + biases), strict=True):
        torch.testing.assert_close(one, wanted)


def test_slopes_of_weights_and_bias_where_the_values_have_none() -> None:
    values, weight, bias = Random(2).normal((6, 4)), Random(3).normal((2, 4)), Random(4).normal((2,))
    slopes = []
    for function in (affine, linear):
        parameters = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
        function(values, *parameters).sum().backward()  # whose slopes are one number again and again
        slopes.append([one.grad for one in parameters])
    torch.testing.assert_close(*slopes)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (torch.rand(3), torch.rand(3)),
        (torch.rand(3, 4), torch.rand(4)),
        (torch.rand(2, 3, 4), torch.rand(4, 5)),
        (torch.rand(3, 4).double(), torch.rand(4, 5).double()),
        (torch.rand(3, 4).bfloat16(), torch.rand(4, 5).bfloat16()),
        (torch.ones(3, 4, dtype=torch.int64), torch.ones(4, 5, dtype=torch.int64)),
    ],
)
def test_what_onednn_does_not_do_is_pytorchs(left: Tensor, right: Tensor, multiplied: list[tuple[int, ...]]) -> None:
    assert torch.equal(product(left, right), left @ right)
    assert not multiplied


def test_small_products_are_pytorchs(monkeypatch: pytest.MonkeyPatch, multiplied: list[tuple[int, ...]]) -> None:
    monkeypatch.setattr(products, "fewest_for_onednn", lambda: 8 * 9 * 10)
    product(torch.rand(8, 9), torch.rand(9, 9))
    assert not multiplied
    product(torch.rand(8, 9), torch.rand(9, 10))
    assert multiplied == [(8, 9, 10)]


def test_a_network_by_onednn(multiplied: list[tuple[int, ...]]) -> None:
    """Its logits, in narrow types within autocast, and by torch.func."""
    network, values = FeedForward([5, 4, 3], torch.relu, Random(0)), torch.rand(6, 5)
    torch.testing.assert_close(network(values).double(), copy.deepcopy(network).double()(values))
    assert multiplied.pop() == (6, 5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert network(values).dtype == torch.bfloat16
    assert not multiplied

    def loss(one: Tensor) -> Tensor:
        return network(one[None])[0].square().sum()

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*performance drop.*")  # PyTorch's vmap, of an operation it repeats
        slopes = torch.func.vmap(torch.func.grad(loss))(values)
    leaf = values.clone().requires_grad_()
    network(leaf).square().sum().backward()
    torch.testing.assert_close(slopes, leaf.grad)


def test_an_exported_network_has_standard_operations_and_takes_any_number_of_rows() -> None:
    network, rows = FeedForward([5, 4, 3], torch.relu, Random(0)), torch.export.Dim("rows")
    exported = torch.export.export(network, (torch.rand(6, 5),), dynamic_shapes=({0: rows},))
    assert not [node.target for node in exported.graph.nodes if "mkldnn" in str(node.target)]
    values = torch.rand(9, 5)
    torch.testing.assert_close(exported.module()(values), network(values))


@pytest.mark.parametrize(
    ("capability", "maker", "expected"),
    [
        ("AVX512", "AuthenticAMD", 2**21),
        ("AVX2", "AuthenticAMD", 2**26),
        ("DEFAULT", "AuthenticAMD", math.inf),
        ("AVX512", "GenuineIntel", math.inf),
        ("AVX2", "GenuineIntel", math.inf),
    ],
)
def test_onednn_is_for_processors_that_the_other_library_slights(
    capability: str, maker: str, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(products, "processor_maker", lambda: maker)
    assert FEWEST.__wrapped__() == expected
