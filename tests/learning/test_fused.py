"""Compiled steps learn what uncompiled ones learn, go on bit by bit the same, and are never in the way."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from deepbelief.checkpoint import load_state, save_state
from deepbelief.errors import CompileWarning, SettingsError
from deepbelief.learning.fused import Fused
from deepbelief.learning.rbm.joint import JointTraining
from deepbelief.learning.rbm.pretraining import Pretraining
from deepbelief.learning.rbm.settings import RBMSettings, Tempering
from deepbelief.learning.rbm.training import RBMTraining
from deepbelief.models.dbn import DBN
from deepbelief.models.rbm import RBM
from deepbelief.models.units import Bernoulli, Categorical, Gaussian, Joint, ReplicatedSoftmax
from deepbelief.randomness import Random
from deepbelief.system.compilation import Compiler, cpp_compiler
from tests.learning.recorded import Recorder
from tests.small_models import PAIRS, small_rbm, some_values

needs_compiler = pytest.mark.skipif(not cpp_compiler(), reason="no C++ compiler here")


@pytest.fixture(autouse=True, scope="module")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is compiled here is neither found in the user's cache nor left there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path_factory.mktemp("compiled")))
        yield


CD2 = RBMSettings(epochs=2, batch_size=8, learning_rate=0.02, gibbs_steps=2)
PHASES = {
    "CD-2": CD2,
    "CD-1 of means": RBMSettings(epochs=2, batch_size=8, learning_rate=0.02, visible_samples=False, shuffle=False),
    "PCD-2": RBMSettings(epochs=2, batch_size=8, learning_rate=0.02, gibbs_steps=2, persistent_chains=5),
    "PT": RBMSettings(epochs=2, batch_size=8, persistent_chains=5, tempering=Tempering(temperatures=3)),
    "trajectory": RBMSettings(epochs=2, batch_size=8, persistent_chains=5, tempering=Tempering(trajectory=True)),
    "everything": RBMSettings(
        epochs=2, batch_size=8, learning_rate=0.02, centring=True, l1=0.01, dropout=0.3, sparsity_cost=0.1
    ),
    "everything, PCD": RBMSettings(
        epochs=2, batch_size=8, learning_rate=0.02, persistent_chains=5, dropout=0.3, sparsity_cost=0.1
    ),
}


def to_means(units: Bernoulli, field: Tensor) -> None:
    """Overwrite a field."""
    units.mean_(field)


def learnt(rbm: RBM, data: Tensor, settings: RBMSettings, compiler: Compiler | None, **more: Any) -> Tensor:
    """All that a training leaves, in one row: parameters, errors, and the next random number."""
    random = Random(2)
    records = list(RBMTraining(rbm, data, settings, random=random, compiler=compiler, **more).epochs())
    errors = torch.tensor([record.reconstruction_error for record in records])
    return torch.cat([*(one.detach().double().flatten() for one in (*rbm.parameters(), errors, random.uniform((1,))))])


CASES = [("CD-2", *pair) for pair in PAIRS if "Bernoulli" in pair]
CASES += [(phase, "Joint", "Bernoulli") for phase in PHASES] + [("PCD-2", "Gaussian", "Categorical")]


@pytest.mark.parametrize(("phase", "visible", "hidden"), CASES)
def test_recorded_steps_learn_the_same(phase: str, visible: str, hidden: str) -> None:
    data = some_values(small_rbm(visible, hidden).visible, 19, Random(1))  # the last batch is smaller
    plain, recorded = (
        learnt(small_rbm(visible, hidden), data, PHASES[phase], compiler) for compiler in (None, Recorder())
    )
    torch.testing.assert_close(recorded, plain, rtol=1e-9, atol=1e-12)


def test_recorded_steps_know_missing_values() -> None:
    rbm = small_rbm("Gaussian", "Bernoulli")
    data = some_values(rbm.visible, 19, Random(1))
    data[3, 1] = data[12, 0] = torch.nan
    plain, recorded = (
        learnt(small_rbm("Gaussian", "Bernoulli"), data, CD2, compiler) for compiler in (None, Recorder())
    )
    torch.testing.assert_close(recorded, plain, rtol=1e-9, atol=1e-12)


def test_words_are_counted_uncompiled() -> None:
    """How many numbers are drawn for them depends on their values."""
    rbm = RBM(ReplicatedSoftmax(4, 3), Bernoulli(3), Random(0)).double()

    class Never(Recorder):
        def __call__(self, *_: Any) -> None:
            raise AssertionError("what draws by values was to be compiled")

    training = RBMTraining(rbm, torch.ones(8, 4).double(), CD2, random=1, compiler=Never())
    training._step.phase.statistics(torch.ones(8, 4).double(), Random(0))


@needs_compiler
def test_compiled_steps_learn_the_same() -> None:
    """Several kinds of units at once; in float64, where next to no state falls on the other side by rounding."""

    def rbm() -> RBM:
        return RBM(Joint(Bernoulli(5), Categorical(2, 3), Gaussian(4)), Bernoulli(6), Random(0)).double()

    data, compiler = some_values(rbm().visible, 19, Random(1)), Compiler()
    plain, compiled = (learnt(rbm(), data, PHASES["PCD-2"], one) for one in (None, compiler))
    torch.testing.assert_close(compiled, plain, rtol=1e-9, atol=1e-12)
    assert compiler.works


@needs_compiler
def test_compiled_steps_in_bfloat16_and_going_on_from_a_checkpoint(tmp_path: Path) -> None:
    """Alike in both ways but for the rounding of means and of what they decide; bit by bit the same within one."""
    data, settings = Random(1).uniform((64, 40)), RBMSettings(epochs=4, batch_size=16, visible_samples=False)

    def training(compiler: Compiler | None) -> RBMTraining:
        rbm = RBM(Bernoulli(40), Bernoulli(20), Random(0), weight_std=0.1)
        return RBMTraining(rbm, data, settings, random=3, products=torch.bfloat16, compiler=compiler)

    whole, plain = training(Compiler()), training(None)
    ends = [list(one.epochs()) for one in (whole, plain)]
    assert ends[0][-1].reconstruction_error == pytest.approx(ends[1][-1].reconstruction_error, rel=0.02)
    assert 0 < (whole.rbm.weights - plain.rbm.weights).abs().max() < 0.05

    first, again = training(Compiler()), training(Compiler())
    list(itertools.islice(first.epochs(), 2))
    save_state(tmp_path / "state", first.state())
    again.restore(load_state(tmp_path / "state"))
    list(again.epochs())
    assert torch.equal(again.rbm.weights, whole.rbm.weights)
    assert torch.equal(again.rbm.visible.bias, whole.rbm.visible.bias)
    with pytest.raises(SettingsError, match="began with compiled steps: give a compiler to go on"):
        plain.restore(load_state(tmp_path / "state"))
    with pytest.raises(SettingsError, match="began with uncompiled steps: give no compiler to go on"):
        again.restore(training(None).state())


@pytest.mark.parametrize("kind", [Pretraining, JointTraining])
def test_a_stack_goes_on_as_it_began(kind: type[Pretraining | JointTraining]) -> None:
    def training(compiler: Compiler | None) -> Pretraining | JointTraining:
        return kind(DBN.from_sizes([6, 5, 4], Random(0)), torch.rand(20, 6), CD2, random=1, compiler=compiler)

    begun = training(Recorder())
    next(begun.epochs())
    with pytest.raises(SettingsError, match="began with compiled steps"):
        training(None).restore(begun.state())
    training(Recorder()).restore(begun.state())


def test_a_failing_compiler_is_told_of_once_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("g++: internal\ncompiler error")

    monkeypatch.setattr("torch._inductor.compile", fails)
    data, compiler = Random(1).uniform((19, 3)), Compiler()
    with pytest.warns(CompileWarning, match=r"could not be compiled \(g\+\+: internal compiler error\)") as told:
        slow = learnt(small_rbm("Bernoulli", "Bernoulli").float(), data, CD2, compiler, products=torch.bfloat16)
    assert len(told) == 1 and not compiler.works
    plain = learnt(small_rbm("Bernoulli", "Bernoulli").float(), data, CD2, None, products=torch.bfloat16)
    torch.testing.assert_close(slow, plain, rtol=1e-4, atol=1e-5)


def test_a_pytorch_without_this_way_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch._inductor

    monkeypatch.delattr(torch._inductor, "compile")
    with pytest.warns(CompileWarning, match="could not be compiled"):
        field = torch.zeros(2, 3)
        with torch.no_grad():
            Fused(to_means, Bernoulli(3), compiler=Compiler())(field)
    assert torch.equal(field, torch.full((2, 3), 0.5))


def test_parameters_are_read_anew_and_outputs_are_named() -> None:
    units = Gaussian(2)
    with torch.no_grad():
        work = Fused(lambda units, values: units.further_statistics(values, False), units, compiler=Recorder())
        values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        for precision in (0.0, 1.0):
            units.log_precision.fill_(precision)
            found = work(values)
            assert found is not None
            torch.testing.assert_close(found["log_precision"], units.further_statistics(values, False)["log_precision"])


@torch.no_grad()
def test_weights_that_were_changed_between_epochs_are_seen() -> None:
    """The update writes the narrow copy of the weights, too; a new epoch takes the weights as they then are."""
    rbm, data = RBM(Bernoulli(6), Bernoulli(4), Random(0), weight_std=1.0), Random(1).uniform((16, 6))
    training = RBMTraining(rbm, data, CD2, random=1, products=torch.bfloat16, compiler=Recorder())
    next(training.epochs())
    narrow = training.negative_phase.narrow
    assert narrow is not None and narrow.are_new
    assert torch.equal(narrow.weights, rbm.weights.bfloat16())
    rbm.weights.zero_()
    training.begin(2)
    expected = torch.sigmoid(rbm.hidden.bias).expand(8, 4)
    torch.testing.assert_close(training.learn(data[:8]).float(), expected, rtol=0, atol=0.01)
