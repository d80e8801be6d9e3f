"""Feature extraction: alone, with all layers, and batch by batch."""

import pytest
import torch

from deepbelief.data import Images, TensorSource
from deepbelief.models.dbn import DBN
from deepbelief.models.units import Bernoulli
from deepbelief.models.views import Encoded, encode_source, encode_source_all, standardise
from deepbelief.randomness import Random
from tests.small_models import KINDS, some_values


@pytest.fixture
def dbn() -> DBN:
    return DBN.from_sizes([6, 5, 4], Random(0))


def images(n: int, labels: bool = True) -> Images:
    return Images(Random(1).uniform((n, 6)), 1.0, torch.arange(n) % 3 if labels else None)


def test_batches_make_no_difference(dbn: DBN) -> None:
    some = images(5000)
    with torch.no_grad():
        torch.testing.assert_close(encode_source(dbn, some, 1), dbn.encode(some.pixels, 1))
        torch.testing.assert_close(encode_source(dbn, some), dbn.encode(some.pixels))


@pytest.mark.parametrize("kind", KINDS)
def test_every_layer_of_every_kind_is_the_same_alone_and_with_the_others(kind: str) -> None:
    """Of `encode_source`, of all layers in one pass, and of a layer's own source; with standardised real values."""
    layers = [KINDS[kind](), Bernoulli(5), Bernoulli(4), Bernoulli(3)]
    dbn, random = DBN.from_units(layers, Random(0), weight_std=0.7).requires_grad_(False), Random(1)
    real = layers[0].are_real
    values = some_values(layers[0], 3000, random).detach()
    source = TensorSource(torch.where(real, values * 9 + 50, values))
    standardise(dbn, source)
    every = encode_source_all(dbn, source)
    assert [tuple(layer.shape) for layer in every] == [(3000, 5), (3000, 4), (3000, 3)]
    expected = dbn.encode_all(source.values)
    for number, found in enumerate(every, start=1):
        assert torch.equal(found, encode_source(dbn, source, number))
        torch.testing.assert_close(found, expected[number - 1])


@pytest.mark.parametrize("rows", [slice(3, 40), torch.tensor([4, 0, 99])])
def test_features_computed_when_asked_for_are_the_same(dbn: DBN, rows: slice | torch.Tensor) -> None:
    some = images(100)
    source, kept = Encoded(dbn, some, 1), encode_source(dbn, some, 1)
    assert (len(source), source.width) == (100, 5)
    torch.testing.assert_close(source.batch(rows), kept[rows])
    torch.testing.assert_close(source.reader(40, torch.float32)(rows), kept[rows])
