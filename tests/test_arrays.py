"""What is taken for values: every form of the same numbers gives the same, and what has no numbers a sentence."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from deepbelief import (
    DBN,
    RBM,
    Bernoulli,
    ConvergedTraining,
    FeedForward,
    Gaussian,
    HybridSettings,
    HybridTraining,
    Labelled,
    LabelledDBN,
    LabelledRBM,
    MinibatchSettings,
    MinibatchTraining,
    Pretraining,
    Random,
    RBMSettings,
    UpDownSettings,
    UpDownTraining,
    accuracy,
    encode_source,
    evaluate,
    fantasies,
    inpaint,
    labelled_fantasies,
    standardise,
)
from deepbelief.arrays import as_batch, as_tensor
from deepbelief.data import TensorSource
from deepbelief.errors import DataError, SettingsError
from deepbelief.learning import (
    AutoencoderSettings,
    AutoencoderTraining,
    ConvergedSettings,
    FullBatchSettings,
    FullBatchTraining,
    ReadoutClassifier,
)
from deepbelief.likelihood import (
    AISSettings,
    ais,
    as_states,
    dbn_bound,
    layer_path,
    log_likelihood,
    raise_bound,
    upper_side,
)
from deepbelief.models import AnnealedPath, Standardisation, base_rate_bias, predict, unroll
from deepbelief.sampling import Clamp, chain, clamped_chain, interpolate

X = (Random(0, "values").uniform((12, 6)) < 0.5).float()
Y = torch.arange(12) % 2
KNOWN = torch.arange(6) < 3
QUICK = AISSettings.of(3, chains=4)


def read_only(values: torch.Tensor) -> np.ndarray:
    """Which PyTorch warns of."""
    array = values.numpy().copy()
    array.flags.writeable = False
    return array


FORMS: dict[str, Callable[[torch.Tensor], Any]] = {
    "float64": lambda values: values.double() if values.is_floating_point() else values.to(torch.uint8),
    "bfloat16": lambda values: values.bfloat16() if values.is_floating_point() else values.int(),
    "transposed": lambda values: values.mT.contiguous().mT if values.ndim == 2 else values,
    "with a gradient": lambda values: values.clone().requires_grad_() if values.is_floating_point() else values,
    "array": lambda values: values.numpy(),
    "half array": lambda values: values.numpy().astype("f2" if values.is_floating_point() else values.numpy().dtype),
    "read-only array": read_only,
    "backwards array": lambda values: values.flip(0).numpy()[::-1],
    "array of another byte order": lambda values: values.numpy().astype(values.numpy().dtype.newbyteorder()),
    "lists": lambda values: values.tolist(),
    "tensors in a list": list,
}


def trained(model: Any, records: Any) -> list[torch.Tensor]:
    for _ in records:
        pass
    return [tensor.clone() for tensor in model.state_dict().values()]


def pretraining(x: Any, _: Any, dtype: torch.dtype) -> Any:
    dbn, random = DBN.from_sizes([6, 4, 3], Random(0)).to(dtype), Random(1)
    return trained(dbn, Pretraining(dbn, x, RBMSettings(epochs=1, batch_size=5), random=random, held_out=x).epochs())


def labels_beside(x: Any, y: Any, dtype: torch.dtype) -> Any:
    model, random = LabelledRBM(Bernoulli(6), 2, Bernoulli(4), Random(0)).to(dtype), Random(1)
    data = Labelled(x, y, 2)
    return trained(
        model, Pretraining(DBN([model.rbm]), data, [RBMSettings(epochs=1)], random=random, held_out=data).epochs()
    )


def hybrid(x: Any, y: Any, dtype: torch.dtype) -> Any:
    model = LabelledRBM(Bernoulli(6), 2, Bernoulli(4), Random(0)).to(dtype)
    return trained(
        model, HybridTraining(model, (x, y), HybridSettings(epochs=1), random=Random(1), held_out=(x, y)).epochs()
    )


def updown(x: Any, y: Any, dtype: torch.dtype) -> Any:
    model = LabelledDBN.from_sizes([6, 4, 3], 2, Random(0)).to(dtype)
    return trained(
        model, UpDownTraining(model, (x, y), UpDownSettings(epochs=1), random=Random(1), held_out=(x, y)).epochs()
    )


def autoencoder(x: Any, _: Any, dtype: torch.dtype) -> Any:
    model = unroll(DBN.from_sizes([6, 3], Random(0)).to(dtype))
    training = AutoencoderTraining(model, x, AutoencoderSettings(epochs=1), random=Random(1), held_out=x)
    return [*trained(model, training.epochs()), model(x), model.squared_error(x), model.cross_entropy(x)]


def full_batch(x: Any, y: Any, dtype: torch.dtype) -> Any:
    network = FeedForward([6, 2], torch.relu, Random(0)).to(dtype)
    return trained(network, FullBatchTraining(network, (x, y), FullBatchSettings(steps=2)).epochs())


def minibatches(x: Any, y: Any, dtype: torch.dtype) -> Any:
    network = FeedForward([6, 3, 2], torch.relu, Random(0)).to(dtype)
    training = MinibatchTraining(network, (x, y), MinibatchSettings(epochs=1), random=Random(1), held_out=(x, y))
    return [
        *trained(network, training.epochs()),
        torch.tensor(accuracy(network, x, y)),
        predict(network, x),
        network(x),
    ]


def readout(x: Any, y: Any, dtype: torch.dtype) -> Any:
    network = FeedForward([6, 2], torch.relu, Random(0)).to(dtype)
    list(ConvergedTraining(network, (x, y), ConvergedSettings(l2=(0.1,)), held_out=(x, y)).epochs())
    dbn = DBN.from_sizes([4, 6], Random(0)).to(dtype)
    return [network(x).to(dtype), ReadoutClassifier(dbn, 1, network)(torch.ones(2, 4)).to(dtype)]


def rbm_batches(x: Any, _: Any, dtype: torch.dtype) -> Any:
    rbm, h = RBM(Bernoulli(6), Bernoulli(6), Random(0)).to(dtype), x
    single = [rbm.hidden_mean(x), rbm.visible_mean(h), rbm.energy(x, h), rbm.free_energy(x), rbm.reconstruct(x, 2)]
    return [
        *single,
        rbm.sample_hidden(x, Random(1)),
        rbm.sample_visible(h, Random(1)),
        base_rate_bias(rbm.visible, [x]),
    ]


def dbn_batches(x: Any, _: Any, dtype: torch.dtype) -> Any:
    dbn = DBN.from_units([Gaussian(6), Bernoulli(6)], Random(0)).to(dtype)
    standardise(dbn, x)
    passes = [dbn.encode(x), *dbn.encode_all(x), dbn.decode(x), dbn.reconstruct(x, 2), encode_source(dbn, x)]
    return [*passes, Standardisation.of([x]).mean.to(dtype)]


def labelled_batches(x: Any, y: Any, dtype: torch.dtype) -> Any:
    model = LabelledDBN.from_sizes([6, 6, 3], 2, Random(0)).to(dtype)
    both = [model(x), model.encode(x), model.top(x), model.top.join(x, y), *model.clamp_label(y)]
    return [*both, labelled_fantasies(model, y, Random(1), steps=4)]


def sampled(x: Any, _: Any, dtype: torch.dtype) -> Any:
    dbn = DBN.from_sizes([6, 6], Random(0)).to(dtype)
    known = KNOWN.numpy() if isinstance(x, np.ndarray) else KNOWN.tolist() if isinstance(x, list) else KNOWN
    clamp = Clamp(x, known)
    made = [next(chain(dbn, x, Random(1), clamp=clamp)), fantasies(dbn, 12, Random(1), 4, clamp=clamp)]
    completed = [inpaint(dbn, x, known, Random(1), 4), next(clamped_chain(dbn.layer(1), x, known, Random(1))).mean]
    return [*made, *completed, interpolate(dbn, x, x, 3)]


def likely(x: Any, _: Any, dtype: torch.dtype) -> Any:
    dbn = DBN.from_sizes([6, 4], Random(0)).to(dtype)
    path, units = layer_path(dbn, 1, x), dbn.layer(1).visible
    z = ais(path, Random(1), QUICK)
    found = [evaluate(dbn, x, x, Random(1), QUICK).bracket, dbn_bound(dbn, path, x, z, Random(1), QUICK)]
    found.append(log_likelihood(path, x, z, Random(1), QUICK))
    sides = [upper_side(dbn, x, z.log_z, Random(1)), raise_bound(path, x, Random(1), QUICK)]
    return [one.to(dtype) for both in found for one in (both.upper, both.lower)] + [
        *(side.to(dtype) for side in sides),
        as_states(units, x, Random(1)),
    ]


TAKERS = [pretraining, labels_beside, hybrid, updown, autoencoder, full_batch, minibatches, readout, rbm_batches]
TAKERS += [dbn_batches, labelled_batches, sampled, likely]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("taker", TAKERS)
def test_the_same_numbers_in_every_form_give_the_same(taker: Any, dtype: torch.dtype) -> None:
    expected = taker(X, Y, dtype)
    assert all(isinstance(one, torch.Tensor) for one in expected)
    for name, form in FORMS.items():
        for found, wanted in zip(taker(form(X), form(Y), dtype), expected, strict=True):
            torch.testing.assert_close(
                found, wanted, rtol=1e-5, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
            )


def test_gradients_go_through_a_change_of_type() -> None:
    values = X.double().requires_grad_()
    dbn = DBN.from_sizes([6, 4], Random(0))
    dbn.reconstruct(values).sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert values.grad.dtype == torch.float64
    assert values.grad.abs().sum() > 0


def test_a_batch_that_fits_is_handed_on_as_it_is() -> None:
    values, array = torch.rand(3, 4), np.ones((3, 4), np.float32)
    assert as_batch(values, torch.zeros(1), 4, "it sees") is values
    assert as_tensor(array).data_ptr() == array.ctypes.data
    assert TensorSource(values).values.data_ptr() == values.data_ptr()


MASKED = np.ma.masked_array(np.ones((4, 6)), mask=np.eye(4, 6))
NO_NUMBERS = {
    "sparse tensor": (X.to_sparse(), "sparse tensor: give a dense one"),
    "SciPy's sparse array": (scipy.sparse.csr_array(np.eye(6)), "sparse csr_array: give a dense array"),
    "ragged lists": ([[0.0, 1.0], [1.0]], "lists of different lengths"),
    "ragged tensors": ([torch.zeros(2), torch.zeros(3)], "tensors of different shapes"),
    "text": ([["a"] * 6], "list of str"),
    "objects": (np.array([[None] * 6]), "ndarray of object: give a tensor or an array of real numbers"),
    "complex array": (np.ones((2, 6), complex), "ndarray of complex128"),
    "complex tensor": (torch.ones(2, 6, dtype=torch.complex64), "complex numbers"),
    "missing values": (MASKED, "masked values, which are missing"),
    "nothing": (None, "a NoneType: give a tensor"),
    "a model": (Random(0), "a Random: give a tensor"),
    "a generator": ((row for row in X), "a generator: give"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
@pytest.mark.parametrize("take", [TensorSource, DBN.from_sizes([6, 4], Random(0)).encode])
def test_what_has_no_numbers_is_told_in_a_sentence(take: Any, name: str) -> None:
    given, message = NO_NUMBERS[name]
    with pytest.raises(DataError, match=message) as fault:
        take(given)
    assert "\n" not in str(fault.value)


DBN_6 = DBN.from_sizes([6, 4], Random(0))
LABELLED = LabelledDBN.from_sizes([6, 4, 3], 2, Random(0))
BATCHES: dict[str, Callable[[Any], Any]] = {
    "encode": DBN_6.encode,
    "encode_all": DBN_6.encode_all,
    "decode": DBN_6.decode,
    "reconstruct": DBN_6.reconstruct,
    "hidden_mean": DBN_6.layer(1).hidden_mean,
    "visible_mean": DBN_6.layer(1).visible_mean,
    "free_energy": DBN_6.layer(1).free_energy,
    "labelled": LABELLED,
    "top": LABELLED.top,
    "network": FeedForward([6, 2], torch.relu, Random(0)),
    "autoencoder": unroll(DBN_6),
    "chain": lambda x: next(chain(DBN_6, x, Random(0))),
    "inpaint": lambda x: inpaint(DBN_6, x, KNOWN, Random(0), 4),
    "interpolate": lambda x: interpolate(DBN_6, x, x),
    "as_states": lambda x: as_states(DBN_6.layer(1).visible, x, Random(0)),
    "raise_bound": lambda x: raise_bound(AnnealedPath(DBN_6.layer(1), DBN_6.layer(1).visible.bias), x, Random(0)),
}


@pytest.mark.parametrize(("name", "shape"), list(itertools.product(BATCHES, [(3, 7), (3, 1), (2, 3, 5), ()])))
def test_batches_of_another_width_are_told_in_a_sentence(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match=r"\d values of each item, not a tensor of shape \("):
        BATCHES[name](np.zeros(shape))
