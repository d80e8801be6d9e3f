"""The stack: passes up and down are those of its RBMs."""

import pytest
import torch

from deepbelief.errors import SettingsError
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import bernoulli_rbm
from deepbelief.randomness import Random


@pytest.fixture
def dbn() -> DBN:
    return DBN.from_sizes([6, 5, 4, 3], Random(0), weight_std=1.0).double()


def test_encode_is_one_rbm_after_the_other(dbn: DBN) -> None:
    v = torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    first = dbn.layer(1).hidden_mean(v)
    second = dbn.layer(2).hidden_mean(first)
    torch.testing.assert_close(dbn.encode(v, 1), first)
    torch.testing.assert_close(dbn.encode(v, 2), second)
    torch.testing.assert_close(dbn.encode(v), dbn.layer(3).hidden_mean(second))
    torch.testing.assert_close(dbn.encode(v, 0), v)
    for layer, values in enumerate(dbn.encode_all(v), start=1):
        torch.testing.assert_close(values, dbn.encode(v, layer))


def test_decode_and_reconstruct(dbn: DBN) -> None:
    v = torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    h = dbn.encode(v)
    down = dbn.layer(1).visible_mean(dbn.layer(2).visible_mean(dbn.layer(3).visible_mean(h)))
    torch.testing.assert_close(dbn.decode(h), down)
    torch.testing.assert_close(dbn.reconstruct(v), down)
    torch.testing.assert_close(dbn.reconstruct(v, 2), dbn.decode(dbn.encode(down)))
    torch.testing.assert_close(dbn.reconstruct(v, 1, layer=1), dbn.layer(1).reconstruct(v))


def test_gradients_of_the_whole_way_agree_with_finite_differences(dbn: DBN) -> None:
    v = torch.rand(2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: dbn.reconstruct(x, 2), (v,))


def test_sizes_and_layers(dbn: DBN) -> None:
    assert dbn.sizes == [6, 5, 4, 3]
    assert len(dbn) == 3
    for wrong in (0, 4):
        with pytest.raises(SettingsError, match="layers 1 to 3"):
            dbn.layer(wrong)


def test_the_top_is_minus_one_and_layers_that_are_not_there_are_refused(dbn: DBN) -> None:
    v = torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dbn.encode(v, -1), dbn.encode(v, 3))
    assert torch.equal(dbn.decode(dbn.encode(v), -1), dbn.reconstruct(v))
    assert torch.equal(dbn.encode(v, 0), v)
    for wrong in (-2, 4):
        with pytest.raises(SettingsError, match=f"layers 1 to 3, not {wrong}"):
            dbn.encode(v, wrong)
        with pytest.raises(SettingsError, match=f"layers 1 to 3, not {wrong}"):
            dbn.reconstruct(v, layer=wrong)


def test_it_is_a_layer_of_a_network(dbn: DBN) -> None:
    v = torch.rand(7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(dbn(v), dbn.encode(v))
    torch.testing.assert_close(torch.nn.Sequential(*dbn.rbms)(v), dbn.encode(v))


def test_impossible_stacks_are_refused() -> None:
    with pytest.raises(SettingsError, match="4 visible units cannot stand on one with 5 hidden"):
        DBN([bernoulli_rbm(6, 5, Random(0)), bernoulli_rbm(4, 3, Random(0))])
    with pytest.raises(SettingsError, match="at least one RBM"):
        DBN([])
    with pytest.raises(SettingsError, match="visible and a hidden size"):
        DBN.from_sizes([6], Random(0))


def test_it_is_an_honest_module(dbn: DBN) -> None:
    assert "rbms.2.weights" in dbn.state_dict()
    assert sum(parameter.numel() for parameter in dbn.parameters()) == 6 * 5 + 5 * 4 + 4 * 3 + 6 + 2 * (5 + 4) + 3
    assert dbn.to("meta").encode(torch.empty(2, 6, device="meta", dtype=torch.float64)).shape == (2, 3)
